"""Convolutional networks with skip connections (Zoph & Le 2017, section 3.3).

The paper's four rules: a layer with several inputs takes their concatenation in depth; one without
input takes the image; the classifier takes every output that no layer took; where sizes differ,
the smaller are padded with zeros. The paper leaves open, and we chose:

- Zeros go around the centre; where their number is odd, the extra one goes below or to the right.
- A convolution or pooling of any window gives `ceil(size / stride)` pixels: its padding is
  `(window - 1) // 2` before and `window // 2` after. So a network runs on images of any size.
- The head is global average pooling and one linear layer.
- In a densely connected block, each convolution takes the block's input and all earlier
  convolutions of the block, and the block's output is all its convolutions, in depth. If the first
  one has a stride, the later ones do without the block's input, which is larger.

Shapes: B images, C channels, H x W pixels, K classes.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from nas_lib.networks.image_network import NOTHING, ImageNetwork, Regularisation
from nas_lib.spaces.cnn import CnnPlan, Layer


class CnnNetwork(ImageNetwork):
    """The layers in order, and a linear classifier on the mean of what they leave unused."""

    def __init__(
        self,
        plan: CnnPlan,
        *,
        image_channels: int,
        num_classes: int,
        regularisation: Regularisation = NOTHING,
    ) -> None:
        super().__init__()
        self._dropout = regularisation.dropout
        self._inputs = [layer.inputs or (0,) for layer in plan.layers]  # 0 is the image
        self._unused = plan.unused
        self.layers = nn.ModuleList()
        channels = [image_channels]
        for layer, inputs in zip(plan.layers, self._inputs, strict=True):
            in_channels = sum(channels[j] for j in inputs)  # rule 1: joined in depth
            is_conv = layer.kind == "conv"
            self.layers.append(DenseBlock(layer, in_channels) if is_conv else MaxPool(layer))
            channels.append(layer.num_convs * layer.num_filters if is_conv else in_channels)
        # rule 3: no layer's output is lost, whatever the controller connects
        self.classifier = nn.Linear(sum(channels[j] for j in self._unused), num_classes)

    def forward(self, images_BCHW: Tensor) -> Tensor:
        """Return the logits, `[B, K]`."""
        outputs = [images_BCHW]
        for inputs, layer in zip(self._inputs, self.layers, strict=True):
            outputs.append(layer(concatenate([outputs[j] for j in inputs])))
        last_BCHW = concatenate([outputs[j] for j in self._unused])  # H x W of the largest
        mean_BC = F.dropout(last_BCHW.mean(dim=(2, 3)), self._dropout, self.training)
        logits_BK: Tensor = self.classifier(mean_BC)
        return logits_BK


class DenseBlock(nn.Module):
    """Equal convolutions, each on all before it; a plain layer is a block of one."""

    def __init__(self, layer: Layer, in_channels: int) -> None:
        super().__init__()
        self._joins_input = (layer.stride_height, layer.stride_width) == (1, 1)
        # behind a stride the input is larger than the convolutions' outputs: it is left out
        joined = in_channels if self._joins_input else 0
        window = (layer.height, layer.width)
        stride = (layer.stride_height, layer.stride_width)
        self.convs = nn.ModuleList([ConvNormReLU(in_channels, layer.num_filters, window, stride)])
        for earlier in range(1, layer.num_convs):
            width = joined + earlier * layer.num_filters  # as in a DenseNet, it grows
            self.convs.append(ConvNormReLU(width, layer.num_filters, window, (1, 1)))

    def forward(self, block_input_BCHW: Tensor) -> Tensor:
        first, *later = self.convs
        outputs = [first(block_input_BCHW)]  # [B, num_filters, H / stride, W / stride] each
        joined = [block_input_BCHW] if self._joins_input else []
        for conv in later:
            outputs.append(conv(concatenate(joined + outputs)))
        return concatenate(outputs)  # [B, num_convs x num_filters, H / stride, W / stride]


class ConvNormReLU(nn.Module):
    """Convolution without bias (BatchNorm has one), BatchNorm, ReLU."""

    def __init__(
        self, in_channels: int, num_filters: int, window: tuple[int, int], stride: tuple[int, int]
    ) -> None:
        super().__init__()
        padding = padding_around(window)
        self.conv = nn.Conv2d(in_channels, num_filters, window, stride, padding, bias=False)
        self.norm = nn.BatchNorm2d(num_filters)
        # The paper leaves initial weights open; He's keep the variance through ReLUs.
        nn.init.kaiming_normal_(self.conv.weight, nonlinearity="relu")
        self._window = window

    def forward(self, x_BCHW: Tensor) -> Tensor:
        return F.relu(self.norm(self.conv(pad_end(x_BCHW, self._window, value=0.0))))


class MaxPool(nn.Module):
    """Max pooling that never sees its padding."""

    def __init__(self, layer: Layer) -> None:
        super().__init__()
        self._window = (layer.height, layer.width)
        self._stride = (layer.stride_height, layer.stride_width)

    def forward(self, x_BCHW: Tensor) -> Tensor:
        # -inf is never the largest; zeros would be, where all pixels are negative
        padded_BCHW = pad_end(x_BCHW, self._window, value=float("-inf"))
        return F.max_pool2d(padded_BCHW, self._window, self._stride, padding_around(self._window))


def padding_around(window: tuple[int, int]) -> tuple[int, int]:
    """Return the padding on both sides, which torch's kernels add much faster than `F.pad`."""
    height, width = window
    return (height - 1) // 2, (width - 1) // 2


def pad_end(x_BCHW: Tensor, window: tuple[int, int], *, value: float) -> Tensor:
    """Add the one more row or column below or to the right that an even window needs."""
    height, width = window
    padding = (0, 1 - width % 2, 0, 1 - height % 2)  # left, right, top, bottom
    return F.pad(x_BCHW, padding, value=value) if any(padding) else x_BCHW


def concatenate(features: Sequence[Tensor]) -> Tensor:
    """Return `[B, C, H, W]` features in depth, zero-padded to the largest height and width."""
    if len(features) == 1:
        return features[0]
    # rule 4, where strides and pooling made sizes differ
    height = max(x_BCHW.shape[2] for x_BCHW in features)
    width = max(x_BCHW.shape[3] for x_BCHW in features)
    return torch.cat([pad_centred(x_BCHW, height, width) for x_BCHW in features], dim=1)


def pad_centred(x_BCHW: Tensor, height: int, width: int) -> Tensor:
    """Surround with zeros; an odd one goes to the end."""
    rows, columns = height - x_BCHW.shape[2], width - x_BCHW.shape[3]
    if not rows and not columns:
        return x_BCHW
    return F.pad(x_BCHW, (columns // 2, columns - columns // 2, rows // 2, rows - rows // 2))
