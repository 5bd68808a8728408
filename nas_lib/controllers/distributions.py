"""The two distributions of a decision: one of several options, and independent bits.

Letters in names: B architectures, N decisions, O options, X bits of a decision, P logits of
all of them.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from nas_lib.spaces.decisions import Choice, Decision, Pointer

_IMPOSSIBLE = -1e9  # a logit; finite, so that the probability 0 times it is 0


def draw(decision: Decision, logits: Tensor, uniform_BX: Tensor) -> Tensor:
    """Return a decision's tokens.

    Args:
        decision: What is decided.
        logits: One per option of a choice or pointer, `[B, O]`; else one per bit, `[B, X]`.
        uniform_BX: A uniform number in [0, 1) for each token.
    """
    if isinstance(decision, Choice | Pointer):
        return draw_option(logits, uniform_BX)
    return draw_bits(logits, uniform_BX)


def draw_option(logits_BO: Tensor, uniform_B1: Tensor) -> Tensor:
    """Count the options whose share of [0, 1) ends at or below the uniform number."""
    ends_BO = logits_BO.softmax(-1).cumsum(-1)
    # The last share ends at 1, whatever rounding makes of the sum.
    return (ends_BO[:, :-1] <= uniform_B1).sum(-1, keepdim=True)


def draw_bits(logits_BX: Tensor, uniform_BX: Tensor) -> Tensor:
    """Draw each bit by itself."""
    return (uniform_BX < logits_BX.sigmoid()).long()


def score_options(logits_NBO: Tensor, tokens_NB1: Tensor) -> tuple[Tensor, Tensor]:
    """Return log-probability and entropy of N softmaxes, each summed over them, `[B]`."""
    # Not the logarithm of a softmax: an option without a chance then has -1e9 here, not -inf, and
    # the product below is 0.
    log_prob_NBO = F.log_softmax(logits_NBO, dim=-1)
    log_prob_B = log_prob_NBO.gather(-1, tokens_NB1).sum((0, 2))
    entropy_B = -(log_prob_NBO.exp() * log_prob_NBO).sum((0, 2))
    return log_prob_B, entropy_B


def score_bits(logits_PB: Tensor, bits_PB: Tensor) -> tuple[Tensor, Tensor]:
    """Return log-probability and entropy of P Bernoullis, each summed over them, `[B]`."""
    # With P(1) = sigmoid(x): log P(0) = -softplus(x), and log P(1) = x - softplus(x).
    # So the entropy -sum P log P is softplus(x) - P(1) x, without a logarithm of what may be 0.
    softplus_PB = F.softplus(logits_PB)
    log_prob_B = (bits_PB * logits_PB - softplus_PB).sum(0)
    entropy_B = (softplus_PB - logits_PB.sigmoid() * logits_PB).sum(0)
    return log_prob_B, entropy_B


def pad_options(logits_PB: Tensor, num_options: Sequence[int]) -> Tensor:
    """Return as `[N, B, O]` the logits of N softmaxes that lie one after the other.

    Where one has fewer options than the others, the last of O have no chance.
    """
    num_N = torch.tensor(num_options)
    option_O = torch.arange(max(num_options))
    index_NO = (num_N.cumsum(0) - num_N)[:, None] + option_O  # a softmax begins where the last ends
    padding = len(logits_PB)  # the number of the row that is added below
    index_NO[option_O >= num_N[:, None]] = padding
    return F.pad(logits_PB, (0, 0, 0, 1), value=_IMPOSSIBLE)[index_NO].transpose(1, 2)
