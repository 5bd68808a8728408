"""Products of matrices in single precision, by oneDNN where torch has it.

torch itself multiplies them by MKL; oneDNN, by which torch computes LSTMs, is up to twice as fast
on the processor where both were measured. torch has it for its compiler, by an operation without a
public name; where it is missing, or is another one, torch's own product does.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import torch
from torch import Tensor


def product(a_MK: Tensor, b_KN: Tensor) -> Tensor:
    """Return the product of two matrices, `[M, N]`; no gradient goes through it.

    It is fastest where the rows of the second lie one after another in memory.
    """
    is_single = a_MK.dtype == torch.float32 and a_MK.device.type == "cpu"
    if not is_single or _is_small(len(a_MK), *b_KN.shape):
        return a_MK @ b_KN
    return (_by_onednn() or torch.mm)(a_MK, b_KN)


def _is_small(m: int, k: int, n: int) -> bool:
    """Return whether preparing takes oneDNN longer than it saves, as measured."""
    return m < 4 or (m * k * n < 3_000_000 and k * n < 65_536)


@cache  # asked once it is needed: a process that forks others should not have begun threads
def _by_onednn() -> Callable[[Tensor, Tensor], Tensor] | None:
    """Return its product, None where torch has none for this processor."""
    one = torch.ones(1, 1, device="cpu")
    try:
        _linear(one, one)
    except (AttributeError, RuntimeError, TypeError):  # no such operation; not on CPUs; another one
        return None
    return _linear


def _linear(a_MK: Tensor, b_KN: Tensor) -> Tensor:
    # of weights it wants whole matrices or transposed ones
    if not (b_KN.is_contiguous() or b_KN.t().is_contiguous()):
        b_KN = b_KN.contiguous()
    # a linear layer's weight is [N, K]; no bias, and nothing applied to the result
    c_MN: Tensor = torch.ops.mkldnn._linear_pointwise(a_MK, b_KN.t(), None, "none", [], "")
    return c_MN
