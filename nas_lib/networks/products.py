"""Products of matrices in single precision, by oneDNN where torch has it.

torch itself multiplies them by MKL, which makes no use of AMD's wide registers; oneDNN, by which
torch computes LSTMs, is twice as fast there. torch has it for its compiler, by an operation without
a public name; where it is missing, torch's own product does.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.backends import mkldnn as _mkldnn

_is_built = bool(_mkldnn.is_available())  # type: ignore[no-untyped-call]
_linear = getattr(torch.ops.mkldnn, "_linear_pointwise", None) if _is_built else None


def product(a_MK: Tensor, b_KN: Tensor) -> Tensor:
    """Return the product of two matrices, `[M, N]`; no gradient goes through it.

    It is fastest where the rows of the second lie one after another in memory.
    """
    is_single = a_MK.dtype == torch.float32 and a_MK.device.type == "cpu"
    if _linear is None or not is_single or _is_small(len(a_MK), *b_KN.shape):
        return a_MK @ b_KN
    # of weights it wants whole matrices or transposed ones
    if not (b_KN.is_contiguous() or b_KN.t().is_contiguous()):
        b_KN = b_KN.contiguous()
    # a linear layer's weight is [N, K]; no bias, and nothing applied to the result
    c_MN: Tensor = _linear(a_MK, b_KN.t(), None, "none", [], "")
    return c_MN


def _is_small(m: int, k: int, n: int) -> bool:
    """Return whether preparing takes oneDNN longer than it saves, as measured."""
    return m < 4 or (m * k * n < 3_000_000 and k * n < 65_536)
