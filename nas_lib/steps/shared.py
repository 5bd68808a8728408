"""train_shared_weights and derive_architectures: a search by shared weights (ENAS).

After them come the steps of every search: the derived children are those of replica 0's only round.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from pydantic import ConfigDict
from pydantic.dataclasses import dataclass as checked_dataclass

from nas_lib.config import RandomConfig, SharedConfig
from nas_lib.controllers import Shard, build_controller
from nas_lib.errors import ConfigError, OutOfMemoryError
from nas_lib.records import (
    Child,
    ChildId,
    Derived,
    Proposed,
    SharedEpoch,
    SharedScore,
)
from nas_lib.shared_weights.memory import freed_memory_kept
from nas_lib.steps.open_search import OpenSearch
from nas_lib.steps.rounds import child_seed, is_finished, unfinished
from nas_lib.steps.shards import pull_versions
from nas_lib.steps.workloads import build_workload
from nas_lib.store import layout, lease

if TYPE_CHECKING:
    from nas_lib.shared_weights.trainer import SharedTrainer
    from nas_lib.shared_weights.workload import BatchNormMode, Workload
    from nas_lib.training.checkpoints import CheckpointFolder

_DERIVE, _PROBE = 3, 4  # streams of randomness
_CHUNK = 16  # architectures whose scores are stored together
_DRAWS = 4  # times as many as there are to be: some may be drawn twice
_REPLICA, _ROUND = 0, 0  # of the children that are derived


@dataclass(frozen=True)
class SharedProgress:
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


@checked_dataclass(frozen=True, config=ConfigDict(extra="forbid", allow_inf_nan=False))
class _Scores:
    samples: tuple[tuple[int, ...], ...]  # as tokens
    scores: tuple[float, ...]


def shared_progress(search: str | OpenSearch) -> SharedProgress:
    """Return where shared-weight training stands.

    Raises:
        ConfigError: The search has no shared weights.
    """
    search = OpenSearch.of(search)
    newest = search.store.newest(layout.SHARED_EPOCHS, ".json")
    return SharedProgress(newest or 0, _shared(search).epochs)


def train_shared_weights(
    search: str | OpenSearch,
    *,
    run: str,
    minutes: float | None = None,
    on_epoch: Callable[[SharedEpoch], None] = lambda _: None,
) -> SharedProgress:
    """Train the shared weights, from the last finished epoch on.

    Args:
        search: The search or its URI.
        run: This run.
        minutes: Stop at the first end of an epoch after this; None trains to the end.
        on_epoch: Is called after each epoch.

    Returns:
        Where it stands now.

    Raises:
        DivergedError: A weight is no finite number any more.
    """
    search = OpenSearch.of(search)
    started_s = time.monotonic()
    if not shared_progress(search).is_complete:
        with _at_work():
            for metrics in _epochs(search, _restored(search, run)[0]):
                on_epoch(metrics)
                if minutes is not None and time.monotonic() - started_s >= 60 * minutes:
                    break
    return shared_progress(search)


def derive_architectures(search: str | OpenSearch, *, run: str) -> list[str]:
    """Choose which architectures are trained from scratch, and return those without a result.

    The controller's samples are scored on all validation data, and the best are kept; probes drawn
    uniformly join them. At least one child is returned, whose training is a no-op where all have
    a result: a Kubeflow loop must not be empty.

    Raises:
        ConfigError: Shared-weight training is not complete.
    """
    search = OpenSearch.of(search)
    search.show_life(_REPLICA, run)
    progress = shared_progress(search)
    if not progress.is_complete:
        raise ConfigError(
            f"nothing can be derived from {search.uri} yet: the shared weights have "
            f"{progress.epoch} of {progress.num_epochs} epochs"
        )
    key = layout.round_state(_REPLICA, _ROUND, "proposed")
    proposed = search.store.find(Proposed, key)
    if proposed is None:
        proposed = search.store.settle(key, _proposed(search, _derived(search, run)))
    search.store.delete_below(layout.SHARED_CHECKPOINTS)
    return unfinished(search, proposed)


def may_derive(search: str | OpenSearch, *, run: str) -> bool:
    """Say whether shared weights are trained, and this run is to go on with what they tell."""
    search = OpenSearch.of(search)
    if not shared_progress(search).is_complete or is_finished(search, _REPLICA, _ROUND):
        return False
    holder = lease.holder(search.store, _REPLICA)
    return holder is None or holder.run == run


def equal_budget_samples(shared: SharedConfig, workload: Workload) -> int:
    """Return how many samples random search scores at the budget of a controller that learns.

    Both train the shared weights equally long. What the controller's steps would cost in forward
    passes over a mini-batch, random search spends on scoring more samples on all validation data.
    """
    refits = workload.has_batch_norm and shared.batch_norm == "refit"
    refit = shared.refit_batches if refits else 0
    num_steps = (shared.epochs - shared.controller_after) * shared.controller_steps
    architectures = num_steps * shared.architectures_per_step
    extra = architectures * (1 + refit) // (workload.num_validation_batches + refit)
    return shared.derive.num_samples + extra


def _shared(search: OpenSearch) -> SharedConfig:
    if search.config.shared is None:
        raise ConfigError(f"the search at {search.uri} has no shared weights")
    return search.config.shared


@contextmanager
def _at_work() -> Iterator[None]:
    """Have memory at hand, and say in one sentence where there is not enough of it."""
    try:
        with freed_memory_kept():
            yield
    except (RuntimeError, MemoryError) as err:
        from nas_lib.training.epochs import is_out_of_memory  # loads torch

        if not is_out_of_memory(err):
            raise
        raise OutOfMemoryError(
            "shared weights take more memory than there is: start anew with a smaller "
            f"shared.batch_size, or give the pod more (resources.memory): {err}".partition("\n")[0]
        ) from err


def _checkpoints(search: OpenSearch) -> CheckpointFolder:
    from nas_lib.training.checkpoints import CheckpointFolder  # loads torch

    return CheckpointFolder(search.store.objects, layout.SHARED_CHECKPOINTS)


def _restored(search: OpenSearch, run: str) -> tuple[SharedTrainer, Workload]:
    """Return a trainer after the newest checkpoint, whose epoch's metrics are stored."""
    from nas_lib.shared_weights.checkpoint import SharedCheckpoint  # loads torch
    from nas_lib.shared_weights.trainer import SharedTrainer

    workload = build_workload(search.config, search.store)
    trainer = SharedTrainer(
        _shared(search),
        workload,
        search.controller,
        search.space.decisions(1),
        shards=_first_shards(search),
        seed=search.config.seed,
        run=run,
        beat=lambda: search.show_life(_REPLICA, run),
    )
    folder = _checkpoints(search)
    checkpoint = folder.latest(partial(SharedCheckpoint.checked, network=workload.network))
    for problem in folder.problems:
        search.store.note_problem(run=run, step="train_shared_weights", message=problem)
    if checkpoint is not None:
        trainer.restore(checkpoint)
        key = layout.shared_epoch(checkpoint.metrics.epoch)
        search.store.settle(key, checkpoint.metrics)  # a kill may have come before this
    return trainer, workload


