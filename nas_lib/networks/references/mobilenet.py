"""MobileNetV2 for small images (Sandler et al. 2018, "MobileNetV2", table 2).

The paper's network has stride 32, which leaves one pixel of 32x32. Here its first convolution and
the stage of 24 channels have stride 1 instead of 2, as those who train it on CIFAR do: stride 8 in
all, three times 2, at the stages of 32, 64 and 160 channels. All else is as in the paper, width 1:

    conv 3x3 to 32 | expansion 1: 16 | 6: 24 x2 | 6: 32 x3 | 6: 64 x4 | 6: 96 x3 | 6: 160 x3 |
    6: 320 | conv 1x1 to 1280 | mean over all pixels | classifier

Shapes: B images, C channels, H x W pixels, K classes.
"""

from __future__ import annotations

from typing import NamedTuple

import torch.nn.functional as F
from torch import Tensor, nn

from nas_lib.networks.image_network import NOTHING, ImageNetwork, Regularisation
from nas_lib.networks.layers import ConvNorm
from nas_lib.networks.references.parts import Classifier
from nas_lib.spaces.references import MobileNetPlan


class _Stage(NamedTuple):
    """Equal blocks in a row.

    Attributes:
        expansion: How many times the channels a block is wide inside.
        channels: That it puts out.
        num_blocks: How many.
        stride: Of the first one.
    """

    expansion: int
    channels: int
    num_blocks: int
    stride: int


_STEM, _LAST = 32, 1280
_STAGES = (
    _Stage(1, 16, 1, 1),
    _Stage(6, 24, 2, 1),  # 2 in the paper
    _Stage(6, 32, 3, 2),
    _Stage(6, 64, 4, 2),
    _Stage(6, 96, 3, 1),
    _Stage(6, 160, 3, 2),
    _Stage(6, 320, 1, 1),
)


class MobileNet(ImageNetwork):
    """The stem, the blocks in a row, a 1x1 convolution, and a linear classifier."""

    def __init__(
        self,
        plan: MobileNetPlan,
        *,
        image_channels: int,
        num_classes: int,
        regularisation: Regularisation = NOTHING,
    ) -> None:
        super().__init__()
        self.stem = ConvNorm(image_channels, _STEM, window=3)  # stride 2 in the paper
        self.blocks = nn.Sequential()
        channels = _STEM
        for stage in _STAGES:
            for number in range(stage.num_blocks):
                stride = 1 if number else stage.stride
                self.blocks.append(_InvertedResidual(channels, stage, stride))
                channels = stage.channels
        self.last = ConvNorm(channels, _LAST)
        self.classifier = Classifier(_LAST, num_classes, dropout=regularisation.dropout)

    def forward(self, images_BCHW: Tensor) -> Tensor:
        """Return the logits, `[B, K]`."""
        features_BCHW = self.blocks(F.relu6(self.stem(images_BCHW)))
        logits_BK: Tensor = self.classifier(F.relu6(self.last(features_BCHW)))
        return logits_BK


class _InvertedResidual(nn.Module):
    """Wider by 1x1, a filter for each channel alone, and narrow again, without ReLU."""

    def __init__(self, in_channels: int, stage: _Stage, stride: int) -> None:
        super().__init__()
        inside = stage.expansion * in_channels
        self.wide = ConvNorm(in_channels, inside) if stage.expansion > 1 else None
        self.depthwise = ConvNorm(inside, inside, window=3, stride=stride, groups=inside)
        self.narrow = ConvNorm(inside, stage.channels)
        self._adds_input = stride == 1 and in_channels == stage.channels

    def forward(self, x_BCHW: Tensor) -> Tensor:
        inside_BCHW = x_BCHW if self.wide is None else F.relu6(self.wide(x_BCHW))
        y_BCHW: Tensor = self.narrow(F.relu6(self.depthwise(inside_BCHW)))
        return x_BCHW + y_BCHW if self._adds_input else y_BCHW
