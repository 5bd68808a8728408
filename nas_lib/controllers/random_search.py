"""Random search: the baseline that a policy has to beat at equal budget."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from nas_lib.controllers.state import (
    NOTHING,
    Lesson,
    Shard,
    array_misfit,
    mean_reward,
    slice_misfit,
    split,
)
from nas_lib.spaces.decisions import Decision


class RandomController:
    """Every token uniformly at random; learns nothing, has no parameters and no baseline."""

    num_parameters = 0
    learns = False

    def init(self, *, seed: int, num_shards: int) -> tuple[Shard, ...]:
        """Return empty shards; they only note which rounds were applied."""
        return split(NOTHING, num_shards)

    def propose(
        self, shards: Sequence[Shard], *, decisions: Sequence[Decision], num: int, seed: int
    ) -> list[tuple[int, ...]]:
        """Return uniform draws."""
        return draw_uniformly(decisions, num=num, seed=seed)

    def lesson(
        self,
        shards: Sequence[Shard],
        *,
        decisions: Sequence[Decision],
        tokens: Sequence[Sequence[int]],
        rewards: Sequence[float | None],
    ) -> Lesson:
        """Return the rewards, and the entropy of the uniform distribution."""
        # Independent uniform decisions: the entropy is the logarithm of the number of sequences.
        entropy = sum(math.log(decision.size) for decision in decisions)
        return Lesson(
            values=NOTHING,
            rewards=tuple(reward for reward in rewards if reward is not None),
            metrics={**mean_reward(rewards), "entropy": entropy},
        )

    def apply(self, shard: Shard, lesson: Lesson, *, replica: int, round: int) -> Shard:
        """Note the round."""
        if shard.has_applied(replica, round):
            return shard
        return shard.with_applied(replica, round)

    def misfit(self, shard: Shard, *, num_shards: int) -> str:
        """Say so where there is anything in it."""
        what = ", ".join(sorted(shard.state))
        wrong = f"expected a shard without a state, got {what:.80}" if what else ""
        return wrong or slice_misfit(shard, num_parameters=0, num_shards=num_shards)

    def lesson_misfit(self, lesson: Lesson) -> str:
        """Say so where there are numbers in it."""
        return array_misfit("values", lesson.values, 0)

    def metrics(self, lesson: Lesson, shards: Sequence[Shard]) -> dict[str, float]:
        """Return what the lesson says; nothing else is known."""
        return dict(lesson.metrics)


def draw_uniformly(decisions: Sequence[Decision], *, num: int, seed: int) -> list[tuple[int, ...]]:
    """Return architectures of which each option of a choice, and each subset, is equally likely."""
    limits_W = [  # of the tokens W of an architecture
        decision.num_values for decision in decisions for _ in range(decision.num_tokens)
    ]
    # Bits one by one are uniform over subsets too: each has the probability 2^-bits.
    tokens_BW = np.random.default_rng(seed).integers(limits_W, size=(num, len(limits_W)))
    return [tuple(row) for row in tokens_BW.tolist()]
