"""The interface of a policy, a distribution over token sequences, and how to draw from one.

Letters in names: B architectures, W tokens of an architecture, X tokens of one decision, O options
of a choice or pointer.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import NamedTuple, Protocol

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.utils import vector_to_parameters

from nas_lib.controllers.distributions import draw
from nas_lib.controllers.state import Vector
from nas_lib.spaces.decisions import Decision, num_tokens


class Scores(NamedTuple):
    """What a policy says of known architectures, each `[B]`, in nats, differentiable.

    Attributes:
        log_prob: Log-probability of each token sequence.
        entropy: Sum over its decisions of the entropy that each has after the tokens before it.
        penalty: What a loss adds for architectures like this, whatever they earn; None for a policy
            that prefers none.
    """

    log_prob: Tensor
    entropy: Tensor
    penalty: Tensor | None = None


class Rollout(Protocol):
    """A batch of `num` architectures in the making: ask `logits`, answer `take`, in turns."""

    num: int

    def logits(self, decision: Decision) -> Tensor:
        """Take the policy's next step; return the decision's logits.

        They are `[B, O]`, one per option of a choice or pointer, or `[B, X]`, one per bit of a
        subset; an anchor has none.
        """
        ...

    def take(self, decision: Decision, tokens_BX: Tensor) -> None:
        """Set the tokens of the decision that `logits` was asked for."""
        ...


class Policy(nn.Module, ABC):
    """Gives every token sequence a probability.

    Its parameters are shaped by the decisions of a space at its greatest depth, and serve any
    prefix of them. It has no say in what they are: a learner and its shards do.

    Attributes:
        init_range: Parameters start in +- this, uniformly.
    """

    init_range: float

    @abstractmethod
    def forward(self, decisions: Sequence[Decision], tokens_BW: Tensor) -> Scores:
        """Return the scores of known architectures.

        Args:
            decisions: What the tokens answer.
            tokens_BW: The tokens of each architecture, int64.
        """

    @abstractmethod
    def rollout(self, decisions: Sequence[Decision], num: int) -> Rollout:
        """Return the begin of `num` architectures that answer `decisions`."""


def load(policy: Policy, values_P: Vector) -> None:
    """Give a policy these parameters; the next call overwrites them.

    They are in the order of `parameters()`, as a learner's gradient: a slice of it fits its shard.
    """
    vector_to_parameters(torch.from_numpy(values_P), policy.parameters())


@torch.inference_mode()
def sample(
    policy: Policy, decisions: Sequence[Decision], *, num: int, rng: np.random.Generator
) -> Tensor:
    """Draw architectures.

    Args:
        policy: What they are drawn from.
        decisions: What is to be decided.
        num: How many.
        rng: Gives one uniform number per token.

    Returns:
        The tokens `[B, W]` of each architecture, independent of the others', int64.
    """
    rollout = policy.rollout(decisions, num)
    # Of numpy and not of torch: its stream is the same on every machine and in every release.
    # All numbers at once, whatever is decided: they do not depend on how the steps are taken.
    uniform_BW = torch.from_numpy(rng.random((num, num_tokens(decisions)), dtype=np.float32))
    uniforms = torch.split(uniform_BW, [decision.num_tokens for decision in decisions], dim=1)
    drawn = []
    for decision, uniform_BX in zip(decisions, uniforms, strict=True):
        drawn.append(draw(decision, rollout.logits(decision), uniform_BX))
        rollout.take(decision, drawn[-1])
    return torch.cat(drawn, dim=1)