def _first_shards(search: OpenSearch) -> tuple[Shard, ...]:
    return pull_versions(search, [0] * search.config.search.shards)


def _epochs(search: OpenSearch, trainer: SharedTrainer) -> Iterator[SharedEpoch]:
    """Train epoch by epoch to the end, and yield what each came to once it is stored."""
    while trainer.epoch < _shared(search).epochs:
        metrics = trainer.run_epoch()
        _checkpoints(search).create(metrics.epoch, trainer.checkpoint(metrics).to_bytes())
        yield search.store.settle(layout.shared_epoch(metrics.epoch), metrics)


def _derived(search: OpenSearch, run: str) -> Derived:
    """Return what was derived, by this run if by none before."""
    derived = search.store.find(Derived, layout.DERIVED)
    if derived is not None:
        return derived
    with _at_work():
        return search.store.settle(layout.DERIVED, _derive(search, run))


def _derive(search: OpenSearch, run: str) -> Derived:
    started_s = time.perf_counter()
    trainer, workload = _restored(search, run)
    derived = search.store.find(Derived, layout.DERIVED)
    if derived is not None:  # by another run, which has removed the checkpoints since
        return derived
    for _ in _epochs(search, trainer):  # where its last checkpoint was damaged
        pass
    samples = _different(search, _samples(search, workload, trainer.shards))
    scores = _scores(search, workload, samples, run)
    sign = -1 if workload.higher_is_better else 1
    order = sorted(range(len(samples)), key=lambda index: sign * scores[index])
    kept = [samples[index] for index in order[: _shared(search).derive.keep]]
    chosen = [*kept, *_probes(search, kept)]
    judged = [_judged(search, workload, tokens, run) for tokens in chosen]
    return Derived(
        run=run,
        kept=tuple(judged[: len(kept)]),
        probes=tuple(judged[len(kept) :]),
        scores=tuple(scores),
        seconds=time.perf_counter() - started_s,
        created_s=time.time(),
    )


