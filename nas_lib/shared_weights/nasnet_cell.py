"""A cell of NASNet's whose weights are shared: all operations on all edges.

Its convolutions begin as the identity, so that at first all architectures are much alike.

Shapes: B images, C channels, H x W pixels, F filters of a cell.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple

import torch
from torch import Tensor, nn

from nas_lib.config import NasNetSpaceConfig
from nas_lib.networks.layers import ImageNorm, Pool
from nas_lib.shared_weights.cells import SeparableTwice, States, convolve_slices, slices_of
from nas_lib.shared_weights.image_layers import ConvNorm, FactorisedReduction
from nas_lib.shared_weights.norm import Norm, Statistics
from nas_lib.spaces.nasnet_plan import Combination, NasNetOperation

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
        for name, weight in self.named_parameters():
            if name.startswith(("edges", "combined", "ends")) and weight.dim() == 4:
                _as_identity(weight)

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
        self.norm = ImageNorm(num_groups, filters)

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


def _as_identity(weight_OIVV: Tensor) -> None:
    """Let a convolution as wide as the cell give what it is given."""
    # So all architectures compute nearly the same at first, and what one of them learns serves the
    # others. From random weights, 13 operations on every edge are so many different networks that
    # the classifier learned next to nothing in hundreds of steps.
    num_outputs, num_inputs = weight_OIVV.shape[:2]
    nn.init.dirac_(weight_OIVV, groups=num_outputs if num_inputs == 1 else 1)


def _edge(block: int, side: int, index: int, kind: NasNetOperation) -> str:
    return f"block{block}_{'xy'[side]}_from{index}_{kind}"
