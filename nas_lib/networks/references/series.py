"""The field's standard networks for series: FCN and ResNet (Wang et al. 2017).

"Time series classification from scratch with deep neural networks: a strong baseline."

FCN: convolutions of 128 filters of 8 steps, 256 of 5 and 128 of 3, each with BatchNorm and ReLU,
the mean over time and a linear classifier. ResNet: three blocks of 64, 128 and 128 filters, each
of three convolutions of 8, 5 and 3 steps with BatchNorm, the last one without ReLU; added to it is
what the block takes, by a convolution of one step where it has another number of channels, and
BatchNorm in any case, as the authors' code has it; then ReLU. Convolutions go without bias, which
the BatchNorm behind them has. Series keep their length: of an even window the longer side is
padded at the end.

Shapes: B series, C channels, height 1, W steps, K classes.
"""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from nas_lib.networks.cnn import ConvNormReLU, pad_end, padding_around
from nas_lib.networks.image_network import NOTHING, ImageNetwork, Regularisation
from nas_lib.networks.references.parts import Classifier
from nas_lib.spaces.references import SeriesFcnPlan, SeriesResNetPlan

_FCN = ((128, 8), (256, 5), (128, 3))
"""Filters and steps of each convolution."""
_BLOCKS = (64, 128, 128)
_STEPS = (8, 5, 3)


class SeriesFcn(ImageNetwork):
    """Convolutions in a row, and a linear classifier."""

    def __init__(
        self,
        plan: SeriesFcnPlan,
        *,
        image_channels: int,
        num_classes: int,
        regularisation: Regularisation = NOTHING,
    ) -> None:
        super().__init__()
        self.convs = nn.Sequential()
        channels = image_channels
        for filters, steps in _FCN:
            self.convs.append(ConvNormReLU(channels, filters, (1, steps), (1, 1)))
            channels = filters
        self.classifier = Classifier(channels, num_classes, dropout=regularisation.dropout)

    def forward(self, series_BC1W: Tensor) -> Tensor:
        """Return the logits, `[B, K]`."""
        logits_BK: Tensor = self.classifier(self.convs(series_BC1W))
        return logits_BK


class SeriesResNet(ImageNetwork):
    """The blocks in a row, and a linear classifier."""

    def __init__(
        self,
        plan: SeriesResNetPlan,
        *,
        image_channels: int,
        num_classes: int,
        regularisation: Regularisation = NOTHING,
    ) -> None:
        super().__init__()
        self.blocks = nn.Sequential()
        channels = image_channels
        for filters in _BLOCKS:
            self.blocks.append(_Block(channels, filters))
            channels = filters
        self.classifier = Classifier(channels, num_classes, dropout=regularisation.dropout)

    def forward(self, series_BC1W: Tensor) -> Tensor:
        """Return the logits, `[B, K]`."""
        logits_BK: Tensor = self.classifier(self.blocks(series_BC1W))
        return logits_BK


class _Block(nn.Module):
    """Three convolutions, whose result is added to what they take."""

    def __init__(self, in_channels: int, filters: int) -> None:
        super().__init__()
        first, second, last = ((1, steps) for steps in _STEPS)
        self.first = ConvNormReLU(in_channels, filters, first, (1, 1))
        self.second = ConvNormReLU(filters, filters, second, (1, 1))
        self.last = _ConvNorm(filters, filters, last)
        self.shortcut: nn.Module = nn.BatchNorm2d(filters)
        if in_channels != filters:
            self.shortcut = _ConvNorm(in_channels, filters, (1, 1))

    def forward(self, x_BC1W: Tensor) -> Tensor:
        y_BC1W = self.last(self.second(self.first(x_BC1W)))
        return F.relu(y_BC1W + self.shortcut(x_BC1W))


class _ConvNorm(nn.Module):
    """Convolution without bias, and BatchNorm."""

    def __init__(self, in_channels: int, filters: int, window: tuple[int, int]) -> None:
        super().__init__()
        self.conv = nn.Conv2d(
            in_channels, filters, window, padding=padding_around(window), bias=False
        )
        self.norm = nn.BatchNorm2d(filters)
        self._window = window

    def forward(self, x_BC1W: Tensor) -> Tensor:
        y_BC1W: Tensor = self.norm(self.conv(pad_end(x_BC1W, self._window, value=0.0)))
        return y_BC1W
