"""What a pod does around a step: it opens the search once, and says in one sentence what failed.

Kubeflow's own pages would not show that sentence; so it is noted in the search, and is the last
line of the pod's log.
"""

from __future__ import annotations

import sys
import time
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from threading import Event
from typing import Any

from nas_lib import steps
from nas_lib.blame import is_foreseen, sentence_of
from nas_lib.config import SearchConfig, SharedConfig
from nas_lib.config_file import resolve_config
from nas_lib.data import Manifest
from nas_lib.engine import default_workers, train_one, train_round, worker_processes
from nas_lib.errors import ConfigError, NasError, NobodyWaitsError, StoreError, one_line, visible
from nas_lib.open_search import OpenSearch
from nas_lib.procedures import Listener, procedure_of
from nas_lib.procedures.procedure import settings_of
from nas_lib.records import ChildId, ChildResult, RunPlan, SharedEpoch
from nas_lib.redaction import without_secrets
from nas_lib.report import epoch_text
from nas_lib.results import SearchView
from nas_lib.steps import Plan
from nas_lib.store import heartbeat, layout, lease
from nas_lib.store.environment import kept_in
from nas_lib.store.lease import IsAlive
from nas_lib.store.patience import patience_with
from nas_lib.streams import quiet

_MAY_BE_FIRST = ("prepare_data", "write_report")
"""Steps before which none of the run need have reached the store: the report comes in any case."""
_STOPPED_WITHIN_S = 25.0  # of the 30 s that Kubernetes leaves a pod
_ENDED_WITHIN_S = 600.0  # nobody is in a hurry, but an epoch may take hours


@contextmanager
def pod_step(
    search_uri: str,
    step: str,
    run: str,
    *,
    replica: int | None = None,
    children: Sequence[str] = (),
) -> Iterator[OpenSearch]:
    """Open the search for a step; end the process with one sentence where that fails.

    It is noted in the search too, unless the pod was stopped. What nobody foresaw keeps its
    traceback, which nobody could have again from a pod. While the step goes on, the search has a
    note of that: what is left of it when the run ends says which pods ended without a word.

    Args:
        search_uri: Where the search lies.
        step: What the pod does.
        run: For which run.
        replica: Whose open round it works on, if it works on one.
        children: On which children of a round it works.
    """
    work = None
    try:
        with quiet():
            search = OpenSearch(search_uri)
            if step not in _MAY_BE_FIRST:  # else the run would not have come here
                patience_with(search.uri).answered = True
            work = _Work(search, step, run)
            work.begin(replica, children)
            yield search
            work.end()
    except (KeyboardInterrupt, SystemExit, GeneratorExit):
        if work is not None:
            work.end()  # it was stopped, and is not missing
        raise
    except BaseException as err:
        message = _sentence(err)
        if work is not None:
            work.fail(message)
        if not is_foreseen(err):
            print(visible(without_secrets(traceback.format_exc())), file=sys.stderr)
        raise SystemExit(f"nas: {message}") from None


def _sentence(err: BaseException) -> str:
    """Return what went wrong; of a setting of the store, where a run has it from, too."""
    message = sentence_of(err)
    where = kept_in(message) if isinstance(err, StoreError | ConfigError) else ""
    return f"{message} ({where})" if where else message


class _Work:
    """A step in a pod, as the search has notes of it."""

    def __init__(self, search: OpenSearch, step: str, run: str) -> None:
        self.search = search
        self._step = step
        self._run = run
        self._subject = ""
        self._begun = ""

    def begin(self, replica: int | None, children: Sequence[str]) -> None:
        """Note that it begins; what is wrong with the store is found by reading first."""
        store = self.search.store
        store.find_search()
        self._subject = steps.subject_of(store, replica=replica, children=children)
        self._begun = steps.begin_step(store, run=self._run, step=self._step, subject=self._subject)

    def end(self) -> None:
        """Take that back."""
        if self._begun:
            with suppress(NasError):  # its work is done, and what it did is stored
                steps.end_step(self.search.store, self._begun)

    def fail(self, message: str) -> None:
        """Note what it could not do."""
        with suppress(NasError):  # the store itself may be what is wrong
            about = f"{steps.subject_text(self._subject)}: " if self._subject else ""
            self.search.store.note_problem(run=self._run, step=self._step, message=about + message)
            self.end()


