"""A controller that remembers results: to rank rewards by, and not to propose anything again.

It stands around another one, which proposes and learns; results are beside what that keeps.

Letters in names: C proposals or children, N results, W tokens of an architecture at the greatest
depth.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from nas_lib.config import PolicyGradientPart
from nas_lib.controllers.controller import Controller
from nas_lib.controllers.memory import Memory, Rewards, Tokens, results_misfit, results_of
from nas_lib.controllers.mutation import Limits, mutated, token_limits
from nas_lib.controllers.novelty import Known, first_new, hashes
from nas_lib.controllers.state import Lesson, Shard, mean_reward
from nas_lib.spaces.decisions import Decision

_NAMES = frozenset({"tokens", "rewards", "num_results"})
"""Of what a `Memory` keeps in a shard."""

_MOST_CHANGES = 100
"""So often is a token of a repeat changed, at most, until it is new; then random ones are."""


class RememberingController:
    """Another controller that takes rewards by rank, or proposes nothing twice, or both.

    Args:
        controller: The other one.
        config: Which of it.
        decisions: Those of the space at its greatest depth.
    """

    def __init__(
        self, controller: Controller, config: PolicyGradientPart, decisions: Sequence[Decision]
    ) -> None:
        self._controller = controller
        self.num_parameters, self.learns = controller.num_parameters, controller.learns
        self._ranks, self._mutates = config.rewards == "rank", config.repeats == "mutate"
        self._limits_W = token_limits(decisions)

    def init(self, *, seed: int, num_shards: int) -> tuple[Shard, ...]:
        """Return the other's, and nothing remembered."""
        first, *others = self._controller.init(seed=seed, num_shards=num_shards)
        return _with_memory(first, Memory.empty(len(self._limits_W))), *others

    def propose(
        self, shards: Sequence[Shard], *, decisions: Sequence[Decision], num: int, seed: int
    ) -> list[tuple[int, ...]]:
        """Return what the other proposes, or what is new beside it."""
        bare = [_without_memory(shard) for shard in shards]
        tokens = self._controller.propose(bare, decisions=decisions, num=num, seed=seed)
        if not self._mutates:
            return tokens
        limits_W = token_limits(decisions)
        known = Known.of(Memory.of(shards), len(limits_W))
        # Of its own: the other's stream begins with the seed alone.
        rng = np.random.default_rng([seed, 1])
        tokens_CW = np.array(tokens, np.int32).reshape(num, len(limits_W))
        new = first_new(_walks(tokens_CW, known, limits_W, rng), known, limits_W, num=num, rng=rng)
        return [tuple(row) for row in new.tolist()]

    def lesson(
        self,
        shards: Sequence[Shard],
        *,
        decisions: Sequence[Decision],
        tokens: Sequence[Sequence[int]],
        rewards: Sequence[float | None],
    ) -> Lesson:
        """Return what the other makes of the children, and the results."""
        results = results_of(tokens, rewards, num_tokens=len(self._limits_W))
        earned = rewards
        if self._ranks:
            earned = earned_by_rank(rewards, before=Memory.of(shards).rewards)
        bare = [_without_memory(shard) for shard in shards]
        lesson = self._controller.lesson(bare, decisions=decisions, tokens=tokens, rewards=earned)
        metrics = {**lesson.metrics, **mean_reward(rewards)}
        return replace(lesson, metrics=metrics, arrays={**lesson.arrays, **results})

    def apply(self, shard: Shard, lesson: Lesson, *, replica: int, round: int) -> Shard:
        """Let the other change the shard, and remember the results in the first one."""
        bare = _without_memory(shard)
        after = self._controller.apply(bare, lesson, replica=replica, round=round)
        if after is bare:
            return shard
        if shard.index:
            return after
        # Those that do not count too, so that none is tried again.
        return _with_memory(after, Memory.of([shard]).after(lesson))

    def misfit(self, shard: Shard, *, num_shards: int) -> str:
        """Look at what is remembered, and let the other look at the rest."""
        results = {name: value for name, value in shard.state.items() if name in _NAMES}
        wrong = "" if shard.index else results_misfit(results, self._limits_W)
        return wrong or self._controller.misfit(_without_memory(shard), num_shards=num_shards)

    def lesson_misfit(self, lesson: Lesson) -> str:
        """Look at the results, and let the other look at the rest."""
        results = {name: value for name, value in lesson.arrays.items() if name in _NAMES}
        num_results = len(lesson.arrays.get("rewards", ()))
        wrong = results_misfit({**results, "num_results": num_results}, self._limits_W)
        return wrong or self._controller.lesson_misfit(lesson)

    def metrics(self, lesson: Lesson, shards: Sequence[Shard]) -> dict[str, float]:
        """Return what the other says; its baseline is in another unit than the mean reward."""
        found = self._controller.metrics(lesson, [_without_memory(shard) for shard in shards])
        if self._ranks and "baseline" in found:
            found["baseline_by_rank"] = found.pop("baseline")
        return found


def earned_by_rank(rewards: Sequence[float | None], *, before: Rewards) -> list[float | None]:
    """Return what children earn by their rank: -log(1 - q) with the quantile q of each.

    q is the share of all results so far that are smaller, those of this round too; of equal ones,
    as each is one itself, half count. So it is at least 1 / 2N and at most 1 - 1 / 2N of N results.
    Uniform quantiles make this an exponential distribution: its mean and its standard deviation are
    1, in the unit of any task, and the best stand out from the good.

    Args:
        rewards: Of a round's children; None for one that does not count, and earns None.
        before: The results before them; nan for one that does not count.
    """
    counted = np.array([reward for reward in rewards if reward is not None], np.float64)
    results_N = np.sort(np.concatenate([before[~np.isnan(before)], counted]))
    smaller = np.searchsorted(results_N, counted, side="left")
    not_larger = np.searchsorted(results_N, counted, side="right")
    quantiles = (smaller + not_larger) / (2 * max(len(results_N), 1))
    earned = iter((-np.log1p(-quantiles)).tolist())
    return [None if reward is None else next(earned) for reward in rewards]


def _walks(
    tokens_CW: Tokens, known: Known, limits_W: Limits, rng: np.random.Generator
) -> Iterator[Tokens]:
    """Yield proposals, then those that are repeats with more and more of their tokens changed."""
    yield tokens_CW
    repeats = np.delete(tokens_CW, known.new(hashes(tokens_CW)), axis=0)
    for _ in range(_MOST_CHANGES):
        # Further from what came out: the neighbours of one architecture may all be known.
        repeats = mutated(repeats, limits_W, rng)
        yield repeats


def _with_memory(shard: Shard, memory: Memory) -> Shard:
    return replace(shard, state={**shard.state, **memory.state})


def _without_memory(shard: Shard) -> Shard:
    if shard.index:
        return shard
    own = {name: value for name, value in shard.state.items() if name not in _NAMES}
    return replace(shard, state=own)
