"""The super-network of the enas-macro space (ENAS, Pham et al. 2018, section 2.3).

Shapes: B images, C channels, H x W pixels, K classes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple

import torch
from torch import Tensor, nn

from nas_lib.config import EnasMacroSpaceConfig
from nas_lib.networks.image_network import NOTHING, Regularisation
from nas_lib.networks.layers import Head, Pool
from nas_lib.shared_weights.image_layers import (
    ConvNorm,
    FactorisedReduction,
    ImageSuperNetwork,
    SeparableConvNorm,
)
from nas_lib.shared_weights.norm import Norm, Running, Statistics, Training
from nas_lib.spaces.enas_macro import MacroOperation, pools_after


class LayerChoice(NamedTuple):
    """What an architecture decides for one layer.

    Attributes:
        operation: Index of the space's operations.
        skips: Outputs that are added to the layer's own: 0 is the stem, i is layer i - 1.
    """

    operation: int
    skips: tuple[int, ...]


def layer_choices(tokens: Sequence[int], num_layers: int) -> list[LayerChoice]:
    """Return what tokens of the enas-macro space mean, layer by layer."""
    choices, position = [], 0
    for layer in range(num_layers):
        # a layer's tokens: its operation, and a bit for each output but the previous one
        bits = tokens[position + 1 : position + 1 + layer]
        skips = tuple(i for i, bit in enumerate(bits) if bit)
        choices.append(LayerChoice(tokens[position], skips))
        position += 1 + layer
    assert position == len(tokens), f"expected {position} tokens, got {len(tokens)}"
    return choices


class MacroSuperNetwork(ImageSuperNetwork):
    """Owns the weights of all architectures; computes the one that it is asked for.

    An architecture uses the stem, one operation of each layer, the BatchNorm behind every layer but
    the first, the head, and of the reductions those that a later layer looks through.
    """

    def __init__(
        self,
        space: EnasMacroSpaceConfig,
        *,
        image_channels: int,
        num_classes: int,
        regularisation: Regularisation = NOTHING,
    ) -> None:
        super().__init__()
        # All layers have the same width, also behind a reduction: 36 in the code, of 12 layers.
        filters = space.shared.filters
        self._num_layers = space.layers
        self._reduced_after = pools_after(space.layers)
        self.stem = ConvNorm(image_channels, filters, window=3)
        # Section 2.3: each layer has weights of its own for each operation, and they are shared
        # by all architectures that choose it there.
        self.layers = nn.ModuleList(
            MacroLayer(space.operations, filters, normed=layer > 0) for layer in range(space.layers)
        )
        self.reductions = nn.ModuleList(  # of the stem and all layers so far
            nn.ModuleList(FactorisedReduction(filters, filters) for _ in range(layer + 2))
            for layer in self._reduced_after
        )
        self.head = Head(filters, num_classes, dropout=regularisation.dropout)

    def forward(
        self, images_BCHW: Tensor, tokens: Sequence[int], statistics: Statistics | None = None
    ) -> Tensor:
        """Return an architecture's logits, `[B, K]`.

        Args:
            images_BCHW: The images.
            tokens: The architecture.
            statistics: For BatchNorm; by default those for training, or the running averages.
        """
        statistics = statistics or (Training() if self.training else Running())
        # layers keep what they are given: once here, not in every one of them
        images_BCHW = images_BCHW.contiguous(memory_format=torch.channels_last)
        outputs = _Outputs(self.reductions, statistics)
        outputs.append(self.stem(images_BCHW, statistics))
        for number, choice in enumerate(layer_choices(tokens, self._num_layers)):
            skips = [outputs[i] for i in choice.skips]  # all [B, filters, H, W] of this third
            y_BCHW = self.layers[number](outputs[number], choice.operation, skips, statistics)
            outputs.append(y_BCHW)
            if number in self._reduced_after:
                outputs.reduce()
        logits_BK: Tensor = self.head(outputs[self._num_layers])
        return logits_BK


class MacroLayer(nn.Module):
    """One operation of several, what skip connections add to it, and BatchNorm."""

    def __init__(self, operations: Sequence[MacroOperation], filters: int, *, normed: bool) -> None:
        super().__init__()
        self.operations = nn.ModuleList(_operation(kind, filters) for kind in operations)
        self.norm = Norm(filters) if normed else None

    def forward(
        self, x_BCHW: Tensor, operation: int, skips: Sequence[Tensor], statistics: Statistics
    ) -> Tensor:
        # Only the branch that was asked for is computed. The published code computes all six, and
        # returns the last one's result whichever was asked for.
        y_BCHW: Tensor = self.operations[operation](x_BCHW, statistics)
        for number, skip_BCHW in enumerate(skips):
            # An operation may need its own output to go back; a sum needs nothing.
            y_BCHW = y_BCHW.add_(skip_BCHW) if number else y_BCHW + skip_BCHW
        # As many summands as skips: BatchNorm brings any sum to one scale. The first layer
        # has no skips.
        return y_BCHW if self.norm is None else self.norm(y_BCHW, statistics)


class ConvBranch(nn.Module):
    """1x1 convolution, BatchNorm, ReLU; then the same with a larger window."""

    def __init__(self, filters: int, *, window: int, separable: bool) -> None:
        super().__init__()
        self.first = ConvNorm(filters, filters, relu=True)
        kind = SeparableConvNorm if separable else ConvNorm
        self.second = kind(filters, filters, window=window, relu=True)

    def forward(self, x_BCHW: Tensor, statistics: Statistics) -> Tensor:
        y_BCHW: Tensor = self.second(self.first(x_BCHW, statistics), statistics)
        return y_BCHW


class PoolBranch(nn.Module):
    """1x1 convolution, BatchNorm, ReLU; then 3x3 pooling."""

    def __init__(self, filters: int, kind: Literal["avg3", "max3"]) -> None:
        super().__init__()
        self.first = ConvNorm(filters, filters, relu=True)
        self.pool = Pool(kind)

    def forward(self, x_BCHW: Tensor, statistics: Statistics) -> Tensor:
        y_BCHW: Tensor = self.pool(self.first(x_BCHW, statistics))
        return y_BCHW


class _Outputs:
    """The stem's and the layers' outputs, each reduced only once a later layer looks at it."""

    def __init__(self, reductions: nn.ModuleList, statistics: Statistics) -> None:
        self._reductions, self._statistics = reductions, statistics
        # by how often they were reduced, and then by their number
        self._by_reductions: list[dict[int, Tensor]] = [{}]
        self._length = 0

    def append(self, y_BCHW: Tensor) -> None:
        self._by_reductions[-1][self._length] = y_BCHW
        self._length += 1

    def reduce(self) -> None:
        """Halve the height and width of all outputs so far."""
        self._by_reductions.append({})

    def __getitem__(self, index: int) -> Tensor:
        return self._reduced(index, len(self._by_reductions) - 1)

    def _reduced(self, index: int, times: int) -> Tensor:
        # The code reduces every output at every pool. Most are looked at by nobody afterwards.
        known = self._by_reductions[times]
        if index not in known:
            reduction = self._reductions[times - 1].get_submodule(str(index))
            known[index] = reduction(self._reduced(index, times - 1), self._statistics)
        return known[index]


def _operation(kind: MacroOperation, filters: int) -> nn.Module:
    match kind:
        case "conv3" | "conv5" | "sep3" | "sep5":
            return ConvBranch(filters, window=int(kind[-1]), separable=kind.startswith("sep"))
        case "avg3" | "max3":
            return PoolBranch(filters, kind)
