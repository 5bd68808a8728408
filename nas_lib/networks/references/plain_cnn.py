"""A plain convolutional network, as people begin with: a small VGG with BatchNorm.

Two 3x3 convolutions each of 32, 64 and 128 filters, with BatchNorm and ReLU; the maxima of 2x2
pixels between; the mean over all pixels and a linear classifier. About as large as a ResNet-20.

Shapes: B images, C channels, H x W pixels, K classes.
"""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from nas_lib.networks.image_network import NOTHING, ImageNetwork, Regularisation
from nas_lib.networks.layers import ConvNorm
from nas_lib.networks.references.parts import Classifier, halved_by_maximum
from nas_lib.spaces.references import PlainCnnPlan

_FILTERS = (32, 32, 64, 64, 128, 128)
_HALVED_BEFORE = (2, 4)


class PlainCnn(ImageNetwork):
    """Convolutions in a row, and a linear classifier."""

    def __init__(
        self,
        plan: PlainCnnPlan,
        *,
        image_channels: int,
        num_classes: int,
        regularisation: Regularisation = NOTHING,
    ) -> None:
        super().__init__()
        channels = (image_channels, *_FILTERS)
        self.convs = nn.ModuleList(
            ConvNorm(before, filters, window=3)
            for before, filters in zip(channels[:-1], _FILTERS, strict=True)
        )
        self.classifier = Classifier(_FILTERS[-1], num_classes, dropout=regularisation.dropout)

    def forward(self, images_BCHW: Tensor) -> Tensor:
        """Return the logits, `[B, K]`."""
        x_BCHW = images_BCHW
        for number, conv in enumerate(self.convs):
            if number in _HALVED_BEFORE:
                x_BCHW = halved_by_maximum(x_BCHW)
            x_BCHW = F.relu(conv(x_BCHW))
        logits_BK: Tensor = self.classifier(x_BCHW)
        return logits_BK
