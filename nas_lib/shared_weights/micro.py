"""The super-network of the enas-micro space (ENAS, Pham et al. 2018, section 2.4).

Shapes: B images, C channels, H x W pixels, K classes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

from nas_lib.config import EnasMicroSpaceConfig
from nas_lib.networks.enas_micro import AuxiliaryClassifier
from nas_lib.networks.image_network import NOTHING, Regularisation
from nas_lib.networks.layers import Head, Pool, convolution
from nas_lib.shared_weights.image_layers import (
    ConvNorm,
    FactorisedReduction,
    ImageSuperNetwork,
    SeparableConvNorm,
    convolve_and_norm,
)
from nas_lib.shared_weights.norm import Norm, Running, Statistics, Training
from nas_lib.spaces.enas_micro import NUM_INPUTS, MicroOperation, reduction_cells


class NodeChoice(NamedTuple):
    """What an architecture decides for one node of a cell.

    Attributes:
        inputs: Two states: 0 and 1 are the cell's inputs, i + 2 is node i.
        operations: What is applied to each; indices of the space's operations.
    """

    inputs: tuple[int, int]
    operations: tuple[int, int]


def cell_choices(
    tokens: Sequence[int], num_nodes: int
) -> tuple[list[NodeChoice], list[NodeChoice]]:
    """Return what tokens of the enas-micro space mean: the normal and the reduction cell."""
    assert len(tokens) == 8 * num_nodes, f"expected {8 * num_nodes} tokens, got {len(tokens)}"
    nodes = [
        NodeChoice((tokens[i], tokens[i + 1]), (tokens[i + 2], tokens[i + 3]))
        for i in range(0, len(tokens), 4)
    ]
    return nodes[:num_nodes], nodes[num_nodes:]


class MicroSuperNetwork(ImageSuperNetwork):
    """Owns the weights of all architectures; computes the one that it is asked for.

    A reduction cell is a factorised reduction of the layer before, and then a cell as any other.
    """

    def __init__(
        self,
        space: EnasMicroSpaceConfig,
        *,
        image_channels: int,
        num_classes: int,
        regularisation: Regularisation = NOTHING,
    ) -> None:
        super().__init__()
        # Section 2.4: the cells of one kind compute the same, each place with its own weights.
        filters = space.shared.filters
        self._num_nodes = space.nodes
        self._reduced_before = reduction_cells(space.shared.cells)
        self.stem = ConvNorm(image_channels, 3 * filters, window=3)
        self.reductions = nn.ModuleList()
        self.cells = nn.ModuleList()
        channels = [3 * filters, 3 * filters]  # of the last two outputs, the older first
        for number in range(space.shared.cells + 2):
            is_reduced = number in self._reduced_before
            if is_reduced:
                filters *= 2  # half the height and width
                self.reductions.append(FactorisedReduction(channels[1], filters))
                channels = [channels[1], filters]
            # The older output was not reduced with the newer one: it is larger, in this cell only.
            calibration = Calibration(channels, filters, is_larger=is_reduced)
            self.cells.append(MicroCell(space.operations, space.nodes, filters, calibration))
            channels = [channels[1], filters]  # whatever is loose, a cell has `filters` channels
        self.head = Head(filters, num_classes, dropout=regularisation.dropout)
        self._auxiliary_at = self._reduced_before[-1] + 1
        self.auxiliary: AuxiliaryClassifier | None = None
        if regularisation.auxiliary:  # made last: all else begins as it does without
            self.auxiliary = AuxiliaryClassifier(filters, num_classes)

    def forward(
        self, images_BCHW: Tensor, tokens: Sequence[int], statistics: Statistics | None = None
    ) -> Tensor:
        """Return an architecture's logits, `[B, K]`."""
        last_BCHW, _ = self._features(images_BCHW, tokens, statistics)
        logits_BK: Tensor = self.head(last_BCHW.relu())
        return logits_BK

    def both_logits(
        self, images_BCHW: Tensor, tokens: Sequence[int]
    ) -> tuple[Tensor, Tensor | None]:
        """Return the logits, and those of the auxiliary classifier, None if there is none."""
        last_BCHW, middle_BCHW = self._features(images_BCHW, tokens, None)
        auxiliary_BK = None if self.auxiliary is None else self.auxiliary(middle_BCHW.relu())
        return self.head(last_BCHW.relu()), auxiliary_BK

    def _features(
        self, images_BCHW: Tensor, tokens: Sequence[int], statistics: Statistics | None
    ) -> tuple[Tensor, Tensor]:
        """Return the outputs of the last cell and of the one that the auxiliary classifier sees."""
        statistics = statistics or (Training() if self.training else Running())
        normal, reduced = cell_choices(tokens, self._num_nodes)
        # layers keep what they are given: once here, not in every one of them
        images_BCHW = images_BCHW.contiguous(memory_format=torch.channels_last)
        x_BCHW = y_BCHW = self.stem(images_BCHW, statistics)  # the last two outputs, y the newer
        reductions = iter(self.reductions)
        for number, cell in enumerate(self.cells):
            is_reduced = number in self._reduced_before
            if is_reduced:  # then an ordinary cell of stride 1, other than in a network of its own
                x_BCHW, y_BCHW = y_BCHW, next(reductions)(y_BCHW, statistics)
            choices = reduced if is_reduced else normal
            x_BCHW, y_BCHW = y_BCHW, cell(x_BCHW, y_BCHW, choices, statistics)
            if number == self._auxiliary_at:
                middle_BCHW = y_BCHW
        return y_BCHW, middle_BCHW


