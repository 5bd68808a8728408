"""Convolutions of every channel alone that a CPU learns fast.

Shapes: B images, C channels, H x W pixels; weights C x 1 x V x V, with a window of V x V pixels.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.nn.grad import conv2d_weight

_MAX_COLUMNS = 3  # of a window, for oneDNN's fast gradient


def convolve_channels(x_BCHW: Tensor, weight_C1VV: Tensor) -> Tensor:
    """Return a convolution of every channel alone that keeps height and width."""
    # Elsewhere, and in bfloat16, torch's own gradient; where there is none, what can be exported.
    if (
        torch.is_grad_enabled()
        and x_BCHW.device.type == "cpu"
        and not torch.is_autocast_enabled("cpu")
    ):
        y_BCHW: Tensor = _Depthwise.apply(x_BCHW, weight_C1VV)  # type: ignore[no-untyped-call]
        return y_BCHW
    return _depthwise(x_BCHW, weight_C1VV)


def _depthwise(x_BCHW: Tensor, weight_C1VV: Tensor) -> Tensor:
    padding = weight_C1VV.shape[2] // 2
    return F.conv2d(x_BCHW, weight_C1VV, padding=padding, groups=len(weight_C1VV))


class _Depthwise(torch.autograd.Function):
    """`convolve_channels` with a gradient that takes a CPU half the time, or less.

    oneDNN's kernel for the gradient of images is slower than the convolution which that is.
    """

    @staticmethod
    def forward(ctx: Any, x_BCHW: Tensor, weight_C1VV: Tensor) -> Tensor:
        ctx.save_for_backward(x_BCHW, weight_C1VV)
        return _depthwise(x_BCHW, weight_C1VV)

    @staticmethod
    def backward(ctx: Any, gradient_BCHW: Tensor) -> tuple[Tensor, Tensor]:
        x_BCHW, weight_C1VV = ctx.saved_tensors
        # A convolution's gradient of its input is a convolution with the window turned around.
        of_x_BCHW = _depthwise(gradient_BCHW, weight_C1VV.flip(2, 3))
        return of_x_BCHW, _depthwise_weight_gradient(x_BCHW, weight_C1VV.shape[2], gradient_BCHW)


def _depthwise_weight_gradient(x_BCHW: Tensor, window: int, gradient_BCHW: Tensor) -> Tensor:
    """Return the gradient of a depthwise convolution's weight, `[C, 1, V, V]`.

    oneDNN has a fast kernel for it up to three columns. So a wider window is cut into such strips,
    and each looks at images shifted sideways.
    """
    channels, middle = x_BCHW.shape[1], window // 2

    def strip(images_BCHW: Tensor, columns: int, padding: tuple[int, int]) -> Tensor:
        shape = (channels, 1, window, columns)
        # [C, 1, V, S] of S columns
        weight_C1VS: Tensor = conv2d_weight(  # type: ignore[no-untyped-call]
            images_BCHW, shape, gradient_BCHW, padding=padding, groups=channels
        )
        return weight_C1VS

    if window <= _MAX_COLUMNS:
        return strip(x_BCHW, window, (middle, middle))
    # so that column `start` of the window meets its pixels, `middle - start` to the left
    padded_BCHW = F.pad(x_BCHW, (middle, middle))
    strips = []
    for start in range(0, window, _MAX_COLUMNS):
        columns = min(_MAX_COLUMNS, window - start)
        length = x_BCHW.shape[3] + columns - 1
        strips.append(strip(padded_BCHW.narrow(3, start, length), columns, (middle, 0)))
    return torch.cat(strips, dim=3)
