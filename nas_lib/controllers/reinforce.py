"""REINFORCE with a baseline and Adam (Zoph & Le 2017, section 3.2).

Letters in names: B children that count, N parameters of one shard, P of all shards.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, cast

import numpy as np
import torch
from pydantic import ConfigDict, ValidationError
from pydantic.dataclasses import dataclass as checked_dataclass
from torch import Tensor, nn
from torch.nn.utils import parameters_to_vector

from nas_lib.config import ReinforceConfig
from nas_lib.controllers.policy import Policy
from nas_lib.controllers.state import (
    NOTHING,
    Lesson,
    Shard,
    State,
    Vector,
    array_misfit,
    mean_reward,
)
from nas_lib.records import STRICT, Count, first_error
from nas_lib.spaces.decisions import Decision

# As Kingma & Ba (2015) suggest, and torch's defaults.
_BETA_1 = 0.9
_BETA_2 = 0.999
_EPSILON = 1e-8


@dataclass(frozen=True, eq=False)
class ReinforceState:
    """What a shard remembers: `shard.state` has these, by name.

    Attributes:
        first_moment: Adam's running mean of the gradient, `[N]`.
        second_moment: Adam's running mean of its square, `[N]`.
        steps: Adam steps taken here.
        baseline: Moving-average reward; None before any reward, and in all shards but the first.
        pending: Sum of the gradients that wait for the next step, `[N]`; empty while none does.
        num_pending: How many those are.
    """

    first_moment: Vector
    second_moment: Vector
    steps: int = 0
    baseline: float | None = None
    pending: Vector = field(default_factory=lambda: NOTHING)
    num_pending: int = 0

    @classmethod
    def of(cls, shard: Shard) -> ReinforceState:
        """Return that of a shard."""
        return cls(**cast(dict[str, Any], shard.state))


@checked_dataclass(frozen=True, config=STRICT | ConfigDict(strict=True))  # True is no number
class _Counts:
    """What of a stored `ReinforceState` is no vector."""

    steps: Count
    baseline: float | None
    num_pending: Count


class Reinforce:
    """A `Learner`: the policy comes to prefer what was rewarded above average.

    Entropy keeps it from settling early: as part of the objective, with a gradient; or, as ENAS has
    it (Pham et al. 2018, section 3), as data: an architecture then earns its reward plus
    `entropy_weight` times the entropy of the policy along its decisions, and the baseline averages
    that sum. As everywhere in this library it is the average of the rounds before; the published
    code of ENAS, which has no rounds, lets each architecture move the baseline that it is measured
    against, so that its advantage is `baseline_decay` times as large.
    """

    def __init__(self, config: ReinforceConfig) -> None:
        self._config = config

    def first_state(self, values_N: Vector) -> State:
        """Return moments of zero, and no baseline."""
        return vars(ReinforceState(np.zeros_like(values_N), np.zeros_like(values_N)))

    def lesson(
        self,
        policy: Policy,
        shards: Sequence[Shard],
        *,
        decisions: Sequence[Decision],
        tokens_BW: Tensor,
        rewards: Sequence[float | None],
    ) -> Lesson:
        """Return the gradient of the loss over the children that count."""
        counted = [index for index, reward in enumerate(rewards) if reward is not None]
        scores = policy(decisions, tokens_BW)
        earned = self._earned(rewards, scores.entropy)
        values_P = np.zeros(sum(p.numel() for p in policy.parameters()), dtype=np.float32)
        if counted:
            # Of these only: a child that crashed says nothing of its architecture.
            loss = policy_loss(
                scores.log_prob[counted],
                torch.tensor(earned),
                self._bonus(scores.entropy, scores.penalty)[counted],
                baseline=self._expected(earned, ReinforceState.of(shards[0]).baseline),
            )
            values_P = _flat_gradient(loss, policy).numpy()
        metrics = {**mean_reward(rewards), "entropy": scores.entropy.mean().item()}
        return Lesson(values_P, earned, metrics)

    def apply(self, shard: Shard, lesson: Lesson) -> Shard:
        """Let the baseline follow the rewards in the first shard, and take one step of Adam.

        With `gradients_per_update` above 1 the gradients wait in the shard until there are as many,
        and the step goes along their mean (Zoph & Le 2017, section 4.2).
        """
        if not lesson.rewards:
            return shard
        # The lesson was taken at the versions that proposed its children; this may be a newer one.
        state, gradient_N = ReinforceState.of(shard), shard.slice_of(lesson.values)
        if shard.index == 0:  # one is enough, and all shards are read together
            state = replace(state, baseline=self._next_baseline(state.baseline, lesson.rewards))
        num = state.num_pending + 1  # of all replicas: whoever makes it enough takes the step
        if state.num_pending:
            gradient_N = state.pending + gradient_N
        if num < self._config.gradients_per_update:
            waiting = replace(state, pending=gradient_N, num_pending=num)
            return replace(shard, state=vars(waiting))
        state = replace(state, pending=NOTHING, num_pending=0)
        return adam_step(
            replace(shard, state=vars(state)),
            gradient_N / np.float32(num),
            learning_rate=self._config.learning_rate,
            beta_1=self._config.adam_beta_1,
            epsilon=self._config.adam_epsilon,
        )

    def misfit(self, shard: Shard) -> str:
        """Look at Adam's moments, the gradients that wait, and the counts and the baseline."""
        vectors = ("first_moment", "second_moment", "pending")
        plain = {name: value for name, value in shard.state.items() if name not in vectors}
        try:
            counts = _Counts(**cast(dict[str, Any], plain))
        except ValidationError as err:
            return first_error(err)
        if counts.steps > shard.version or counts.num_pending > shard.version:
            return f"version {shard.version} cannot be after {counts.steps} steps"
        num = len(shard.values)
        sizes = (num, num, num if counts.num_pending else 0)
        found = zip(vectors, sizes, strict=True)
        wrong = (array_misfit(name, shard.state.get(name), size) for name, size in found)
        return next(filter(None, wrong), "")

    def metrics(self, shards: Sequence[Shard]) -> dict[str, float]:
        """Return the baseline, once there is one."""
        baseline = ReinforceState.of(shards[0]).baseline
        return {} if baseline is None else {"baseline": baseline}

    def _earned(self, rewards: Sequence[float | None], entropy_A: Tensor) -> tuple[float, ...]:
        """Return what each child that counts earned, as the baseline averages it.

        Args:
            rewards: Of all children A.
            entropy_A: Of the policy along their decisions, in nats.
        """
        if self._config.entropy_in == "objective":
            return tuple(reward for reward in rewards if reward is not None)
        weight = self._config.entropy_weight
        pairs = zip(rewards, entropy_A.tolist(), strict=True)  # a list: no gradient through them
        return tuple(reward + weight * entropy for reward, entropy in pairs if reward is not None)

    def _expected(self, earned: Sequence[float], average: float | None) -> Tensor | float:
        """Return the baseline: what was to be expected of each child, or of all of them.

        The average of the rewards before this round; the first round, which has none, takes its
        own mean. Or the mean of the other children of the round, if there are any (Kool et al.
        2019): it does not depend on the child, so the expected gradient is the same, and what all
        of them share cancels, such as how hard the examples were that judged them.
        """
        num_others = len(earned) - 1
        if self._config.baseline == "leave_one_out" and num_others:
            total = sum(earned)
            return torch.tensor([(total - reward) / num_others for reward in earned])
        return _mean(earned) if average is None else average

    def _bonus(self, entropy_A: Tensor, penalty_A: Tensor | None) -> Tensor:
        """Return what the objective has besides the rewards, `[A]` of all children."""
        bonus_A = torch.zeros_like(entropy_A)
        if self._config.entropy_in == "objective":
            bonus_A = self._config.entropy_weight * entropy_A
        return bonus_A if penalty_A is None else bonus_A - penalty_A

    def _next_baseline(self, baseline: float | None, rewards: Sequence[float]) -> float:
        """Return the moving average after these rewards; it starts at the first round's mean."""
        if baseline is None:
            return _mean(rewards)  # not 0, which would praise whatever the first round proposed
        decay = self._config.baseline_decay
        # Child by child, whatever the size of a round: b <- decay b + (1 - decay) R (section 3.2).
        for reward in rewards:
            baseline = decay * baseline + (1 - decay) * reward
        return baseline