class Calibration(nn.Module):
    """Makes a cell's two inputs alike, the older of which may be twice as high and wide."""

    def __init__(self, channels: Sequence[int], filters: int, *, is_larger: bool) -> None:
        super().__init__()
        older, newer = channels
        self.older: nn.Module | None = None
        if is_larger:
            self.older = FactorisedReduction(older, filters)
        elif older != filters:
            self.older = ConvNorm(older, filters)
        self.newer = ConvNorm(newer, filters) if newer != filters else None

    def forward(
        self, x_BCHW: Tensor, y_BCHW: Tensor, statistics: Statistics
    ) -> tuple[Tensor, Tensor]:
        if self.older is not None:
            x_BCHW = self.older(x_BCHW.relu(), statistics)
        if self.newer is not None:
            y_BCHW = self.newer(y_BCHW.relu(), statistics)
        return x_BCHW, y_BCHW


class MicroCell(nn.Module):
    """All operations on all edges of a cell, and a 1x1 convolution of its loose ends.

    Separable convolutions belong to a node, one of its two sides, and the state that they read.
    """

    def __init__(
        self,
        operations: Sequence[MicroOperation],
        num_nodes: int,
        filters: int,
        calibration: Calibration,
    ) -> None:
        super().__init__()
        self._operations = tuple(operations)
        self.calibration = calibration
        # One for each input that the side may read, as in the code's tables.
        self.separables = nn.ModuleDict(
            {
                _edge(node, side, index, kind): SeparableTwice(filters, window=int(kind[-1]))
                for node in range(num_nodes)
                for side in range(2)
                for index in range(NUM_INPUTS + node)
                for kind in operations
                if kind in ("sep3", "sep5")
            }
        )
        self.pools = nn.ModuleDict({"avg3": Pool("avg3"), "max3": Pool("max3")})
        # [F, F, 1, 1] for each state: slices of one convolution of all states in depth
        self.ends = nn.ParameterList(
            convolution(filters, filters).weight for _ in range(NUM_INPUTS + num_nodes)
        )
        self.norm = Norm(filters)

    def forward(
        self, x_BCHW: Tensor, y_BCHW: Tensor, choices: Sequence[NodeChoice], statistics: Statistics
    ) -> Tensor:
        # states 0 and 1 are the inputs; all are [B, filters, H, W]
        states = _States(self.calibration(x_BCHW, y_BCHW, statistics))
        for node, choice in enumerate(choices):
            a_BCHW, b_BCHW = (
                self._operate(states, node, side, choice, statistics) for side in range(2)
            )
            states.append(a_BCHW + b_BCHW)  # never in place: either may be a state itself
        return self._combine(states, choices, statistics)

    def _operate(
        self, states: _States, node: int, side: int, choice: NodeChoice, statistics: Statistics
    ) -> Tensor:
        index, kind = choice.inputs[side], self._operations[choice.operations[side]]
        match kind:
            case "sep3" | "sep5":
                # ReLU, convolutions, BatchNorm, twice
                separable = self.separables[_edge(node, side, index, kind)]
                y_BCHW: Tensor = separable(states.rectified(index), statistics)
            case "avg3" | "max3":
                y_BCHW = self.pools[kind](states[index])
            case "identity":
                y_BCHW = states[index]
        return y_BCHW

    def _combine(
        self, states: _States, choices: Sequence[NodeChoice], statistics: Statistics
    ) -> Tensor:
        """Return the convolution of the states that no node reads: each has its own weights."""
        read = {index for choice in choices for index in choice.inputs}
        loose = [index for index in range(NUM_INPUTS + len(choices)) if index not in read]
        # [F, F x loose, 1, 1] and [B, F x loose, H, W]: one product for all of them
        weight_OI11 = torch.cat([self.ends[index] for index in loose], dim=1)
        ends_BCHW = torch.cat([states.rectified(index) for index in loose], dim=1)
        return convolve_and_norm(ends_BCHW, weight_OI11, self.norm, statistics)


class SeparableTwice(nn.Module):
    """Two separable convolutions with ReLU between them; the caller gives the one before."""

    def __init__(self, filters: int, *, window: int) -> None:
        super().__init__()
        self.first = SeparableConvNorm(filters, filters, window=window, relu=True)
        self.second = SeparableConvNorm(filters, filters, window=window)

    def forward(self, x_BCHW: Tensor, statistics: Statistics) -> Tensor:
        y_BCHW: Tensor = self.second(self.first(x_BCHW, statistics), statistics)
        return y_BCHW


class _States:
    """A cell's inputs and nodes, and each of them after ReLU, which several edges may ask for."""

    def __init__(self, inputs: Sequence[Tensor]) -> None:
        self._states = list(inputs)
        self._rectified: dict[int, Tensor] = {}

    def append(self, state_BCHW: Tensor) -> None:
        self._states.append(state_BCHW)

    def __getitem__(self, index: int) -> Tensor:
        return self._states[index]

    def rectified(self, index: int) -> Tensor:
        """Return a state after ReLU."""
        if index not in self._rectified:
            self._rectified[index] = self._states[index].relu()
        return self._rectified[index]


def _edge(node: int, side: int, index: int, kind: MicroOperation) -> str:
    return f"node{node}_{'xy'[side]}_from{index}_{kind}"
