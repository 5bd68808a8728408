"""Drawing architectures, decision by decision, from any policy."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from nas_lib.controllers.distributions import draw
from nas_lib.spaces.decisions import Decision, num_tokens


class Rollout(Protocol):
    """A batch of `num` architectures in the making: ask `logits`, answer `take`, in turns.

    Letters in names: B architectures, X tokens of one decision.
    """

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


@torch.inference_mode()
def sample(rollout: Rollout, decisions: Sequence[Decision], *, rng: np.random.Generator) -> Tensor:
    """Draw architectures.

    Args:
        rollout: A new one.
        decisions: What is to be decided.
        rng: Gives one uniform number per token.

    Returns:
        The tokens `[B, W]` of each architecture, independent of the others', int64.
    """
    shape = (rollout.num, num_tokens(decisions))
    uniform_BW = torch.from_numpy(rng.random(shape, dtype=np.float32))
    uniforms = torch.split(uniform_BW, [decision.num_tokens for decision in decisions], dim=1)
    drawn = []
    for decision, uniform_BX in zip(decisions, uniforms, strict=True):
        drawn.append(draw(decision, rollout.logits(decision), uniform_BX))
        rollout.take(decision, drawn[-1])
    return torch.cat(drawn, dim=1)
