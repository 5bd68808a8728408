"""What pods train: children, by themselves or several at once, and shared weights."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from threading import Event

from nas_lib import steps
from nas_lib.config import SharedConfig
from nas_lib.engine import default_workers, train_one, train_round, worker_processes
from nas_lib.errors import NobodyWaitsError
from nas_lib.open_search import OpenSearch
from nas_lib.pods.log import Log, say
from nas_lib.procedures.procedure import settings_of
from nas_lib.records import ChildId, SharedEpoch
from nas_lib.report import epoch_text
from nas_lib.store import heartbeat

_STOPPED_WITHIN_S = 25.0  # of the 30 s that Kubernetes leaves a pod
_ENDED_WITHIN_S = 600.0  # nobody is in a hurry, but an epoch may take hours


@dataclass(frozen=True)
class SharedTick:
    """What a pod did for shared weights.

    Attributes:
        last_epoch: What the last epoch that it trained came to, None where all were done before.
        may_derive: Whether this run is to derive architectures now.
    """

    last_epoch: SharedEpoch | None
    may_derive: bool


def train_shared_weights(search: OpenSearch, *, run: str) -> SharedTick:
    """Train shared weights for one tick; see `steps.train_shared_weights`."""
    settings = settings_of(search, SharedConfig)
    _require_gpus(search, settings.weights.device)
    epochs: list[SharedEpoch] = []

    def note(metrics: SharedEpoch) -> None:
        say(epoch_text(metrics, search.task.measure))
        epochs.append(metrics)

    steps.train_shared_weights(search, run=run, minutes=settings.tick_minutes, on_epoch=note)
    return SharedTick(epochs[-1] if epochs else None, steps.may_derive(search, run=run))


def derive_architectures(search: OpenSearch, *, run: str) -> list[str]:
    """Choose what is trained from scratch; see `steps.derive_architectures`."""
    _require_gpus(search, settings_of(search, SharedConfig).weights.device)
    return steps.derive_architectures(search, run=run)


def train_child(search: OpenSearch, *, child: str, run: str) -> float:
    """Train a child in a process of its own and return its reward, whatever becomes of it."""
    _require_gpus(search, search.config.children.device)
    replica = ChildId.parse(child).replica
    with worker_processes(search, run, Log(), num=1) as workers:
        return train_one(
            search, child, workers=workers, beat=lambda: search.show_life(replica, run)
        )


def train_child_in_job(search: OpenSearch, *, child: str, run: str) -> None:
    """Train a child for somebody who waits for its Job, in a process of its own.

    Where this is stopped, or nobody waits any more, it goes as far as a checkpoint. That the run is
    alive, whoever waits shows: the Job may outlive it.

    Raises:
        SystemExit: Nobody waits, by the code that ends the Job.
    """
    _require_gpus(search, search.config.children.device)
    with (
        heartbeat.silence(search.store, child) as silent,
        worker_processes(search, run, Log(), num=1) as workers,
    ):
        try:
            train_one(search, child, workers=workers, beat=partial(_end_if, silent, child))
        except KeyboardInterrupt:
            workers.wind_down(_STOPPED_WITHIN_S)
            raise
        except NobodyWaitsError as err:
            say(str(err))
            workers.wind_down(_ENDED_WITHIN_S)
            raise SystemExit(err.exit_code) from None


def _end_if(silent: Event, child: str) -> None:
    if silent.is_set():
        raise NobodyWaitsError(
            f"{child}: its run has shown no life for {heartbeat.SILENT_S:,.0f} s: this ends with a "
            "checkpoint, from which another run goes on"
        )


def train_children(search: OpenSearch, *, children: Sequence[str], run: str) -> list[float]:
    """Train children of one round in this pod, as many at once as it has GPUs, or else CPUs."""
    _require_gpus(search, search.config.children.device)
    num = min(default_workers(search.config), len(children))  # they share the memory
    with worker_processes(search, run, Log(), num=num) as workers:
        return train_round(search, children, run=run, workers=workers)


def _require_gpus(search: OpenSearch, device: str) -> None:
    """Let nobody wait for days on CPUs who asked for GPUs: only a laptop may do without them."""
    num = search.config.resources.gpu_count
    if num and device != "cpu":
        from nas_lib.training.devices import require_gpu  # loads torch

        require_gpu(f"resources.gpu_count is {num}")
