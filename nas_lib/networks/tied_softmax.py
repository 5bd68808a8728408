"""Cross-entropy of a softmax whose weights are the words' embeddings.

With a vocabulary of ten thousand words this is most of a small language model's work, and its
logits, `[M, V]`, would be by far the largest tensor. So they are made a few rows at a time, in one
place that stays in the cache, and turned there into probabilities and gradients at once.

Letters: M predictions, R of them at a time, V words, H units.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd.function import once_differentiable

_LOGITS = 6_000_000  # at a time: below 32 MB, from where malloc returns memory to the kernel


def mean_cross_entropy(outputs_MH: Tensor, embeddings_VH: Tensor, targets_M: Tensor) -> Tensor:
    """Return the mean cross-entropy in nats, a scalar.

    Args:
        outputs_MH: What the logits are computed from: products with all embeddings.
        embeddings_VH: Of each word.
        targets_M: The right words' indices.
    """
    # Under autocast, products are bfloat16 and the softmax is float32: torch keeps them apart.
    if torch.is_autocast_enabled(outputs_MH.device.type):
        return F.cross_entropy(F.linear(outputs_MH, embeddings_VH), targets_M)
    if torch.is_grad_enabled():
        loss: Tensor = _TiedSoftmax.apply(  # type: ignore[no-untyped-call]
            outputs_MH, embeddings_VH, targets_M
        )
        return loss
    return _losses(outputs_MH, embeddings_VH, targets_M, gradients=None).mean()


class _TiedSoftmax(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, outputs_MH: Tensor, embeddings_VH: Tensor, targets_M: Tensor) -> Tensor:
        # Made now, while the probabilities are in the cache: `[M, V]` is never kept.
        gradients = torch.empty_like(outputs_MH), torch.empty_like(embeddings_VH)
        losses_M = _losses(outputs_MH, embeddings_VH, targets_M, gradients=gradients)
        ctx.save_for_backward(*gradients)
        return losses_M.mean()

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor, None]:
        # gradients of the mean, which what comes after it may have scaled by `grad`, a scalar
        outputs_MH, embeddings_VH = ctx.saved_tensors
        return grad * outputs_MH, grad * embeddings_VH, None


def _losses(
    outputs_MH: Tensor,
    embeddings_VH: Tensor,
    targets_M: Tensor,
    *,
    gradients: tuple[Tensor, Tensor] | None,
) -> Tensor:
    """Return each prediction's cross-entropy; write the gradients of their mean."""
    num, num_words = len(targets_M), len(embeddings_VH)
    num_chunks = -(-num * num_words // _LOGITS)  # rounded up
    losses = []
    logits = outputs_MH.new_empty(-(-num // num_chunks), num_words)
    first = 0
    for x_RH, targets_R in zip(
        outputs_MH.chunk(num_chunks), targets_M.chunk(num_chunks), strict=True
    ):
        logits_RV = logits[: len(x_RH)]  # the last chunk may be shorter
        torch.mm(x_RH, embeddings_VH.t(), out=logits_RV)
        losses.append(_to_probabilities(logits_RV, targets_R))
        if gradients is not None:
            # d loss / d logits = (probabilities - one-hot targets) / M
            logits_RV[torch.arange(len(x_RH), device=x_RH.device), targets_R] -= 1
            at_MH, at_VH = gradients
            part_RH = at_MH[first : first + len(x_RH)]
            torch.addmm(part_RH, logits_RV, embeddings_VH, beta=0, alpha=1 / num, out=part_RH)
            # every chunk adds to all embeddings; the first one writes (beta 0)
            at_VH.addmm_(logits_RV.t(), x_RH, beta=float(first > 0), alpha=1 / num)
        first += len(x_RH)
    return torch.cat(losses)


def _to_probabilities(logits_RV: Tensor, targets_R: Tensor) -> Tensor:
    """Turn logits into probabilities, in place; return each row's cross-entropy."""
    target_R = logits_RV.gather(1, targets_R[:, None])[:, 0]  # before they are overwritten
    largest_R = logits_RV.amax(dim=1)
    torch.softmax(logits_RV, dim=1, out=logits_RV)
    # the largest probability is exp(largest - log of the sum), and never 0
    log_sum_R = largest_R - logits_RV.amax(dim=1).log()
    return log_sum_R - target_R
