"""What all learners share that follow the gradient of a policy's rewards with Adam.

Letters in names: A children, B of them that count, W tokens of each, N parameters of one shard, P
of all shards.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, ClassVar, NamedTuple, Self, cast

import numpy as np
import torch
from pydantic import ConfigDict, ValidationError
from pydantic.dataclasses import dataclass as checked_dataclass
from torch import Tensor, nn
from torch.nn.utils import parameters_to_vector

from nas_lib.config import PolicyGradientPart
from nas_lib.controllers.policy import Policy, Scores
from nas_lib.controllers.state import Array, Lesson, Shard, State, Vector, array_misfit, mean_reward
from nas_lib.records import STRICT, Count, first_error
from nas_lib.spaces.decisions import Decision

# As Kingma & Ba (2015) suggest, and torch's defaults.
BETA_1 = 0.9
BETA_2 = 0.999
EPSILON = 1e-8


@dataclass(frozen=True, eq=False)
class GradientState:
    """What a shard remembers: `shard.state` has these, by name.

    Attributes:
        first_moment: Adam's running mean of the gradient, `[N]`.
        second_moment: Adam's running mean of its square, `[N]`.
        steps: Adam steps taken here.
        baseline: Moving-average reward; None before any reward, and in all shards but the first.
    """

    first_moment: Vector
    second_moment: Vector
    steps: int = 0
    baseline: float | None = None

    @classmethod
    def of(cls, shard: Shard) -> Self:
        """Return that of a shard, whose learner may keep more."""
        return cls(**{each.name: cast(Any, shard.state[each.name]) for each in fields(cls)})


@checked_dataclass(frozen=True, config=STRICT | ConfigDict(strict=True))  # True is no number
class Counts:
    """What of a stored state is no vector."""

    steps: Count
    baseline: float | None


class Children(NamedTuple):
    """What a round's children earned.

    Attributes:
        decisions: What they answer.
        tokens: The tokens of each child, `[A, W]`, int64.
        counted: Which of them count.
        advantages: What each of these earned more than was to be expected, `[B]`, without gradient.
    """

    decisions: Sequence[Decision]
    tokens: Tensor
    counted: Sequence[int]
    advantages: Tensor


class Update(NamedTuple):
    """What a lesson says to shards: `values` and `arrays` of it."""

    values: Vector
    arrays: Mapping[str, Array] = {}


class PolicyGradient(ABC):
    """A `Learner`: the policy comes to prefer what was rewarded above average.

    Entropy keeps it from settling early: as part of the objective, with a gradient; or, as ENAS has
    it (Pham et al. 2018, section 3), as data: an architecture then earns its reward plus
    `entropy_weight` times the entropy of the policy along its decisions, and the baseline averages
    that sum. As everywhere in this library it is the average of the rounds before; the published
    code of ENAS, which has no rounds, lets each architecture move the baseline that it is measured
    against, so that its advantage is `baseline_decay` times as large.

    Args:
        config: Its settings.
        steps_per_push: How many steps of Adam a lesson makes at most.

    Attributes:
        state: What a shard remembers.
        counts: What of it is no vector.
    """

    state: ClassVar[type[GradientState]] = GradientState
    counts: ClassVar[type[Counts]] = Counts

    def __init__(self, config: PolicyGradientPart, *, steps_per_push: int) -> None:
        self._shared, self._steps_per_push = config, steps_per_push

    def first_state(self, values_N: Vector) -> State:
        """Return moments of zero, and no baseline."""
        return vars(self.state(np.zeros_like(values_N), np.zeros_like(values_N)))

    def lesson(
        self,
        policy: Policy,
        shards: Sequence[Shard],
        *,
        decisions: Sequence[Decision],
        tokens_BW: Tensor,
        rewards: Sequence[float | None],
    ) -> Lesson:
        """Return what the children that count teach."""
        # Of these only: a child that crashed says nothing of its architecture.
        counted = [index for index, reward in enumerate(rewards) if reward is not None]
        scores = policy(decisions, tokens_BW)
        earned = self._earned(rewards, scores.entropy)
        entropy = scores.entropy.mean().item()
        update = Update(np.zeros(sum(p.numel() for p in policy.parameters()), dtype=np.float32))
        if counted:
            expected = self._expected(earned, GradientState.of(shards[0]).baseline)
            children = Children(decisions, tokens_BW, counted, torch.tensor(earned) - expected)
            update = self._update(policy, shards, children, scores)
        metrics = {**mean_reward(rewards), "entropy": entropy}
        return Lesson(update.values, earned, metrics, update.arrays)

    def apply(self, shard: Shard, lesson: Lesson) -> Shard:
        """Let the baseline follow the rewards in the first shard, and move its parameters."""
        if not lesson.rewards:
            return shard
        # The lesson was taken at the versions that proposed its children; this may be a newer one.
        if shard.index == 0:  # one is enough, and all shards are read together
            before = GradientState.of(shard).baseline
            baseline = self._next_baseline(before, lesson.rewards)
            shard = replace(shard, state={**shard.state, "baseline": baseline})
        return self._moved(shard, lesson)

    def misfit(self, shard: Shard) -> str:
        """Look at Adam's moments, the counts and the baseline."""
        names = {each.name for each in fields(self.counts)}
        vectors = {each.name for each in fields(self.state)} - names
        plain = {name: value for name, value in shard.state.items() if name not in vectors}
        try:
            counts = self.counts(**cast(dict[str, Any], plain))
        except ValidationError as err:
            return first_error(err)
        if counts.steps > shard.version * self._steps_per_push:
            return f"version {shard.version} cannot be after {counts.steps} steps"
        num = len(shard.values)
        moments = ("first_moment", "second_moment")
        wrong = (array_misfit(name, shard.state.get(name), num) for name in moments)
        return next(filter(None, wrong), "")

    def lesson_misfit(self, lesson: Lesson) -> str:
        """Say nothing: what each parameter is told is all there is."""
        return ""

    def metrics(self, shards: Sequence[Shard]) -> dict[str, float]:
        """Return the baseline, once there is one."""
        baseline = GradientState.of(shards[0]).baseline
        return {} if baseline is None else {"baseline": baseline}

    @abstractmethod
    def _update(
        self, policy: Policy, shards: Sequence[Shard], children: Children, scores: Scores
    ) -> Update:
        """Return what the children that count teach.

        Args:
            policy: With the parameters of `shards`; a workspace.
            shards: At which they were proposed.
            children: What they earned; at least one counts.
            scores: The policy's, of all children.
        """

    @abstractmethod
    def _moved(self, shard: Shard, lesson: Lesson) -> Shard:
        """Return a shard whose parameters went where a lesson says; its baseline has."""

    def _adam_step(self, shard: Shard, gradient_N: Vector) -> Shard:
        config = self._shared
        return adam_step(
            shard,
            gradient_N,
            learning_rate=config.learning_rate,
            beta_1=config.adam_beta_1,
            epsilon=config.adam_epsilon,
        )

    def _earned(self, rewards: Sequence[float | None], entropy_A: Tensor) -> tuple[float, ...]:
        """Return what each child that counts earned, as the baseline averages it.

        Args:
            rewards: Of all children A.
            entropy_A: Of the policy along their decisions, in nats.
        """
        if self._shared.entropy_in == "objective":
            return tuple(reward for reward in rewards if reward is not None)
        weight = self._shared.entropy_weight
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
        if self._shared.baseline == "leave_one_out" and num_others:
            total = sum(earned)
            return torch.tensor([(total - reward) / num_others for reward in earned])
        return _mean(earned) if average is None else average

    def _bonus(self, scores: Scores) -> Tensor:
        """Return what the objective has besides the rewards, `[A]` of all children."""
        bonus_A = torch.zeros_like(scores.entropy)
        if self._shared.entropy_in == "objective":
            bonus_A = self._shared.entropy_weight * scores.entropy
        return bonus_A if scores.penalty is None else bonus_A - scores.penalty

    def _next_baseline(self, baseline: float | None, rewards: Sequence[float]) -> float:
        """Return the moving average after these rewards; it starts at the first round's mean."""
        if baseline is None:
            return _mean(rewards)  # not 0, which would praise whatever the first round proposed
        decay = self._shared.baseline_decay
        # Child by child, whatever the size of a round: b <- decay b + (1 - decay) R (section 3.2).
        for reward in rewards:
            baseline = decay * baseline + (1 - decay) * reward
        return baseline


