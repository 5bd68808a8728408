"""Random search: the baseline that a policy has to beat at equal budget."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from nas_lib.controllers.controller import Seed
from nas_lib.controllers.state import NOTHING, Gradient, Shard, split
from nas_lib.spaces.decisions import Decision


class RandomController:
    """Every token uniformly at random; learns nothing, has no parameters and no baseline."""

    num_parameters = 0

    def init(self, *, seed: Seed, num_shards: int) -> tuple[Shard, ...]:
        """Return empty shards; they only note which rounds were applied."""
        return split(NOTHING, num_shards)

    def propose(
        self, shards: Sequence[Shard], *, decisions: Sequence[Decision], num: int, seed: Seed
    ) -> list[tuple[int, ...]]:
        """Return uniform draws: each option of a choice, and each subset, is equally likely."""
        limits_W = [
            decision.num_values for decision in decisions for _ in range(decision.num_tokens)
        ]
        tokens_BW = np.random.default_rng(seed).integers(limits_W, size=(num, len(limits_W)))
        return [tuple(row) for row in tokens_BW.tolist()]

    def gradient(
        self,
        shards: Sequence[Shard],
        *,
        decisions: Sequence[Decision],
        tokens: Sequence[Sequence[int]],
        rewards: Sequence[float | None],
    ) -> Gradient:
        """Return the counted rewards, and the entropy of the uniform distribution."""
        return Gradient(
            values=NOTHING,
            rewards=tuple(reward for reward in rewards if reward is not None),
            entropy=sum(math.log(decision.size) for decision in decisions),
        )

    def apply(self, shard: Shard, gradient: Gradient, *, replica: int, round: int) -> Shard:
        """Note the round."""
        if shard.has_applied(replica, round):
            return shard
        return shard.with_applied(replica, round)
