"""Attention of a decision over anchors: v^T tanh(W_prev h_anchor + W_curr h).

Both papers have it (Zoph & Le 2017, section 3.3; Pham et al. 2018, section 2.1).

Letters in names: B architectures, H hidden units, A anchors, N decisions, P pairs of a decision and
an anchor that it sees.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn


class Attention(nn.Module):
    """The three matrices that all decisions of a kind share."""

    def __init__(self, hidden_size: int) -> None:
        super().__init__()
        self.previous = nn.Linear(hidden_size, hidden_size, bias=False)  # W_prev
        self.current = nn.Linear(hidden_size, hidden_size, bias=False)  # W_curr
        self.weigh = nn.Linear(hidden_size, 1, bias=False)  # v

    def logits(self, previous: Tensor, current: Tensor) -> Tensor:
        """Return the logits `[...]` of pairs, from W_prev h_anchor and W_curr h, `[..., H]`."""
        weighed: Tensor = self.weigh((previous + current).tanh())
        return weighed.squeeze(-1)


class Look(NamedTuple):
    """Which decision looks at which anchors: a row of `current_NBH`, a slice of `previous_ABH`."""

    row: int
    seen: slice


def attend(
    doubled_previous_ABH: Tensor,
    doubled_current_NBH: Tensor,
    weigh_H: Tensor,
    looks: Sequence[Look],
) -> Tensor:
    """Return the logits `[P, B]` of all pairs, look by look; differentiable.

    The same as `Attention.logits`, from twice the products: tanh(x) = 2 sigmoid(2x) - 1, and torch
    takes a sixth of the time for a sigmoid.
    """
    logits_PB: Tensor = _Attend.apply(  # type: ignore[no-untyped-call]
        doubled_previous_ABH, doubled_current_NBH, weigh_H, looks
    )
    return logits_PB


class _Attend(torch.autograd.Function):
    """As a function of its own, it never copies anchors for the pairs they are in."""

    @staticmethod
    def forward(
        ctx: Any, previous_ABH: Tensor, current_NBH: Tensor, weigh_H: Tensor, looks: Sequence[Look]
    ) -> Tensor:
        squashed = [(previous_ABH[look.seen] + current_NBH[look.row]).sigmoid_() for look in looks]
        ctx.looks, ctx.shapes = looks, (previous_ABH.shape, current_NBH.shape)
        ctx.save_for_backward(weigh_H, *squashed)
        return torch.cat([each_XBH @ weigh_H for each_XBH in squashed]).mul_(2).sub_(weigh_H.sum())

    @staticmethod
    def backward(ctx: Any, d_logits_PB: Tensor) -> tuple[Tensor | None, ...]:
        weigh_H, *squashed = ctx.saved_tensors
        d_previous_ABH, d_current_NBH = (weigh_H.new_zeros(shape) for shape in ctx.shapes)
        d_weigh_H = torch.zeros_like(weigh_H)
        d_logits = torch.split(2 * d_logits_PB, [len(each) for each in squashed])
        for look, squashed_XBH, d_logits_XB in zip(ctx.looks, squashed, d_logits, strict=True):
            d_weigh_H.addmv_(squashed_XBH.flatten(0, 1).T, d_logits_XB.flatten())
            d_sum_XBH = torch.ops.aten.sigmoid_backward(d_logits_XB[..., None], squashed_XBH)
            d_previous_ABH[look.seen] += d_sum_XBH
            torch.sum(d_sum_XBH, 0, out=d_current_NBH[look.row])
        return (
            d_previous_ABH.mul_(weigh_H),
            d_current_NBH.mul_(weigh_H),
            d_weigh_H - d_logits_PB.sum(),
            None,
        )
