"""derive_architectures: which architectures shared weights tell to train from scratch.

They are the children of replica 0's only round.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from pydantic.dataclasses import dataclass as checked_dataclass

from nas_lib.config import SharedConfig
from nas_lib.controllers import Shard, draw_uniformly
from nas_lib.errors import ConfigError, CorruptStateError
from nas_lib.open_search import OpenSearch
from nas_lib.procedures.procedure import settings_of
from nas_lib.procedures.proposals import (
    Assignment,
    architecture_misfit,
    assignment,
    find_round,
    proposal,
    settle_round,
)
from nas_lib.procedures.shared_training import REPLICA, at_work, epochs, restored, weights_progress
from nas_lib.records import STRICT, ChildId, Derived, Proposed, Rewarded, SharedScore
from nas_lib.seeds import Stream, seed_for
from nas_lib.store import layout, lease

if TYPE_CHECKING:
    from nas_lib.shared_weights.norm import BatchNormMode
    from nas_lib.shared_weights.workload import Workload

ROUND = 0
"""Of the children that are derived."""

_CHUNK = 16  # architectures whose scores are stored together
_DRAWS = 4  # times as many as there are to be: some may be drawn twice

Tokens = tuple[int, ...]


@checked_dataclass(frozen=True, config=STRICT)
class _Scores:
    samples: tuple[Tokens, ...]
    scores: tuple[float, ...]


def derive_architectures(search: OpenSearch, *, run: str) -> list[str]:
    """Choose which architectures are trained from scratch, and return those without a result.

    The first where all have one: a Kubeflow loop must not be empty, and training it is a no-op.

    Raises:
        ConfigError: Shared-weight training is not complete, or there is none.
    """
    derived = derived_round(search, run=run)
    return list(derived.to_train) or [str(ChildId(REPLICA, ROUND, 0))]


def derived_round(search: OpenSearch, *, run: str) -> Assignment:
    """Choose which architectures are trained from scratch, and return what is to be done of them.

    The controller's samples are scored on all validation data, and the best are kept; probes drawn
    uniformly join them.

    Raises:
        ConfigError: Shared-weight training is not complete, or there is none.
    """
    search.show_life(REPLICA, run)
    progress = weights_progress(search)
    if not progress.is_complete:
        raise ConfigError(
            f"nothing can be derived from {search.uri} yet: the shared weights have "
            f"{progress.epoch} of {progress.num_epochs} epochs"
        )
    proposed = find_round(search, REPLICA, ROUND)
    if proposed is None:
        opened = settle_round(search, _proposed(search, _derived(search, run)), run=run)
    else:
        opened = assignment(search, proposed, run=run)
    search.store.delete_checkpoints(layout.SHARED_CHECKPOINTS)
    return opened


def may_derive(search: OpenSearch, *, run: str) -> bool:
    """Say whether shared weights are trained, and this run is to go on with what they tell."""
    if not weights_progress(search).is_complete or are_judged(search):
        return False
    holder = lease.holder(search.store, REPLICA)
    return holder is None or holder.run == run


def are_judged(search: OpenSearch) -> bool:
    """Say whether all that was derived is trained from scratch."""
    return search.store.find(Rewarded, layout.round_state(REPLICA, ROUND, "rewarded")) is not None


def equal_budget_samples(settings: SharedConfig, workload: Workload) -> int:
    """Return how many samples random search scores at the budget of a controller that learns.

    Both train the shared weights equally long. What the controller's steps would cost in forward
    passes over a mini-batch, random search spends on scoring more samples on all validation data.
    """
    refits = workload.has_batch_norm and settings.batch_norm == "refit"
    refit = settings.refit_batches if refits else 0
    num_steps = (settings.weights.epochs - settings.controller_after) * settings.controller_steps
    architectures = num_steps * settings.architectures_per_step
    extra = architectures * (1 + refit) // (workload.num_validation_batches + refit)
    return settings.derive.num_samples + extra


def _proposed(search: OpenSearch, derived: Derived) -> Proposed:
    return proposal(
        search,
        REPLICA,
        ROUND,
        (judged.architecture for judged in [*derived.kept, *derived.probes]),
        run=derived.run,
        created_s=derived.created_s,
    )


def _derived(search: OpenSearch, run: str) -> Derived:
    """Return what was derived, by this run if by none before."""
    derived = _find_derived(search)
    if derived is not None:
        return derived
    with at_work():
        return search.store.settle(layout.DERIVED, _derive(search, run))


def _find_derived(search: OpenSearch) -> Derived | None:
    derived = search.store.find(Derived, layout.DERIVED)
    found = [*derived.kept, *derived.probes] if derived else []
    wrong = [architecture_misfit(search, judged.architecture) for judged in found]
    if derived and (any(wrong) or not derived.kept):
        why = next(filter(None, wrong), "nothing was kept")
        raise CorruptStateError.of_content(layout.DERIVED, why)
    return derived


def _derive(search: OpenSearch, run: str) -> Derived:
    started_s = time.perf_counter()
    trainer, workload = restored(search, run)
    derived = _find_derived(search)
    if derived is not None:  # by another run, which has removed the checkpoints since
        return derived
    for _ in epochs(search, trainer):  # where its last checkpoint was damaged
        pass
    judge = _Judge(search, workload, run)
    samples = _different(search, _samples(search, workload, trainer.shards))
    scores = judge.scores(samples)
    sign = -1 if search.task.measure.higher_is_better else 1
    order = sorted(range(len(samples)), key=lambda index: sign * scores[index])
    kept = [samples[index] for index in order[: settings_of(search, SharedConfig).derive.keep]]
    judged = [judge.judged(tokens) for tokens in [*kept, *_probes(search, kept)]]
    return Derived(
        run=run,
        kept=tuple(judged[: len(kept)]),
        probes=tuple(judged[len(kept) :]),
        scores=tuple(scores),
        seconds=time.perf_counter() - started_s,
        created_s=time.time(),
    )


def _samples(search: OpenSearch, workload: Workload, shards: Sequence[Shard]) -> list[Tokens]:
    """Return what the controller proposes at the end; random search proposes more."""
    settings = settings_of(search, SharedConfig)
    learns = search.controller.learns
    return search.controller.propose(
        shards,
        decisions=search.space.decisions(1),
        num=settings.derive.num_samples if learns else equal_budget_samples(settings, workload),
        seed=seed_for(search.config.seed, Stream.DERIVE),
    )


def _probes(search: OpenSearch, kept: Sequence[Tokens]) -> list[Tokens]:
    """Return architectures drawn uniformly from all but the kept ones, as far as there are any."""
    decisions, num = search.space.decisions(1), settings_of(search, SharedConfig).derive.probes
    seed = seed_for(search.config.seed, Stream.PROBES)
    drawn = draw_uniformly(decisions, num=_DRAWS * num, seed=seed)
    return _different(search, [*kept, *drawn])[len(kept) :][:num]


def _different(search: OpenSearch, sequences: Iterable[Tokens]) -> list[Tokens]:
    """Leave out those that decode to an earlier one's architecture, even if tokens differ."""
    first: dict[str, Tokens] = {}
    for tokens in sequences:
        first.setdefault(search.space.decode(tokens).config, tokens)
    return list(first.values())


