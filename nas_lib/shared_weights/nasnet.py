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
from typing import Literal, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from nas_lib.config import NasNetSpaceConfig
from nas_lib.networks.image_network import NOTHING, Regularisation
from nas_lib.networks.layers import Pool, convolution
from nas_lib.shared_weights.cells import (
    Calibration,
    CellSuperNetwork,
    SeparableTwice,
    Stack,
    States,
    convolve_slices,
    slices_of,
)
from nas_lib.shared_weights.image_layers import ConvNorm, FactorisedReduction
from nas_lib.shared_weights.norm import Norm, Statistics
from nas_lib.spaces.nasnet import (
    NUM_STAGES,
    NUM_STEM_CELLS,
    Combination,
    NasNetOperation,
    StackConfig,
)

_TOKENS_PER_BLOCK = 5
_STEM = 3  # times the filters of the first cell
_POOLS: tuple[Literal["avg3", "max3", "max5", "max7"], ...] = ("avg3", "max3", "max5", "max7")


class BlockChoice(NamedTuple):
    """What an architecture decides for one block of a cell.

    Attributes:
        inputs: Two states: the first numbers are the cell's inputs, then come its blocks.
        operations: What is applied to each; indices of the space's operations.
        combination: How they become one; index of the space's combinations.
    """

    inputs: tuple[int, int]
    operations: tuple[int, int]
    combination: int


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


class Apart(nn.Module):
    """A cell's inputs where the cell before it puts out as many states: each is one of them."""

    def __init__(self, in_channels: int, filters: int, num_states: int) -> None:
        super().__init__()
        self._num_states, own_channels = num_states, in_channels // num_states
        self.each: nn.ModuleList | None = None
        if own_channels != filters:
            self.each = nn.ModuleList(ConvNorm(own_channels, filters) for _ in range(num_states))

    def forward(self, x_BCHW: Tensor, y_BCHW: Tensor, statistics: Statistics) -> tuple[Tensor, ...]:
        parts = y_BCHW.chunk(self._num_states, dim=1)
        if self.each is None:
            return parts
        pairs = zip(self.each, parts, strict=True)
        return tuple(calibrated(part.relu(), statistics) for calibrated, part in pairs)


