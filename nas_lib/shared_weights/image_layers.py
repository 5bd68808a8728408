"""What the super-networks for images are made of.

Everything here is fastest, on a CPU by several times, where the channels lie next to each other in
memory (channels-last). Where the moments of BatchNorm are given, it is folded into the convolution
before it.

Shapes: B images, C channels, H x W pixels; weights O x I x V x V, or O x 1 x V x V of channels
alone, with a window of V x V pixels.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from nas_lib.networks.layers import convolution
from nas_lib.shared_weights.norm import Norm, Statistics


class ConvNorm(nn.Module):
    """Convolution, BatchNorm, and ReLU if wanted."""

    def __init__(
        self, in_channels: int, num_filters: int, *, window: int = 1, relu: bool = False
    ) -> None:
        super().__init__()
        self.conv = convolution(in_channels, num_filters, window=window)
        self.norm = Norm(num_filters)
        self._relu = relu

    def forward(self, x_BCHW: Tensor, statistics: Statistics) -> Tensor:
        y_BCHW = convolve_and_norm(x_BCHW, self.conv.weight, self.norm, statistics)
        return y_BCHW.relu_() if self._relu else y_BCHW


class SeparableConvNorm(nn.Module):
    """A filter for each channel alone, a 1x1 convolution, BatchNorm, and ReLU if wanted."""

    def __init__(
        self, in_channels: int, num_filters: int, *, window: int, relu: bool = False
    ) -> None:
        super().__init__()
        self.depthwise = convolution(in_channels, in_channels, window=window, groups=in_channels)
        self.pointwise = ConvNorm(in_channels, num_filters, relu=relu)

    def forward(self, x_BCHW: Tensor, statistics: Statistics) -> Tensor:
        y_BCHW: Tensor = self.pointwise(self.depthwise(x_BCHW), statistics)
        return y_BCHW


class FactorisedReduction(nn.Module):
    """Half the height and width: a 1x1 convolution of every other pixel, from the first on.

    Half of the filters see the others instead: pixels 1, 3, ... of rows 1, 3, ... Of an odd height
    or width these have one less, and take a zero for it. BatchNorm follows.
    """

    def __init__(self, in_channels: int, num_filters: int) -> None:
        super().__init__()
        half = num_filters // 2
        self.even = convolution(in_channels, num_filters - half)
        self.odd = convolution(in_channels, half) if half else None
        self.norm = Norm(num_filters)

    def forward(self, x_BCHW: Tensor, statistics: Statistics) -> Tensor:
        halves = [F.conv2d(x_BCHW, self.even.weight, stride=2)]
        if self.odd is not None:
            height, width = x_BCHW.shape[2:]
            missing = (0, width % 2, 0, height % 2)
            shifted_BCHW = x_BCHW[:, :, 1:, 1:]
            if any(missing):
                shifted_BCHW = F.pad(shifted_BCHW, missing)
            halves.append(F.conv2d(shifted_BCHW, self.odd.weight, stride=2))
        y_BCHW: Tensor = self.norm(torch.cat(halves, dim=1), statistics)
        return y_BCHW


def convolve_and_norm(
    x_BCHW: Tensor, weight_OIVV: Tensor, norm: Norm, statistics: Statistics
) -> Tensor:
    """Return a convolution that keeps height and width, after BatchNorm."""
    padding = weight_OIVV.shape[2] // 2
    moments = statistics.given(norm)
    if moments is None:
        y_BCHW: Tensor = norm(F.conv2d(x_BCHW, weight_OIVV, padding=padding), statistics)
        return y_BCHW
    factor_O, shift_O = norm.affine(moments)
    return F.conv2d(x_BCHW, weight_OIVV * factor_O[:, None, None, None], shift_O, padding=padding)
