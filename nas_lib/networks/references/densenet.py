"""Densely connected networks for CIFAR (Huang et al. 2017, "Densely connected convolutional ...").

A 3x3 convolution, three dense blocks, the mean over all pixels and a linear classifier. In a block
each layer takes the block's input and all layers before it, in depth, and adds k channels, the
growth: L(L + 1) / 2 connections of L layers. A layer is BatchNorm, ReLU and a 3x3 convolution.
Between blocks, a transition is BatchNorm, ReLU, a 1x1 convolution and the means of 2x2 pixels; of
an odd size the last row or column is left out. DenseNet-BC besides has bottlenecks (a layer's 3x3
convolution takes 4k channels, made by BatchNorm, ReLU and a 1x1 convolution) and compression (a
transition halves the channels), and begins with 2k channels instead of 16.

Shapes: B images, C channels, H x W pixels, K classes.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from nas_lib.networks.image_network import NOTHING, ImageNetwork, Regularisation
from nas_lib.networks.layers import convolution
from nas_lib.networks.references.parts import Classifier, halved_by_mean
from nas_lib.spaces.references import DenseNetPlan

_BLOCKS = 3


class DenseNet(ImageNetwork):
    """The stem, the blocks with the transitions between them, and a linear classifier."""

    def __init__(
        self,
        plan: DenseNetPlan,
        *,
        image_channels: int,
        num_classes: int,
        regularisation: Regularisation = NOTHING,
    ) -> None:
        super().__init__()
        channels = 2 * plan.growth if plan.is_bc else 16
        self.stem = convolution(image_channels, channels, window=3)
        self.body = nn.Sequential()
        for number in range(_BLOCKS):
            if number:
                narrowed = channels // 2 if plan.is_bc else channels
                self.body.append(_Transition(channels, narrowed))
                channels = narrowed
            block = DenseBlock(channels, plan)
            self.body.append(block)
            channels = block.out_channels
        self.norm = nn.BatchNorm2d(channels)
        self.classifier = Classifier(channels, num_classes, dropout=regularisation.dropout)

    def forward(self, images_BCHW: Tensor) -> Tensor:
        """Return the logits, `[B, K]`."""
        features_BCHW = self.body(self.stem(images_BCHW))
        logits_BK: Tensor = self.classifier(F.relu(self.norm(features_BCHW)))
        return logits_BK


class DenseBlock(nn.Module):
    """Layers that each take the input and all before them.

    Attributes:
        out_channels: Of its input and all its layers, in depth.
    """

    def __init__(self, in_channels: int, plan: DenseNetPlan) -> None:
        super().__init__()
        num_layers, growth = plan.layers_per_block, plan.growth
        self.layers = nn.ModuleList(
            _layer(in_channels + before * growth, growth, is_bottleneck=plan.is_bc)
            for before in range(num_layers)
        )
        self.out_channels = in_channels + num_layers * growth

    def forward(self, x_BCHW: Tensor) -> Tensor:
        for layer in self.layers:
            x_BCHW = torch.cat([x_BCHW, layer(x_BCHW)], dim=1)
        return x_BCHW


class _NormReluConv(nn.Module):
    """BatchNorm, ReLU and a convolution, in this order."""

    def __init__(self, in_channels: int, filters: int, *, window: int) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(in_channels)
        self.conv = convolution(in_channels, filters, window=window)

    def forward(self, x_BCHW: Tensor) -> Tensor:
        y_BCHW: Tensor = self.conv(F.relu(self.norm(x_BCHW)))
        return y_BCHW


class _Transition(nn.Module):
    """A 1x1 convolution, and half the size."""

    def __init__(self, in_channels: int, filters: int) -> None:
        super().__init__()
        self.conv = _NormReluConv(in_channels, filters, window=1)

    def forward(self, x_BCHW: Tensor) -> Tensor:
        return halved_by_mean(self.conv(x_BCHW))


def _layer(in_channels: int, growth: int, *, is_bottleneck: bool) -> nn.Module:
    if not is_bottleneck:
        return _NormReluConv(in_channels, growth, window=3)
    return nn.Sequential(
        _NormReluConv(in_channels, 4 * growth, window=1),
        _NormReluConv(4 * growth, growth, window=3),
    )
