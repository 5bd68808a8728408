"""REINFORCE with a baseline and Adam (Zoph & Le 2017, section 3.2).

Letters in names: B children that count, N parameters of one shard.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from pydantic import ConfigDict
from pydantic.dataclasses import dataclass as checked_dataclass
from torch import Tensor

from nas_lib.config import ReinforceConfig
from nas_lib.controllers.policy import Policy, Scores
from nas_lib.controllers.policy_gradient import (
    Children,
    Counts,
    GradientState,
    PolicyGradient,
    Update,
    flat_gradient,
)
from nas_lib.controllers.state import NOTHING, Lesson, Shard, Vector, array_misfit
from nas_lib.records import STRICT, Count


@dataclass(frozen=True, eq=False)
class ReinforceState(GradientState):
    """What a shard remembers: `shard.state` has these, by name.

    Attributes:
        pending: Sum of the gradients that wait for the next step, `[N]`; empty while none does.
        num_pending: How many those are.
    """

    pending: Vector = field(default_factory=lambda: NOTHING)
    num_pending: int = 0


@checked_dataclass(frozen=True, config=STRICT | ConfigDict(strict=True))
class _Counts(Counts):
    num_pending: Count


class Reinforce(PolicyGradient):
    """One step of Adam along the gradient of each round's rewards."""

    state = ReinforceState
    counts = _Counts

    def __init__(self, config: ReinforceConfig) -> None:
        super().__init__(config, steps_per_push=1)
        self._gradients_per_update = config.gradients_per_update

    def misfit(self, shard: Shard) -> str:
        """Look at the gradients that wait too."""
        if wrong := super().misfit(shard):
            return wrong
        state = ReinforceState.of(shard)
        if state.num_pending > shard.version:
            return f"version {shard.version} cannot be after {state.num_pending} gradients"
        size = len(shard.values) if state.num_pending else 0
        return array_misfit("pending", state.pending, size)

    def _update(
        self, policy: Policy, shards: Sequence[Shard], children: Children, scores: Scores
    ) -> Update:
        """Return the gradient of the loss."""
        counted = children.counted
        loss = policy_loss(
            scores.log_prob[counted], children.advantages, self._bonus(scores)[counted]
        )
        return Update(flat_gradient(loss, policy))

    def _moved(self, shard: Shard, lesson: Lesson) -> Shard:
        """Take one step of Adam.

        With `gradients_per_update` above 1 the gradients wait in the shard until there are as many,
        and the step goes along their mean (Zoph & Le 2017, section 4.2).
        """
        state, gradient_N = ReinforceState.of(shard), shard.slice_of(lesson.values)
        num = state.num_pending + 1  # of all replicas: whoever makes it enough takes the step
        if state.num_pending:
            gradient_N = state.pending + gradient_N
        if num < self._gradients_per_update:
            waiting = {**shard.state, "pending": gradient_N, "num_pending": num}
            return replace(shard, state=waiting)
        nothing = {**shard.state, "pending": NOTHING, "num_pending": 0}
        return self._adam_step(replace(shard, state=nothing), gradient_N / np.float32(num))


def policy_loss(log_prob_B: Tensor, advantage_B: Tensor, bonus_B: Tensor) -> Tensor:
    """Return the REINFORCE loss, a scalar to minimise.

    Args:
        log_prob_B: Log-probability of each architecture, in nats.
        advantage_B: What each earned more than was to be expected. Data: it has no gradient.
        bonus_B: What else is to become larger, in the unit of the rewards.
    """
    # Whatever was expected, the mean gradient is the same: P sums to one. Its variance is not.
    # The mean over B is the paper's 1/m; the minus makes a loss of what is to become larger.
    return -(advantage_B * log_prob_B + bonus_B).mean()