def adam_step(
    shard: Shard,
    gradient_N: Vector,
    *,
    learning_rate: float,
    beta_1: float = BETA_1,
    epsilon: float = EPSILON,
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
    state = GradientState.of(shard)
    steps = state.steps + 1
    first_N = beta_1 * state.first_moment + (1 - beta_1) * gradient_N
    second_N = BETA_2 * state.second_moment + (1 - BETA_2) * gradient_N**2
    # Both means start at zero; the divisors undo the pull towards it. With beta_1 = 0, as in ENAS's
    # published code for images, the first one is the gradient itself.
    mean_N = first_N / (1 - beta_1**steps)
    size_N: Vector = np.sqrt(second_N / (1 - BETA_2**steps))
    moved: State = {"first_moment": first_N, "second_moment": second_N, "steps": steps}
    return replace(
        shard,
        values=shard.values - learning_rate * mean_N / (size_N + epsilon),
        state={**shard.state, **moved},
    )


def flat_gradient(loss: Tensor, policy: nn.Module) -> Vector:
    """Return the gradient of a loss, `[P]`."""
    # At a small depth some parameters may have no part in the loss: their gradient is zero.
    gradients = torch.autograd.grad(loss, list(policy.parameters()), materialize_grads=True)
    return parameters_to_vector(gradients).numpy()


def _mean(rewards: Sequence[float]) -> float:
    return sum(rewards) / len(rewards)