class Reductions(nn.Module):
    """A factorised reduction for each of several states that are joined in depth."""

    def __init__(self, in_channels: int, num_filters: int, num_states: int) -> None:
        super().__init__()
        self.each = nn.ModuleList(
            FactorisedReduction(in_channels // num_states, num_filters // num_states)
            for _ in range(num_states)
        )

    def forward(self, x_BCHW: Tensor, statistics: Statistics) -> Tensor:
        parts = x_BCHW.chunk(len(self.each), dim=1)
        reduced = [
            reduction(part, statistics) for reduction, part in zip(self.each, parts, strict=True)
        ]
        return torch.cat(reduced, dim=1)


class NasNetCell(nn.Module):
    """All operations on all edges of a cell, all combinations, a convolution of what it puts out.

    Inputs, and so all states, have as many channels as the cell has filters.
    """

    def __init__(
        self,
        space: NasNetSpaceConfig,
        filters: int,
        inputs: nn.Module,
        put_out: Sequence[int],
    ) -> None:
        """Make a cell.

        Args:
            space: What it owns the weights of.
            filters: Channels of every state.
            inputs: Makes the cell's inputs of the outputs of the last two before it.
            put_out: Numbers that it puts out although blocks take them.
        """
        super().__init__()
        self._operations, self._combinations = space.operations, space.combinations
        self._output, self._put_out, self._num_inputs = space.output, put_out, space.num_inputs
        self.inputs = inputs
        self.edges = nn.ModuleDict(
            {
                _edge(block, side, index, kind): _operation(kind, filters)
                for block in range(space.blocks)
                for side in range(2)
                for index in range(space.num_inputs + block)
                for kind in space.operations
                if kind not in (*_POOLS, "identity")
            }
        )
        self.pools = nn.ModuleDict({kind: Pool(kind) for kind in _POOLS})
        self.combined = nn.ModuleDict(
            {
                f"block{block}_{kind}": _combination(kind, filters)
                for block in range(space.blocks)
                for kind in space.combinations
                if kind != "add"
            }
        )
        if space.output != "states":
            self.ends = slices_of(space.num_inputs + space.blocks, filters)
            self.norm = Norm(filters)

    def forward(
        self, x_BCHW: Tensor, y_BCHW: Tensor, choices: Sequence[BlockChoice], statistics: Statistics
    ) -> Tensor:
        """Return the cell's output, `[B, F, H, W]`; or its blocks in depth."""
        states = States(self.inputs(x_BCHW, y_BCHW, statistics))
        for block, choice in enumerate(choices):
            a_BCHW, b_BCHW = (
                self._operate(states, block, side, choice, statistics) for side in range(2)
            )
            kind = self._combinations[choice.combination]
            if kind == "add":
                states.append(a_BCHW + b_BCHW)  # never in place: either may be a state itself
            else:
                states.append(self.combined[f"block{block}_{kind}"](a_BCHW, b_BCHW, statistics))
        which = self._outputs(choices)
        if self._output == "states":
            return torch.cat([states[index] for index in which], dim=1)
        return states.combined(which, self.ends, self.norm, statistics)

    def _operate(
        self, states: States, block: int, side: int, choice: BlockChoice, statistics: Statistics
    ) -> Tensor:
        index, kind = choice.inputs[side], self._operations[choice.operations[side]]
        if kind == "identity":
            return states[index]
        y_BCHW: Tensor
        if kind in self.pools:
            y_BCHW = self.pools[kind](states[index])
        else:
            operation = self.edges[_edge(block, side, index, kind)]
            y_BCHW = operation(states.rectified(index), statistics)
        return y_BCHW

    def _outputs(self, choices: Sequence[BlockChoice]) -> list[int]:
        """Return the numbers that the cell puts out, ascending."""
        num_states = self._num_inputs + len(choices)
        if self._output != "unused":
            return [*range(self._num_inputs, num_states)]
        taken = {index for choice in choices for index in choice.inputs} - {*self._put_out}
        return [index for index in range(num_states) if index not in taken]


class TwoStrips(nn.Module):
    """A convolution of one row, ReLU, and one of one column, each with BatchNorm."""

    def __init__(self, filters: int, *, length: int) -> None:
        super().__init__()
        self.row = ConvNorm(filters, filters, window=(1, length), relu=True)
        self.column = ConvNorm(filters, filters, window=(length, 1))

    def forward(self, x_BCHW: Tensor, statistics: Statistics) -> Tensor:
        y_BCHW: Tensor = self.column(self.row(x_BCHW, statistics), statistics)
        return y_BCHW


class Join(nn.Module):
    """A block whose sides are joined in depth: ReLU, a 1x1 convolution, BatchNorm."""

    def __init__(self, filters: int) -> None:
        super().__init__()
        self.sides = slices_of(2, filters)
        self.norm = Norm(filters)

    def forward(self, a_BCHW: Tensor, b_BCHW: Tensor, statistics: Statistics) -> Tensor:
        sides = [a_BCHW.relu(), b_BCHW.relu()]
        return convolve_slices(sides, [*self.sides], self.norm, statistics)


class NormedSum(nn.Module):
    """A block whose sides are added, and then normed for each image by itself."""

    def __init__(self, filters: int, *, num_groups: int) -> None:
        super().__init__()
        self.norm = nn.GroupNorm(num_groups, filters)

    def forward(self, a_BCHW: Tensor, b_BCHW: Tensor, statistics: Statistics) -> Tensor:
        y_BCHW: Tensor = self.norm(a_BCHW + b_BCHW)
        return y_BCHW


def _operation(kind: NasNetOperation, filters: int) -> nn.Module:
    """Return an operation with weights; the caller gives it the ReLU before it."""
    match kind:
        case "sep3" | "sep5" | "sep7":
            return SeparableTwice(filters, window=int(kind[-1]))
        case "conv1x3" | "conv1x7":
            return TwoStrips(filters, length=int(kind[-1]))
        case "dilated3":
            return ConvNorm(filters, filters, window=3, dilation=2)
        case _:  # conv1, conv3
            return ConvNorm(filters, filters, window=int(kind[-1]))


def _combination(kind: Combination, filters: int) -> nn.Module:
    match kind:
        case "add_layer_norm":
            return NormedSum(filters, num_groups=1)
        case "add_instance_norm":
            return NormedSum(filters, num_groups=filters)
        case _:
            return Join(filters)


def _edge(block: int, side: int, index: int, kind: NasNetOperation) -> str:
    return f"block{block}_{'xy'[side]}_from{index}_{kind}"
