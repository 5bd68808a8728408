"""What the super-networks for images are made of.

Everything here is fastest, on a CPU by several times, where the channels lie next to each other in
memory (channels-last). Where the moments of BatchNorm are given, it is folded into the convolution
before it.

Shapes: B images, C channels, H x W pixels; weights O x I x V x V, or O x 1 x V x V of channels
alone, with a window of V x V pixels.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from nas_lib.networks.depthwise import convolve_channels
from nas_lib.networks.layers import convolution
from nas_lib.shared_weights.norm import Norm, Statistics


class ImageSuperNetwork(nn.Module):
    """What training asks of every super-network for images.

    `forward` takes images, an architecture's tokens, and statistics for BatchNorm: by default those
    for training, or the running averages.
    """

    def both_logits(
        self, images_BCHW: Tensor, tokens: Sequence[int]
    ) -> tuple[Tensor, Tensor | None]:
        """Return the logits `[B, K]`, and those of an auxiliary classifier, None if there is none.

        That classifier is for training only: `forward` does without, and whoever is judged too.
        """
        return self(images_BCHW, tokens), None


class ConvNorm(nn.Module):
    """Convolution, BatchNorm, and ReLU if wanted."""

    def __init__(
        self,
        in_channels: int,
        num_filters: int,
        *,
        window: int | tuple[int, int] = 1,
        dilation: int = 1,
        relu: bool = False,
    ) -> None:
        super().__init__()
        self.conv = convolution(in_channels, num_filters, window=window)
        self.norm = Norm(num_filters)
        self._dilation, self._relu = dilation, relu

    def forward(self, x_BCHW: Tensor, statistics: Statistics) -> Tensor:
        y_BCHW = convolve_and_norm(
            x_BCHW, self.conv.weight, self.norm, statistics, dilation=self._dilation
        )
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
        alone_BCHW = convolve_channels(x_BCHW, self.depthwise.weight)  # no BatchNorm in between
        y_BCHW: Tensor = self.pointwise(alone_BCHW, statistics)
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
        # [B, C, ceil(H / 2), ceil(W / 2)] and [B, C, H // 2, W // 2]
        even_BCHW, odd_BCHW = _EveryOther.apply(x_BCHW)  # type: ignore[no-untyped-call]
        halves = [F.conv2d(even_BCHW, self.even.weight)]
        if self.odd is not None:
            height, width = x_BCHW.shape[2:]
            missing = (0, width % 2, 0, height % 2)  # left, right, top, bottom
            if any(missing):
                odd_BCHW = F.pad(odd_BCHW, missing)
            halves.append(F.conv2d(odd_BCHW, self.odd.weight))
        y_BCHW: Tensor = self.norm(torch.cat(halves, dim=1), statistics)
        return y_BCHW


def convolve_and_norm(
    x_BCHW: Tensor, weight_OIVV: Tensor, norm: Norm, statistics: Statistics, *, dilation: int = 1
) -> Tensor:
    """Return a convolution that keeps height and width, after BatchNorm."""
    height, width = weight_OIVV.shape[2:]  # of the window, both odd
    padding = dilation * (height // 2), dilation * (width // 2)
    moments, shift_O = statistics.given(norm), None
    if moments is not None:
        # In evaluation BatchNorm is affine: one pass over the images instead of two.
        factor_O, shift_O = norm.affine(moments)
        weight_OIVV = weight_OIVV * factor_O[:, None, None, None]
    y_BCHW = F.conv2d(x_BCHW, weight_OIVV, shift_O, padding=padding, dilation=dilation)
    if moments is not None:
        return y_BCHW
    normed_BCHW: Tensor = norm(y_BCHW, statistics)
    return normed_BCHW


class _EveryOther(torch.autograd.Function):
    """Pixels 0, 2, ... of rows 0, 2, ...; and pixels 1, 3, ... of rows 1, 3, ...

    What a convolution with stride 2 reads. But its gradient takes three times as long as this.
    """

    @staticmethod
    def forward(ctx: Any, x_BCHW: Tensor) -> tuple[Tensor, Tensor]:
        ctx.shape = x_BCHW.shape
        even_BCHW, odd_BCHW = x_BCHW[:, :, ::2, ::2], x_BCHW[:, :, 1::2, 1::2]
        return (
            even_BCHW.contiguous(memory_format=torch.channels_last),
            odd_BCHW.contiguous(memory_format=torch.channels_last),
        )

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        even_BCHW, odd_BCHW = gradients
        # Pixels of even rows and odd columns, and the other way round, were not read: zero.
        gradient_BCHW = torch.empty(
            ctx.shape,
            dtype=even_BCHW.dtype,
            device=even_BCHW.device,
            memory_format=torch.channels_last,
        ).zero_()
        gradient_BCHW[:, :, ::2, ::2] = even_BCHW
        gradient_BCHW[:, :, 1::2, 1::2] = odd_BCHW
        return gradient_BCHW
