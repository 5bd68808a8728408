"""REINFORCE with a moving-average baseline (Zoph & Le 2017, section 3.2)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor
from torch.nn.utils import parameters_to_vector, vector_to_parameters

from nas_lib.config import ReinforceConfig
from nas_lib.controllers.adam import adam_step
from nas_lib.controllers.controller import Seed
from nas_lib.controllers.policy import Policy
from nas_lib.controllers.rollout import sample
from nas_lib.controllers.state import NOTHING, Gradient, Shard, join, split
from nas_lib.spaces.decisions import Decision


class ReinforceController:
    """An LSTM policy that comes to prefer what was rewarded above average.

    Args:
        config: Its settings.
        decisions: Those of the space at its greatest depth.
    """

    def __init__(self, config: ReinforceConfig, decisions: Sequence[Decision]) -> None:
        self._config = config
        with torch.random.fork_rng(devices=[]):  # its first parameters are drawn for nobody
            policy = Policy(decisions, hidden_size=config.hidden_size, num_layers=config.num_layers)
        self._workspace = policy
        self.num_parameters = sum(p.numel() for p in policy.parameters())

    def init(self, *, seed: Seed, num_shards: int) -> tuple[Shard, ...]:
        """Return parameters that are uniform in +- `init_range`."""
        limit = self._config.init_range
        parameters = np.random.default_rng(seed).uniform(-limit, limit, self.num_parameters)
        return split(parameters.astype(np.float32), num_shards)

    def propose(
        self, shards: Sequence[Shard], *, decisions: Sequence[Decision], num: int, seed: Seed
    ) -> list[tuple[int, ...]]:
        """Return draws from the policy."""
        with _one_thread():
            policy = self._policy(shards)
            tokens_BW = sample(policy, decisions, num=num, rng=np.random.default_rng(seed))
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
            policy = self._policy(shards)
            log_prob_B, entropy_B = policy(decisions, torch.tensor(tokens, dtype=torch.int64))
            if counted:
                baseline = shards[0].baseline
                loss = policy_loss(
                    log_prob_B[counted],
                    entropy_B[counted],
                    torch.tensor(counted_rewards),
                    baseline=_mean(counted_rewards) if baseline is None else baseline,
                    entropy_weight=self._config.entropy_weight,
                )
                values = _flat_gradient(loss, policy).numpy()
        return Gradient(values, counted_rewards, entropy_B.mean().item())

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
        if num < self._config.gradients_per_update:
            return replace(shard, pending=gradient_N, num_pending=num)
        shard = replace(shard, pending=NOTHING, num_pending=0)
        return adam_step(
            shard, gradient_N / np.float32(num), learning_rate=self._config.learning_rate
        )

    def _next_baseline(self, baseline: float | None, rewards: Sequence[float]) -> float:
        """Return the moving average after these rewards; it starts at the first round's mean."""
        if baseline is None:
            return _mean(rewards)
        decay = self._config.baseline_decay
        for reward in rewards:
            baseline = decay * baseline + (1 - decay) * reward
        return baseline

    def _policy(self, shards: Sequence[Shard]) -> Policy:
        """Return the policy with these parameters; the next call overwrites it."""
        vector_to_parameters(torch.from_numpy(join(shards)), self._workspace.parameters())
        return self._workspace


def policy_loss(
    log_prob_B: Tensor,
    entropy_B: Tensor,
    reward_B: Tensor,
    *,
    baseline: float,
    entropy_weight: float,
) -> Tensor:
    """Return the REINFORCE loss, a scalar to minimise.

    Args:
        log_prob_B: Log-probability of each architecture, in nats.
        entropy_B: Entropy of the policy along each, in nats.
        reward_B: What each earned. Data: it has no gradient.
        baseline: What was to be expected, in the unit of the rewards.
        entropy_weight: Worth of one nat of entropy, in the unit of the rewards.
    """
    advantage_B = reward_B - baseline
    return -(advantage_B * log_prob_B + entropy_weight * entropy_B).mean()


def _flat_gradient(loss: Tensor, policy: Policy) -> Tensor:
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
