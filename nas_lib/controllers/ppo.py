"""Proximal policy optimisation (Schulman et al. 2017, section 3), without a critic.

Several steps of Adam along one round's children: a child stops to count once it has become so much
more, or less, probable than it was when it was proposed. The steps are taken at the parameters
that proposed; what is pushed is how far they went, so that those of several replicas add up.

Letters in names: B children that count, P parameters of all shards.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from nas_lib.config import PpoConfig
from nas_lib.controllers.policy import Policy, Scores, load
from nas_lib.controllers.policy_gradient import (
    BETA_2,
    Children,
    GradientState,
    PolicyGradient,
    Update,
    flat_gradient,
)
from nas_lib.controllers.state import Lesson, Shard, State, Vector, array_misfit, join

MOST_NATS = 10.0
"""A ratio counts as e to the power of this at most, and at least e to minus this: it is finite."""


class Ppo(PolicyGradient):
    """Several steps of Adam along each round; a moving average is the baseline, not a critic."""

    def __init__(self, config: PpoConfig) -> None:
        super().__init__(config, steps_per_push=config.epochs)
        self._config = config

    def lesson_misfit(self, lesson: Lesson) -> str:
        """Look at what Adam's moments are told."""
        if not lesson.rewards:
            return ""
        size, names = len(lesson.values), ("first_moment", "second_moment")
        wrong = (array_misfit(name, lesson.arrays.get(name), size) for name in names)
        return next(filter(None, wrong), "")

    def _update(
        self, policy: Policy, shards: Sequence[Shard], children: Children, scores: Scores
    ) -> Update:
        """Return how far the parameters went, and what the epochs add to Adam's moments."""
        counted, moved = children.counted, list(shards)
        before_B = scores.log_prob[counted].detach()
        added = np.zeros(len(join(shards)), np.float32), np.zeros(len(join(shards)), np.float32)
        for epoch in range(self._config.epochs):
            if epoch:
                load(policy, join(moved))
                scores = policy(children.decisions, children.tokens)
            loss = clipped_loss(
                scores.log_prob[counted] - before_B,
                children.advantages,
                self._bonus(scores)[counted],
                clip=self._config.clip,
            )
            gradient_P = flat_gradient(loss, policy)
            moved = [self._adam_step(shard, shard.slice_of(gradient_P)) for shard in moved]
            added = self._moments_after(*added, gradient_P)
        moments = dict(zip(("first_moment", "second_moment"), added, strict=True))
        return Update(join(moved) - join(shards), moments)

    def _moved(self, shard: Shard, lesson: Lesson) -> Shard:
        """Move the parameters as far as they went, and Adam's moments by as many steps.

        A moment after E steps is decay^E of what it was, plus what their gradients add, wherever it
        was: so a push meets moments that are newer than those it was taken at.
        """
        state, epochs = GradientState.of(shard), self._config.epochs
        first_N = shard.slice_of(lesson.arrays["first_moment"])
        second_N = shard.slice_of(lesson.arrays["second_moment"])
        moved: State = {
            "first_moment": self._config.adam_beta_1**epochs * state.first_moment + first_N,
            "second_moment": BETA_2**epochs * state.second_moment + second_N,
            "steps": state.steps + epochs,
        }
        values_N = shard.values + shard.slice_of(lesson.values)
        return replace(shard, values=values_N, state={**shard.state, **moved})

    def _moments_after(
        self, first_P: Vector, second_P: Vector, gradient_P: Vector
    ) -> tuple[Vector, Vector]:
        beta_1 = self._config.adam_beta_1
        return (
            beta_1 * first_P + (1 - beta_1) * gradient_P,
            BETA_2 * second_P + (1 - BETA_2) * gradient_P**2,
        )


def clipped_loss(nats_B: Tensor, advantage_B: Tensor, bonus_B: Tensor, *, clip: float) -> Tensor:
    """Return the loss with a clipped ratio, a scalar to minimise.

    At no difference its gradient is that of REINFORCE.

    Args:
        nats_B: By how much the log-probability of each architecture is above what it was.
        advantage_B: What each earned more than was to be expected. Data: it has no gradient.
        bonus_B: What else is to become larger, in the unit of the rewards.
        clip: Beyond 1 +- this, a ratio of probabilities gains nothing more.
    """
    ratio_B = nats_B.clamp(-MOST_NATS, MOST_NATS).exp()
    clipped_B = ratio_B.clamp(1 - clip, 1 + clip)
    # The smaller one: what went too far the wrong way still counts in full.
    gained_B = torch.minimum(ratio_B * advantage_B, clipped_B * advantage_B)
    return -(gained_B + bonus_B).mean()