def policy_loss(
    log_prob_B: Tensor, reward_B: Tensor, bonus_B: Tensor, *, baseline: Tensor | float
) -> Tensor:
    """Return the REINFORCE loss, a scalar to minimise.

    Args:
        log_prob_B: Log-probability of each architecture, in nats.
        reward_B: What each earned. Data: it has no gradient.
        bonus_B: What else is to become larger, in the unit of the rewards.
        baseline: What was to be expected, in the unit of the rewards; of each, `[B]`, or of all.
    """
    # Whatever the baseline, the expected gradient is the same: P sums to one. Its variance is not.
    # The mean over B is the paper's 1/m; the minus makes a loss of what is to become larger.
    advantage_B = reward_B - baseline
    return -(advantage_B * log_prob_B + bonus_B).mean()


def adam_step(
    shard: Shard,
    gradient_N: Vector,
    *,
    learning_rate: float,
    beta_1: float = _BETA_1,
    epsilon: float = _EPSILON,
) -> Shard:
    """Return the shard after one step of Adam (Kingma & Ba 2015, algorithm 1).

    Every element for itself, in float32: any split into shards gives the same parameters, bit by
    bit.

    Args:
        shard: What the step begins with.
        gradient_N: The gradient of its slice, `[N]`; the step goes against it.
        learning_rate: The length of a step along a gradient that stays the same.
        beta_1: Decay of the mean gradient.
        epsilon: Is added to the gradient's size before that divides the mean.
    """
    state = ReinforceState.of(shard)
    steps = state.steps + 1
    first_N = beta_1 * state.first_moment + (1 - beta_1) * gradient_N
    second_N = _BETA_2 * state.second_moment + (1 - _BETA_2) * gradient_N**2
    # Both means start at zero; the divisors undo the pull towards it. With beta_1 = 0, as in ENAS's
    # published code for images, the first one is the gradient itself.
    mean_N = first_N / (1 - beta_1**steps)
    size_N: Vector = np.sqrt(second_N / (1 - _BETA_2**steps))
    moved = replace(state, first_moment=first_N, second_moment=second_N, steps=steps)
    return replace(
        shard,
        values=shard.values - learning_rate * mean_N / (size_N + epsilon),
        state=vars(moved),
    )


def _flat_gradient(loss: Tensor, policy: nn.Module) -> Tensor:
    # At a small depth some parameters may have no part in the loss: their gradient is zero.
    gradients = torch.autograd.grad(loss, list(policy.parameters()), materialize_grads=True)
    return parameters_to_vector(gradients)


def _mean(rewards: Sequence[float]) -> float:
    return sum(rewards) / len(rewards)
