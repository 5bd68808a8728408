"""REINFORCE with a moving-average baseline, for any policy (Zoph & Le 2017, section 3.2)."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.utils import parameters_to_vector, vector_to_parameters

from nas_lib.controllers.controller import Seed
from nas_lib.controllers.sampling import Rollout, sample
from nas_lib.controllers.state import NOTHING, Gradient, Shard, Vector, join, split
from nas_lib.spaces.decisions import Decision


class Descent(Protocol):
    """One step of an optimiser on one shard."""

    def __call__(self, shard: Shard, gradient_N: Vector, /) -> Shard:
        """Return the shard after a step against the gradient of its slice."""
        ...


@dataclass(frozen=True, eq=False)
class Lesson:
    """A round's children in the eyes of the policy; tensors are of those that count, `[C]`.

    Attributes:
        log_prob: Log-probability of each, in nats.
        bonus: What else is to become larger, in the unit of the rewards.
        rewards: What each earned, as the baseline averages it.
        entropy: Of the policy, in nats, mean over all children.
    """

    log_prob: Tensor
    bonus: Tensor
    rewards: tuple[float, ...]
    entropy: float


class PolicyGradientController(ABC):
    """A policy that comes to prefer what was rewarded above average.

    Args:
        policy: Whose parameters these are; each call overwrites them.
        init_range: Parameters start in +- this.
        baseline_decay: Of the moving-average reward, for each child.
        descend: A step of the optimiser.
        gradients_per_update: How many gradients make one step.
    """

    def __init__(
        self,
        policy: nn.Module,
        *,
        init_range: float,
        baseline_decay: float,
        descend: Descent,
        gradients_per_update: int = 1,
    ) -> None:
        self._workspace = policy
        self._init_range = init_range
        self._baseline_decay = baseline_decay
        self._descend = descend
        self._gradients_per_update = gradients_per_update
        self.num_parameters = sum(p.numel() for p in policy.parameters())

    @abstractmethod
    def _rollout(self, decisions: Sequence[Decision], num: int) -> Rollout:
        """Return the begin of `num` architectures."""

    @abstractmethod
    def _lesson(
        self,
        decisions: Sequence[Decision],
        tokens_BW: Tensor,
        *,
        counted: Sequence[int],
        rewards: tuple[float, ...],
    ) -> Lesson:
        """Return what the policy makes of a round.

        Args:
            decisions: What the tokens answer.
            tokens_BW: The tokens of each child, int64.
            counted: Which of the children count.
            rewards: Of those.
        """

    def init(self, *, seed: Seed, num_shards: int) -> tuple[Shard, ...]:
        """Return parameters that are uniform in +- `init_range`."""
        limit = self._init_range
        parameters = np.random.default_rng(seed).uniform(-limit, limit, self.num_parameters)
        return split(parameters.astype(np.float32), num_shards)

    def propose(
        self, shards: Sequence[Shard], *, decisions: Sequence[Decision], num: int, seed: Seed
    ) -> list[tuple[int, ...]]:
        """Return draws from the policy."""
        with _one_thread(), torch.inference_mode():
            self._load(shards)
            rollout = self._rollout(decisions, num)
            tokens_BW = sample(rollout, decisions, rng=np.random.default_rng(seed))
        return [tuple(row) for row in tokens_BW.tolist()]

    def gradient(
        self,
        shards: Sequence[Shard],
        *,
        decisions: Sequence[Decision],
        tokens: Sequence[Sequence[int]],
        rewards: Sequence[float | None],
    ) -> Gradient:
        """Return the gradient of `policy_loss` over the children that count.

        The baseline is the average of the rewards before this round; the first round, which has
        none, takes its own mean.
        """
        counted = [index for index, reward in enumerate(rewards) if reward is not None]
        counted_rewards = tuple(reward for reward in rewards if reward is not None)
        values = np.zeros(self.num_parameters, dtype=np.float32)
        with _one_thread():
            self._load(shards)
            tokens_BW = torch.from_numpy(np.array(tokens, dtype=np.int64))  # torch.tensor is slow
            lesson = self._lesson(decisions, tokens_BW, counted=counted, rewards=counted_rewards)
            if counted:
                baseline = shards[0].baseline
                loss = policy_loss(
                    lesson.log_prob,
                    torch.tensor(lesson.rewards),
                    lesson.bonus,
                    baseline=_mean(lesson.rewards) if baseline is None else baseline,
                )
                values = _flat_gradient(loss, self._workspace).numpy()
        return Gradient(values, lesson.rewards, lesson.entropy)

    def apply(self, shard: Shard, gradient: Gradient, *, replica: int, round: int) -> Shard:
        """Let the baseline follow the rewards in the first shard, and take one step of Adam.

        With `gradients_per_update` above 1 the gradients wait in the shard until there are as many,
        and the step goes along their mean (Zoph & Le 2017, section 4.2).
        """
        if shard.has_applied(replica, round):
            return shard
        shard = shard.with_applied(replica, round)
        if not gradient.rewards:
            return shard
        if shard.index == 0:
            shard = replace(shard, baseline=self._next_baseline(shard.baseline, gradient.rewards))
        gradient_N = gradient.values[shard.start : shard.start + len(shard.parameters)]
        num = shard.num_pending + 1
        if shard.num_pending:
            gradient_N = shard.pending + gradient_N
        if num < self._gradients_per_update:
            return replace(shard, pending=gradient_N, num_pending=num)
        shard = replace(shard, pending=NOTHING, num_pending=0)
        return self._descend(shard, gradient_N / np.float32(num))

    def _next_baseline(self, baseline: float | None, rewards: Sequence[float]) -> float:
        """Return the moving average after these rewards; it starts at the first round's mean."""
        if baseline is None:
            return _mean(rewards)
        decay = self._baseline_decay
        for reward in rewards:
            baseline = decay * baseline + (1 - decay) * reward
        return baseline

    def _load(self, shards: Sequence[Shard]) -> None:
        """Give the policy these parameters; the next call overwrites them."""
        vector_to_parameters(torch.from_numpy(join(shards)), self._workspace.parameters())


def policy_loss(
    log_prob_B: Tensor, reward_B: Tensor, bonus_B: Tensor, *, baseline: float
) -> Tensor:
    """Return the REINFORCE loss, a scalar to minimise.

    Args:
        log_prob_B: Log-probability of each architecture, in nats.
        reward_B: What each earned. Data: it has no gradient.
        bonus_B: What else is to become larger, in the unit of the rewards.
        baseline: What was to be expected, in the unit of the rewards.
    """
    advantage_B = reward_B - baseline
    return -(advantage_B * log_prob_B + bonus_B).mean()


def _flat_gradient(loss: Tensor, policy: nn.Module) -> Tensor:
    # At a small depth some parameters may have no part in the loss: their gradient is zero.
    gradients = torch.autograd.grad(loss, list(policy.parameters()), materialize_grads=True)
    return parameters_to_vector(gradients)


def _mean(rewards: Sequence[float]) -> float:
    return sum(rewards) / len(rewards)


@contextmanager
def _one_thread() -> Iterator[None]:
    """Keep torch to one thread: two are slower on tensors this small, and may round otherwise."""
    num_threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(num_threads)
