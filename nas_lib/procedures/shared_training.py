"""train_shared_weights: epochs of the network that owns the weights of all architectures (ENAS)."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from nas_lib.config import SharedConfig
from nas_lib.errors import OutOfMemoryError
from nas_lib.open_search import OpenSearch
from nas_lib.procedures.procedure import settings_of
from nas_lib.procedures.shards import pull_versions
from nas_lib.records import SharedEpoch
from nas_lib.shared_weights.memory import freed_memory_kept
from nas_lib.store import layout

if TYPE_CHECKING:
    from nas_lib.shared_weights.trainer import SharedTrainer
    from nas_lib.shared_weights.workload import Workload
    from nas_lib.training.checkpoints import CheckpointFolder

REPLICA = 0
"""The only one: the process that trains the weights has the controller, too."""


@dataclass(frozen=True)
class WeightsProgress:
    """Where shared-weight training stands.

    Attributes:
        epoch: Finished epochs.
        num_epochs: Of the whole training.
    """

    epoch: int
    num_epochs: int

    @property
    def is_complete(self) -> bool:
        """Whether architectures may be derived."""
        return self.epoch >= self.num_epochs


def weights_progress(search: OpenSearch) -> WeightsProgress:
    """Return where shared-weight training stands.

    Raises:
        ConfigError: The search has no shared weights.
    """
    newest = search.store.newest(layout.SHARED_EPOCHS)
    return WeightsProgress(newest or 0, settings_of(search, SharedConfig).weights.epochs)


def train_shared_weights(
    search: OpenSearch,
    *,
    run: str,
    minutes: float | None = None,
    on_epoch: Callable[[SharedEpoch], None] = lambda _: None,
) -> WeightsProgress:
    """Train the shared weights, from the last finished epoch on.

    Args:
        search: The search.
        run: This run.
        minutes: Stop at the first end of an epoch after this; None trains to the end.
        on_epoch: Is called after each epoch.

    Returns:
        Where it stands now.

    Raises:
        ConfigError: The search has no shared weights.
        DivergedError: A weight is no finite number any more.
    """
    started_s = time.monotonic()
    if not weights_progress(search).is_complete:
        with at_work():
            for metrics in epochs(search, restored(search, run)[0]):
                on_epoch(metrics)
                if minutes is not None and time.monotonic() - started_s >= 60 * minutes:
                    break
    return weights_progress(search)


@contextmanager
def at_work() -> Iterator[None]:
    """Have memory at hand, and say in one sentence where there is not enough of it."""
    try:
        with freed_memory_kept():
            yield
    except (RuntimeError, MemoryError) as err:
        from nas_lib.training.epoch_trainer import is_out_of_memory  # loads torch

        if not is_out_of_memory(err):
            raise
        raise OutOfMemoryError(
            "shared weights take more memory than there is: start anew with a smaller "
            "search.weights.batch_size, or give the pod more (resources.memory): "
            f"{err}".partition("\n")[0]
        ) from err


def restored(search: OpenSearch, run: str) -> tuple[SharedTrainer, Workload]:
    """Return a trainer after the newest checkpoint, whose epoch's metrics are stored."""
    from nas_lib.shared_weights.checkpoint import SharedCheckpoint  # loads torch
    from nas_lib.shared_weights.trainer import SharedTrainer

    settings = settings_of(search, SharedConfig)
    workload = search.task.workload(search.store)
    trainer = SharedTrainer(
        settings,
        workload,
        search.controller,
        search.space.decisions(1),
        shards=pull_versions(search, [0] * settings.shards),
        in_common=settings.judges_in_common(search.config.controller),
        seed=search.config.seed,
        run=run,
        goodness=search.task.goodness,
        beat=lambda: search.show_life(REPLICA, run),
    )
    folder = _checkpoints(search)
    checkpoint = folder.latest(
        partial(
            SharedCheckpoint.checked,
            network=workload.network,
            controller=search.controller,
            num_shards=settings.shards,
        ),
        known=weights_progress(search).epoch,
    )
    _note_problems(search, folder, run)
    if checkpoint is not None:
        trainer.restore(checkpoint)
        key = layout.shared_epoch(checkpoint.metrics.epoch)
        search.store.settle(key, checkpoint.metrics)  # a kill may have come before this
    return trainer, workload


def epochs(search: OpenSearch, trainer: SharedTrainer) -> Iterator[SharedEpoch]:
    """Train epoch by epoch to the end, and yield what each came to once it is stored."""
    while trainer.epoch < settings_of(search, SharedConfig).weights.epochs:
        metrics = trainer.run_epoch()
        folder = _checkpoints(search)
        folder.create(metrics.epoch, trainer.checkpoint(metrics).to_bytes())
        yield search.store.settle(layout.shared_epoch(metrics.epoch), metrics)
        _note_problems(search, folder, metrics.run)


def _note_problems(search: OpenSearch, folder: CheckpointFolder, run: str) -> None:
    for problem in folder.problems:
        search.store.note_problem(run=run, step="train_shared_weights", message=problem)


def _checkpoints(search: OpenSearch) -> CheckpointFolder:
    from nas_lib.training.checkpoints import CheckpointFolder  # loads torch

    return CheckpointFolder(search.store.objects, layout.SHARED_CHECKPOINTS)
