"""The 13 operations of NASNet's cells, and how they make shapes match (Zoph et al. 2018).

Each takes a state of any number of channels and gives as many as the cell has filters, in the order
ReLU, convolution, BatchNorm. A separable convolution is applied twice, with nothing between its
filters and the 1x1 convolution; the first has the stride. So has the first of 1x3 and 3x1 along its
row, and the second along its column. What has no weights, pooling and the identity, has a 1x1
convolution where the channels differ, and the identity where the size does. The paper gives no rate
of the dilated convolution: it is 2 here.

Padding is as TensorFlow's SAME: `ceil(size / stride)` pixels, and where what is added is odd, one
pixel more after the image than before it.

Shapes: B images, C channels, H x W pixels.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

import torch.nn.functional as F
from torch import Tensor, nn

from nas_lib.networks.depthwise import convolve_channels
from nas_lib.networks.layers import ConvNorm, Output

OperationMaker = Callable[[int, int, int], nn.Module]
"""Makes an operation, from `Output` to a tensor, of: channels that it takes, filters, stride."""


class SameConv(nn.Conv2d):
    """A convolution with SAME padding and without bias, of He's normal initial weights."""

    def __init__(
        self,
        in_channels: int,
        num_filters: int,
        *,
        window: tuple[int, int],
        stride: tuple[int, int] = (1, 1),
        dilation: int = 1,
        groups: int = 1,
    ) -> None:
        # what SAME is where it is equal on both sides: without a stride, and of odd sizes
        reach = (dilation * (window[0] // 2), dilation * (window[1] // 2))
        super().__init__(
            in_channels, num_filters, window, stride, reach, dilation, groups=groups, bias=False
        )
        nn.init.kaiming_normal_(self.weight, nonlinearity="relu")
        self._reach = reach

    def forward(self, x_BCHW: Tensor) -> Tensor:
        sizes = zip(x_BCHW.shape[2:], self.stride, self._reach, strict=True)
        # one pixel less before images of an even size
        less = [_is_even(size) and stride > 1 and reach > 0 for size, stride, reach in sizes]
        if not any(less):
            y_BCHW: Tensor = super().forward(x_BCHW)
            return y_BCHW
        (top, left), (fewer_rows, fewer_columns) = self._reach, less
        padded_BCHW = F.pad(x_BCHW, (left - fewer_columns, left, top - fewer_rows, top))
        return F.conv2d(padded_BCHW, self.weight, None, self.stride, 0, self.dilation, self.groups)


class DepthwiseConv(SameConv):
    """A filter for each channel alone."""

    def __init__(self, num_channels: int, *, window: int, stride: int) -> None:
        super().__init__(
            num_channels,
            num_channels,
            window=(window, window),
            stride=(stride, stride),
            groups=num_channels,
        )

    def forward(self, x_BCHW: Tensor) -> Tensor:
        if self.stride == (1, 1):
            return convolve_channels(x_BCHW, self.weight)
        return super().forward(x_BCHW)


class SamePool(nn.Module):
    """The mean or the maximum of the pixels of a window that there are."""

    def __init__(self, kind: str, *, window: int, stride: int) -> None:
        super().__init__()
        self._is_mean = kind == "avg"
        self._window, self._stride = window, stride

    def forward(self, x_BCHW: Tensor) -> Tensor:
        # Windows may begin before and end after the image: what is outside counts for neither.
        height, width = (
            self._window // 2 - (_is_even(size) and self._stride > 1) for size in x_BCHW.shape[2:]
        )
        shape, padding = (self._window, self._stride), (height, width)
        if self._is_mean:
            return F.avg_pool2d(x_BCHW, *shape, padding, ceil_mode=True, count_include_pad=False)
        return F.max_pool2d(x_BCHW, *shape, padding, ceil_mode=True)


def _through(layers: nn.Sequential, x_BCHW: Tensor) -> Tensor:
    for layer in layers:
        x_BCHW = layer(x_BCHW)
    return x_BCHW


class Active(nn.Sequential):
    """Layers after ReLU."""

    def forward(self, x: Output) -> Tensor:
        return _through(self, x.active)


class Unweighted(nn.Sequential):
    """Layers without ReLU before them."""

    def forward(self, x: Output) -> Tensor:
        return _through(self, x.raw)


def identity(in_channels: int, filters: int, stride: int) -> nn.Module:
    """Return what gives a state as it is, where it can."""
    if stride == 1 and in_channels == filters:
        return Unweighted()
    return Active(*_conv(in_channels, filters, (1, 1), (stride, stride)))


def pool(kind: str, window: int) -> OperationMaker:
    """Return what makes a pooling operation."""

    def make(in_channels: int, filters: int, stride: int) -> nn.Module:
        layers: list[nn.Module] = [SamePool(kind, window=window, stride=stride)]
        if in_channels != filters:
            layers.append(ConvNorm(in_channels, filters))
        return Unweighted(*layers)

    return make


def conv(*windows: tuple[int, int], dilation: int = 1) -> OperationMaker:
    """Return what makes convolutions one after the other."""

    def make(in_channels: int, filters: int, stride: int) -> nn.Module:
        layers: list[nn.Module] = []
        for rows, columns in windows:
            steps = (stride if rows > 1 else 1, stride if columns > 1 else 1)
            if len(windows) == 1:
                steps = (stride, stride)
            if layers:
                layers.append(nn.ReLU())
            num = filters if layers else in_channels
            layers += _conv(num, filters, (rows, columns), steps, dilation)
        return Active(*layers)

    return make


def separable(window: int, *, times: int = 2) -> OperationMaker:
    """Return what makes a separable convolution, so many times one after the other."""

    def make(in_channels: int, filters: int, stride: int) -> nn.Module:
        layers: list[nn.Module] = []
        for number in range(times):
            num = filters if number else in_channels
            layers += [
                *([nn.ReLU()] if number else []),
                DepthwiseConv(num, window=window, stride=1 if number else stride),
                *_conv(num, filters, (1, 1)),
            ]
        return Active(*layers)

    return make


def _is_even(size: int) -> bool:
    return int(size) % 2 == 0  # a tensor, while a graph is traced


def _conv(
    in_channels: int,
    filters: int,
    window: tuple[int, int],
    stride: tuple[int, int] = (1, 1),
    dilation: int = 1,
) -> list[nn.Module]:
    return [
        SameConv(in_channels, filters, window=window, stride=stride, dilation=dilation),
        nn.BatchNorm2d(filters),
    ]


OPERATIONS: Final[Mapping[str, OperationMaker]] = MappingProxyType(
    {
        "identity": identity,
        "conv1x3": conv((1, 3), (3, 1)),
        "conv1x7": conv((1, 7), (7, 1)),
        "dilated3": conv((3, 3), dilation=2),
        "avg3": pool("avg", 3),
        "max3": pool("max", 3),
        "max5": pool("max", 5),
        "max7": pool("max", 7),
        "conv1": conv((1, 1)),
        "conv3": conv((3, 3)),
        "sep3": separable(3),
        "sep5": separable(5),
        "sep7": separable(7),
    }
)
"""What makes each operation, by name."""
