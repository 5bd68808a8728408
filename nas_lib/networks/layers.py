"""What ENAS's image networks are made of, whether they share weights or not (Pham et al. 2018).

Activations are the caller's: the code of ENAS puts ReLU before a convolution where a network is
trained from scratch, and behind its BatchNorm where it shares weights. Convolutions and pooling of
stride s give `ceil(size / s)` pixels: their padding is `window // 2` on each side, so an output
pixel looks at the first of its s pixels; windows are odd.

Shapes: B images, C channels, H x W pixels, K classes.
"""

from __future__ import annotations

from functools import cached_property
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class Output:
    """What a layer puts out, `[B, C, H, W]`, and its ReLU.

    That is computed once, however many take it, and only if somebody does.
    """

    def __init__(self, raw: Tensor) -> None:
        self.raw = raw

    @cached_property
    def active(self) -> Tensor:
        return F.relu(self.raw)


class ConvNorm(nn.Module):
    """Convolution without bias (BatchNorm has one), and BatchNorm."""

    def __init__(
        self,
        in_channels: int,
        num_filters: int,
        *,
        window: int = 1,
        stride: int = 1,
        groups: int = 1,
        padding: int | None = None,
    ) -> None:
        super().__init__()
        self.conv = convolution(
            in_channels,
            num_filters,
            window=window,
            stride=stride,
            groups=groups,
            padding=padding,
        )
        self.norm = nn.BatchNorm2d(num_filters)

    def forward(self, x_BCHW: Tensor) -> Tensor:
        y_BCHW: Tensor = self.norm(self.conv(x_BCHW))
        return y_BCHW


class SeparableConvNorm(nn.Module):
    """A filter for each channel alone, 1x1 convolution of them all, and BatchNorm."""

    def __init__(self, in_channels: int, num_filters: int, *, window: int, stride: int = 1) -> None:
        super().__init__()
        self.depthwise = convolution(
            in_channels, in_channels, window=window, stride=stride, groups=in_channels
        )
        self.pointwise = convolution(in_channels, num_filters)
        self.norm = nn.BatchNorm2d(num_filters)  # none between the two, as in NASNet's code

    def forward(self, x_BCHW: Tensor) -> Tensor:
        y_BCHW: Tensor = self.norm(self.pointwise(self.depthwise(x_BCHW)))
        return y_BCHW


class FactorisedReduction(nn.Module):
    """Half the height and width: 1x1 convolutions of pixels 0, 2, ... and of pixels 1, 3, ...

    Each gives half of the channels, and BatchNorm follows. Of an odd height or width, the second
    has one pixel less, and takes a zero for it. Products of matrices, pixels by channels: two to
    three times as fast as convolutions with stride 2.
    """

    def __init__(self, in_channels: int, num_filters: int) -> None:
        super().__init__()
        # One 1x1 convolution with stride 2 would see a quarter of the pixels; this sees another.
        half = num_filters // 2
        self.even = _linear(in_channels, num_filters - half)
        self.odd = _linear(in_channels, half) if half else None
        self.norm = nn.BatchNorm2d(num_filters)

    def forward(self, x_BCHW: Tensor) -> Tensor:
        # A 1x1 convolution is a product of pixels `[B x H x W, C]` and weights.
        x_BHWC = x_BCHW.permute(0, 2, 3, 1)
        halves = [self.even(x_BHWC[:, ::2, ::2])]  # [B, ceil(H / 2), ceil(W / 2), F - F // 2]
        if self.odd is not None:
            height, width = x_BCHW.shape[2:]
            missing = (0, 0, 0, width % 2, 0, height % 2)  # of channels, columns, rows
            odd_BHWC = x_BHWC[:, 1::2, 1::2]
            halves.append(self.odd(F.pad(odd_BHWC, missing) if any(missing) else odd_BHWC))
        y_BCHW: Tensor = self.norm(torch.cat(halves, dim=3).permute(0, 3, 1, 2))
        return y_BCHW


class Pool(nn.Module):
    """Mean or maximum of the pixels that there are in a window: padding counts for neither."""

    def __init__(self, kind: Literal["avg3", "max3", "max5", "max7"], *, stride: int = 1) -> None:
        super().__init__()
        self._is_mean = kind == "avg3"
        self._window, self._stride = int(kind[-1]), stride

    def forward(self, x_BCHW: Tensor) -> Tensor:
        # as TensorFlow does, and so the published code
        if self._is_mean:
            return F.avg_pool2d(
                x_BCHW, self._window, self._stride, self._window // 2, count_include_pad=False
            )
        return F.max_pool2d(x_BCHW, self._window, self._stride, padding=self._window // 2)


class ImageNorm(nn.GroupNorm):
    """Norm of each image by itself, of groups of channels; of a single number that gives 0."""

    def forward(self, x_BCHW: Tensor) -> Tensor:
        # nn.GroupNorm refuses single numbers. And where channels lie next to each other, torch's
        # own takes the variance for a difference of squares, which of small ones leaves nothing.
        y_BCHW = torch.group_norm(
            x_BCHW.contiguous(), self.num_groups, self.weight, self.bias, self.eps
        )
        if x_BCHW.is_contiguous(memory_format=torch.channels_last):
            return y_BCHW.contiguous(memory_format=torch.channels_last)
        return y_BCHW


class Head(nn.Module):
    """The mean over all pixels, dropout, and a linear classifier, without bias or with one."""

    def __init__(
        self, in_channels: int, num_classes: int, *, dropout: float = 0.0, bias: bool = False
    ) -> None:
        super().__init__()
        self._dropout = dropout
        self.linear = _linear(in_channels, num_classes, bias=bias)

    def forward(self, x_BCHW: Tensor) -> Tensor:
        """Return the logits, `[B, K]`."""
        # The mean over all pixels makes the network run on images of any size.
        mean_BC = F.dropout(x_BCHW.mean(dim=(2, 3)), self._dropout, self.training)
        logits_BK: Tensor = self.linear(mean_BC)
        return logits_BK


def convolution(
    in_channels: int,
    num_filters: int,
    *,
    window: int | tuple[int, int] = 1,
    stride: int = 1,
    groups: int = 1,
    padding: int | None = None,
) -> nn.Conv2d:
    """Return a convolution without bias, of He's normal initial weights.

    Its window is square, or of so many rows and columns. Padding that is not given is half of it.
    """
    rows, columns = (window, window) if isinstance(window, int) else window
    conv = nn.Conv2d(
        in_channels,
        num_filters,
        (rows, columns),
        stride,
        (rows // 2, columns // 2) if padding is None else padding,
        groups=groups,
        bias=False,
    )
    nn.init.kaiming_normal_(conv.weight, nonlinearity="relu")
    return conv


def _linear(in_channels: int, num_filters: int, *, bias: bool = False) -> nn.Linear:
    linear = nn.Linear(in_channels, num_filters, bias=bias)
    nn.init.kaiming_normal_(linear.weight, nonlinearity="relu")
    if bias:
        nn.init.zeros_(linear.bias)
    return linear
