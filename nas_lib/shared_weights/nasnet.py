"""The super-network of the nasnet space: NASNet's cells, their weights shared as ENAS shares them.

An edge is a block, one of its two sides, and the state that this reads: each operation has weights
of its own on each edge. What differs from networks from scratch, besides the reduction cells (see
`cells`): every state has as many channels as the cell has filters, whatever the architecture, as
weights that all share must. So a block that joins its sides in depth puts out a 1x1 convolution of
them, where in a network of its own all that take it see twice the channels; and likewise a cell's
output is a convolution of what it puts out. Both have a slice of weights for each part. Where the
next cell takes a cell's blocks each by itself (NASNet-B), they stay apart.

Shapes: B images, C channels, H x W pixels, K classes, F filters of a cell.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch.nn.functional as F
from torch import Tensor, nn

from nas_lib.config import NasNetSpaceConfig
from nas_lib.networks.image_network import NOTHING, Regularisation
from nas_lib.networks.layers import convolution
from nas_lib.shared_weights.cells import Calibration, CellSuperNetwork, Stack
from nas_lib.shared_weights.image_layers import ConvNorm, FactorisedReduction
from nas_lib.shared_weights.nasnet_cell import Apart, BlockChoice, NasNetCell, Reductions
from nas_lib.shared_weights.norm import Norm, Statistics
from nas_lib.spaces.nasnet import StackConfig
from nas_lib.spaces.nasnet_plan import NUM_STAGES, NUM_STEM_CELLS

_TOKENS_PER_BLOCK = 5
_STEM = 3  # times the filters of the first cell


def block_choices(
    tokens: Sequence[int], num_blocks: int
) -> tuple[list[BlockChoice], list[BlockChoice]]:
    """Return what tokens of the nasnet space mean: the normal and the reduction cell."""
    expected = 2 * _TOKENS_PER_BLOCK * num_blocks
    assert len(tokens) == expected, f"expected {expected} tokens, got {len(tokens)}"
    blocks = [
        BlockChoice((first, second), (of_first, of_second), combination)
        for first, second, of_first, of_second, combination in zip(
            *[iter(tokens)] * _TOKENS_PER_BLOCK, strict=True
        )
    ]
    return blocks[:num_blocks], blocks[num_blocks:]


class NasNetSuperNetwork(CellSuperNetwork):
    """Owns the weights of all architectures; computes the one that it is asked for."""

    def __init__(
        self,
        space: NasNetSpaceConfig,
        *,
        image_channels: int,
        num_classes: int,
        regularisation: Regularisation = NOTHING,
    ) -> None:
        size, passes_states = space.shared, space.output == "states"
        num_states = space.blocks if passes_states else 1  # that a cell puts out

        def cell(filters: int, channels: Sequence[int], is_reduction: bool) -> NasNetCell:
            inputs: nn.Module
            if passes_states:
                inputs = Apart(channels[1], filters, num_states)
            else:
                inputs = Calibration(channels, filters, is_larger=is_reduction)
            put_out = space.put_out.reduction if is_reduction else space.put_out.normal
            return NasNetCell(space, filters, inputs, put_out)

        def reduction(in_channels: int, num_filters: int) -> nn.Module:
            return Reductions(in_channels, num_filters, num_states)

        stem, stem_channels = _stem(size, image_channels, num_states)
        super().__init__(
            stack_of(size),
            stem,
            stem_channels,
            cell,
            reduction=reduction if passes_states else FactorisedReduction,
            num_states=num_states,
            num_classes=num_classes,
            regularisation=regularisation,
        )
        self._num_blocks = space.blocks

    def _choices(self, tokens: Sequence[int]) -> tuple[list[BlockChoice], list[BlockChoice]]:
        return block_choices(tokens, self._num_blocks)


def stack_of(size: StackConfig) -> Stack:
    """Return the cells of a network of this size: N, reduction, N, reduction, N.

    Two reduction cells with a quarter and half of the filters stand before them where the stem is
    one for large images.
    """
    num_stem = NUM_STEM_CELLS if size.large_stem is not None else 0
    of_stem = [max(1, size.filters // 2**halvings) for halvings in range(num_stem, 0, -1)]
    filters, reduced = [*of_stem], [*range(num_stem)]
    for stage in range(NUM_STAGES):
        if stage:
            reduced.append(len(filters))
        filters += [size.filters * 2**stage] * (size.cells + bool(stage))
    # as the published code of NASNet-A has it: before the last reduction
    return Stack(tuple(filters), tuple(reduced), auxiliary_at=reduced[-1] - 1)


def _stem(size: StackConfig, image_channels: int, num_states: int) -> tuple[nn.Module, int]:
    """Return the stem and its channels: of each state that a cell puts out as many."""
    if size.large_stem is not None:
        channels = num_states * math.ceil(size.large_stem / num_states)
        return LargeStem(image_channels, channels), channels
    channels = size.filters * (num_states if num_states > 1 else _STEM)
    return ConvNorm(image_channels, channels, window=3), channels


class LargeStem(nn.Module):
    """A 3x3 convolution with stride 2, without padding, and BatchNorm."""

    def __init__(self, image_channels: int, num_filters: int) -> None:
        super().__init__()
        self.conv = convolution(image_channels, num_filters, window=3)
        self.norm = Norm(num_filters)

    def forward(self, images_BCHW: Tensor, statistics: Statistics) -> Tensor:
        y_BCHW: Tensor = self.norm(F.conv2d(images_BCHW, self.conv.weight, stride=2), statistics)
        return y_BCHW