def _samples(
    search: OpenSearch, workload: Workload, shards: Sequence[Shard]
) -> list[tuple[int, ...]]:
    """Return what the controller proposes at the end; random search proposes more."""
    shared = _shared(search)
    learns = search.controller.num_parameters > 0
    return search.controller.propose(
        shards,
        decisions=search.space.decisions(1),
        num=shared.derive.num_samples if learns else equal_budget_samples(shared, workload),
        seed=[search.config.seed, _DERIVE],
    )


def _probes(search: OpenSearch, kept: Sequence[tuple[int, ...]]) -> list[tuple[int, ...]]:
    """Return architectures drawn uniformly from all but the kept ones, as far as there are any."""
    decisions, num = search.space.decisions(1), _shared(search).derive.probes
    drawn = build_controller(RandomConfig(), decisions).propose(
        (), decisions=decisions, num=_DRAWS * num, seed=[search.config.seed, _PROBE]
    )
    return _different(search, [*kept, *drawn])[len(kept) :][:num]


def _different(search: OpenSearch, sequences: Iterable[tuple[int, ...]]) -> list[tuple[int, ...]]:
    """Leave out those that decode to an earlier one's architecture, even if tokens differ."""
    first: dict[str, tuple[int, ...]] = {}
    for tokens in sequences:
        first.setdefault(search.space.decode(tokens).config, tokens)
    return list(first.values())


def _scores(
    search: OpenSearch, workload: Workload, samples: Sequence[tuple[int, ...]], run: str
) -> list[float]:
    """Return the samples' scores; chunk by chunk they are stored, and not made twice."""
    scores: list[float] = []
    for number, start in enumerate(range(0, len(samples), _CHUNK)):
        wanted = tuple(samples[start : start + _CHUNK])
        key = layout.shared_scores(number)
        chunk = search.store.find(_Scores, key)
        if chunk is None or chunk.samples != wanted:  # others, if weights were trained again
            mode = _shared(search).batch_norm
            made = tuple(_score(search, workload, tokens, mode, run) for tokens in wanted)
            chunk = _Scores(wanted, made)
            search.store.settle(key, chunk)
        scores += chunk.scores
    return scores


def _judged(
    search: OpenSearch, workload: Workload, tokens: tuple[int, ...], run: str
) -> SharedScore:
    mode = _shared(search).batch_norm
    differs = workload.has_batch_norm and mode != "running"
    return SharedScore(
        search.space.decode(tokens),
        _score(search, workload, tokens, mode, run),
        _score(search, workload, tokens, "running", run) if differs else None,
    )


def _score(
    search: OpenSearch, workload: Workload, tokens: tuple[int, ...], mode: BatchNormMode, run: str
) -> float:
    search.show_life(_REPLICA, run)
    from nas_lib.shared_weights.workload import finite_score  # loads torch

    return finite_score(workload, workload.score(tokens, mode=mode))


def _proposed(search: OpenSearch, derived: Derived) -> Proposed:
    children = tuple(
        Child(
            id=str(ChildId(_REPLICA, _ROUND, index)),
            architecture=judged.architecture,
            seed=child_seed(search.config.seed, _REPLICA, _ROUND, index),
        )
        for index, judged in enumerate([*derived.kept, *derived.probes])
    )
    return Proposed(_REPLICA, _ROUND, derived.run, 1, (), children, created_s=derived.created_s)