def prepare_data(
    search: OpenSearch, *, preset: str, overrides: Mapping[str, Any], run: str
) -> Manifest | None:
    """Create the search from a preset and overrides, or continue it; see `steps.prepare_data`.

    A new budget is noted for `plan_rounds` of the same run, which finds out whether it may count.
    """
    stored = search.store.config() if search.store.find_search() else None
    config = resolve_config(preset, overrides, stored=stored)
    if config is not None and stored is None and not search.task_of(config).has_data():
        path = getattr(config.task.data, "path", "")
        raise ConfigError(
            f"nothing lies at task.data.path in this pod ({path}): if it lies "
            "on your own machine, store it from there with `nas prepare`"
        )

    def warn(message: str) -> None:
        search.store.note_problem(run=run, step="prepare_data", message=message)
        _say(message)

    manifest = steps.prepare_data(search, config=config, warn=warn, settles=False)
    if config is not None and config != search.store.config():
        search.store.settle(layout.wanted_settings(run), config)
    for notice in manifest.notices if manifest else ():
        _say(f"data: {notice}")
    return manifest


def plan_rounds(
    search: OpenSearch,
    *,
    replica: int,
    rounds_per_run: int,
    run: str,
    is_alive: IsAlive = lambda run: None,
    end_schedule: Callable[[str], str | None] = lambda run: None,
) -> Plan:
    """Take the lease, and say what this run may do; note who keeps it away.

    Args:
        search: The search.
        replica: The controller replica.
        rounds_per_run: Rounds, or ticks, that this run may do at most.
        run: This run.
        is_alive: Is asked about a run that has the replica; see `lease.take`.
        end_schedule: Is called where there is nothing to do any more: whatever begins such runs
            may end. Returns what is to be noted of that.
    """
    wanted = search.store.find(SearchConfig, layout.wanted_settings(run))
    if wanted is not None:
        search.want(wanted)
    plan = steps.plan_rounds(
        search, replica=replica, run=run, rounds_per_run=rounds_per_run, is_alive=is_alive, say=_say
    )
    if plan.holder:
        sentence = f"{plan.holder} is working on replica {replica}: nothing is done here"
    else:
        _note_plan(search, replica, run, len(plan.ticks))
        sentence = "" if plan.ticks else end_schedule(run) or ""
    if sentence:
        search.store.note_problem(run=run, step="plan_rounds", message=sentence)
        _say(sentence)
    return plan


def _note_plan(search: OpenSearch, replica: int, run: str, num_ticks: int) -> None:
    """Note what this run set out to do, which its report compares with what came of it."""
    num_done = procedure_of(search.config).num_done(search, replica)
    planned = RunPlan(run, replica, num_ticks, num_done, created_s=time.time())
    search.store.settle(layout.run_plan(run), planned)


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
        _say(epoch_text(metrics, search.task.measure))
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
            _say(str(err))
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


def write_report(search: OpenSearch, *, replica: int, run: str) -> SearchView | None:
    """Write the report and let go of the lease; None where preparation failed and nothing is.

    What steps of this run left undone without a word is noted in their place.
    """
    steps.note_what_is_missing(search, replica=replica, run=run, but="write_report")
    if search.store.find_search() is None:
        return None
    lease.release(search.store, replica, run)
    return steps.write_report(search, run=run)


class Log(Listener):
    """Says in the pod's log what becomes of children."""

    def ended(self, result: ChildResult) -> None:
        """Print it."""
        _say(f"{result.id}: {result.status}, reward {result.reward:.4f}")

    def failed(self, child: str, message: str) -> None:
        """Print it."""
        _say(f"{child} failed: {message}")

    def warned(self, message: str) -> None:
        """Print it."""
        _say(message)

    def waiting(self, child: str, message: str) -> None:
        """Print it."""
        _say(f"{child} waits: {message}")


def _require_gpus(search: OpenSearch, device: str) -> None:
    """Let nobody wait for days on CPUs who asked for GPUs: only a laptop may do without them."""
    num = search.config.resources.gpu_count
    if num and device != "cpu":
        from nas_lib.training.devices import require_gpu  # loads torch

        require_gpu(f"resources.gpu_count is {num}")


def _say(line: str) -> None:
    print(one_line(line), flush=True)