class _Judge:
    """Scores architectures with the shared weights on all validation data, and shows life."""

    def __init__(self, search: OpenSearch, workload: Workload, run: str) -> None:
        self._search = search
        self._workload = workload
        self._run = run
        self._mode: BatchNormMode = settings_of(search, SharedConfig).batch_norm

    def scores(self, samples: Sequence[Tokens]) -> list[float]:
        """Return the samples' scores; chunk by chunk they are stored, and not made twice."""
        scores: list[float] = []
        for number, start in enumerate(range(0, len(samples), _CHUNK)):
            wanted = tuple(samples[start : start + _CHUNK])
            key = layout.shared_scores(number)
            chunk = self._search.store.find(_Scores, key)
            if chunk is None or chunk.samples != wanted:  # others, if weights were trained again
                chunk = _Scores(wanted, tuple(self._score(each, self._mode) for each in wanted))
                self._search.store.settle(key, chunk)
            if len(chunk.scores) != len(wanted):
                wrong = f"it has {len(chunk.scores)} scores of {len(wanted)} samples"
                raise CorruptStateError.of_content(key, wrong)
            scores += chunk.scores
        return scores

    def judged(self, tokens: Tokens) -> SharedScore:
        """Return an architecture with its score, and with its score by running averages."""
        differs = self._workload.has_batch_norm and self._mode != "running"
        return SharedScore(
            self._search.space.decode(tokens),
            self._score(tokens, self._mode),
            self._score(tokens, "running") if differs else None,
        )

    def _score(self, tokens: Tokens, mode: BatchNormMode) -> float:
        self._search.show_life(REPLICA, self._run)
        from nas_lib.shared_weights.workload import finite_score  # loads torch

        return finite_score(self._workload, self._workload.score(tokens, mode=mode))
