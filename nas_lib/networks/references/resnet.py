"""Residual networks for CIFAR (He et al. 2016, "Deep residual learning", section 4.2).

A 3x3 convolution, three stages of n blocks of two, with 16, 32 and 64 filters, the mean over all
pixels and a linear classifier: 6n + 2 layers. The second and third stage begin with stride 2.
Shortcuts are the paper's option A, without weights: of every second pixel, with zeros for the
channels that are not there.

Shapes: B images, C channels, H x W pixels, K classes.
"""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from nas_lib.networks.image_network import NOTHING, ImageNetwork, Regularisation
from nas_lib.networks.layers import ConvNorm
from nas_lib.networks.references.parts import Classifier
from nas_lib.spaces.references import ResNetPlan

_FILTERS = (16, 32, 64)


class ResNet(ImageNetwork):
    """The stem, the blocks in a row, and a linear classifier."""

    def __init__(
        self,
        plan: ResNetPlan,
        *,
        image_channels: int,
        num_classes: int,
        regularisation: Regularisation = NOTHING,
    ) -> None:
        super().__init__()
        self.stem = ConvNorm(image_channels, _FILTERS[0], window=3)
        self.blocks = nn.Sequential()
        channels = _FILTERS[0]
        for filters in _FILTERS:
            for _ in range((plan.depth - 2) // 6):
                self.blocks.append(_Block(channels, filters))
                channels = filters
        self.classifier = Classifier(channels, num_classes, dropout=regularisation.dropout)

    def forward(self, images_BCHW: Tensor) -> Tensor:
        """Return the logits, `[B, K]`."""
        logits_BK: Tensor = self.classifier(self.blocks(F.relu(self.stem(images_BCHW))))
        return logits_BK


class _Block(nn.Module):
    """Two convolutions, whose result is added to what they take; half the size for more filters."""

    def __init__(self, in_channels: int, filters: int) -> None:
        super().__init__()
        self._stride = 1 if in_channels == filters else 2
        self._missing = filters - in_channels
        self.first = ConvNorm(in_channels, filters, window=3, stride=self._stride)
        self.second = ConvNorm(filters, filters, window=3)

    def forward(self, x_BCHW: Tensor) -> Tensor:
        shortcut_BCHW = x_BCHW
        if self._stride > 1:  # of H pixels both ways leave ceil(H / 2)
            shortcut_BCHW = F.pad(x_BCHW[:, :, ::2, ::2], (0, 0, 0, 0, 0, self._missing))
        return F.relu(self.second(F.relu(self.first(x_BCHW))) + shortcut_BCHW)
