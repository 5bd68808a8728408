"""MemoryController: what goes by the results alone, and has no numbers of its own."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Protocol

import numpy as np

from nas_lib.controllers.memory import Memory, Tokens, results_misfit, results_of
from nas_lib.controllers.mutation import Limits, token_limits
from nas_lib.controllers.novelty import Known, first_new
from nas_lib.controllers.state import (
    NOTHING,
    Lesson,
    Shard,
    State,
    array_misfit,
    mean_reward,
    slice_misfit,
    split,
)
from nas_lib.spaces.decisions import Decision


class Proposer(Protocol):
    """Says which architectures are wanted next, by the results so far."""

    def candidates(
        self, memory: Memory, known: Known, limits_W: Limits, *, num: int, rng: np.random.Generator
    ) -> Iterator[Tokens]:
        """Yield batches of architectures, those first that are wanted most.

        A round takes the first `num` that are new, and asks for another batch while there are too
        few; where no more come, random ones make up for them.

        Args:
            memory: All results there are, maybe of smaller depths.
            known: Those of this depth, for who would rather not offer them.
            limits_W: How many values each token may have at this depth.
            num: How many architectures are proposed at once.
            rng: All randomness.
        """
        ...


class MemoryController:
    """Proposes what is new, by results that lie in the first shard; the others are empty.

    Args:
        decisions: Those of the space at its greatest depth.
        proposer: Says what is wanted.
    """

    num_parameters = 0
    learns = True

    def __init__(self, decisions: Sequence[Decision], proposer: Proposer) -> None:
        self._limits_W = token_limits(decisions)
        self._proposer = proposer

    def init(self, *, seed: int, num_shards: int) -> tuple[Shard, ...]:
        """Return shards without a number, and in the first a memory without a result."""
        first, *others = split(NOTHING, num_shards)
        return replace(first, state=Memory.empty(len(self._limits_W)).state), *others

    def propose(
        self, shards: Sequence[Shard], *, decisions: Sequence[Decision], num: int, seed: int
    ) -> list[tuple[int, ...]]:
        """Return what the proposer wants first, without what was judged before."""
        memory, limits_W = Memory.of(shards), token_limits(decisions)
        rng = np.random.default_rng(seed)
        known = Known.of(memory, len(limits_W))
        wanted = self._proposer.candidates(memory, known, limits_W, num=num, rng=rng)
        found = first_new(wanted, known, limits_W, num=num, rng=rng)
        return [tuple(row) for row in found.tolist()]

    def lesson(
        self,
        shards: Sequence[Shard],
        *,
        decisions: Sequence[Decision],
        tokens: Sequence[Sequence[int]],
        rewards: Sequence[float | None],
    ) -> Lesson:
        """Return the results; those that do not count too, so that none is tried again."""
        return Lesson(
            values=NOTHING,
            rewards=tuple(reward for reward in rewards if reward is not None),
            metrics=mean_reward(rewards),
            arrays=results_of(tokens, rewards, num_tokens=len(self._limits_W)),
        )

    def apply(self, shard: Shard, lesson: Lesson, *, replica: int, round: int) -> Shard:
        """Note the round, and in the first shard its results."""
        if shard.has_applied(replica, round):
            return shard
        noted = shard.with_applied(replica, round)
        if shard.index:
            return noted
        return replace(noted, state=Memory.of([shard]).after(lesson).state)

    def misfit(self, shard: Shard, *, num_shards: int) -> str:
        """Look at the results in the first shard; there is nothing in the others."""
        wrong = slice_misfit(shard, num_parameters=0, num_shards=num_shards)
        if wrong or shard.index == 0:
            return wrong or results_misfit(shard.state, self._limits_W)
        what = ", ".join(sorted(shard.state))
        return f"expected a shard without a state, got {what:.80}" if what else ""

    def lesson_misfit(self, lesson: Lesson) -> str:
        """Look at the results in it."""
        wrong = array_misfit("values", lesson.values, 0)
        num_results = len(lesson.arrays.get("rewards", ()))
        results: State = {**lesson.arrays, "num_results": num_results}
        return wrong or results_misfit(results, self._limits_W)

    def metrics(self, lesson: Lesson, shards: Sequence[Shard]) -> dict[str, float]:
        """Return what the lesson says; there is no policy that could be undecided."""
        return dict(lesson.metrics)
