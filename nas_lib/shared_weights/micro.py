"""The super-network of the enas-micro space (ENAS, Pham et al. 2018, section 2.4).

Shapes: B images, C channels, H x W pixels, K classes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from torch import Tensor, nn

from nas_lib.config import EnasMicroSpaceConfig
from nas_lib.networks.image_network import NOTHING, Regularisation
from nas_lib.networks.layers import Pool
from nas_lib.shared_weights.cells import (
    Calibration,
    CellSuperNetwork,
    SeparableTwice,
    Stack,
    States,
    slices_of,
)
from nas_lib.shared_weights.image_layers import ConvNorm
from nas_lib.shared_weights.norm import Norm, Statistics
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


class MicroSuperNetwork(CellSuperNetwork):
    """Owns the weights of all architectures; computes the one that it is asked for."""

    def __init__(
        self,
        space: EnasMicroSpaceConfig,
        *,
        image_channels: int,
        num_classes: int,
        regularisation: Regularisation = NOTHING,
    ) -> None:
        filters, reduced = space.shared.filters, reduction_cells(space.shared.cells)

        def cell(filters: int, channels: Sequence[int], is_larger: bool) -> MicroCell:
            calibration = Calibration(channels, filters, is_larger=is_larger)
            return MicroCell(space.operations, space.nodes, filters, calibration)

        super().__init__(
            Stack.doubling(
                filters, space.shared.cells + len(reduced), reduced, auxiliary_at=reduced[-1] + 1
            ),
            ConvNorm(image_channels, 3 * filters, window=3),
            3 * filters,
            cell,
            num_classes=num_classes,
            regularisation=regularisation,
        )
        self._num_nodes = space.nodes

    def _choices(self, tokens: Sequence[int]) -> tuple[list[NodeChoice], list[NodeChoice]]:
        return cell_choices(tokens, self._num_nodes)


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
        self.ends = slices_of(NUM_INPUTS + num_nodes, filters)
        self.norm = Norm(filters)

    def forward(
        self, x_BCHW: Tensor, y_BCHW: Tensor, choices: Sequence[NodeChoice], statistics: Statistics
    ) -> Tensor:
        # states 0 and 1 are the inputs; all are [B, filters, H, W]
        states = States(self.calibration(x_BCHW, y_BCHW, statistics))
        for node, choice in enumerate(choices):
            a_BCHW, b_BCHW = (
                self._operate(states, node, side, choice, statistics) for side in range(2)
            )
            states.append(a_BCHW + b_BCHW)  # never in place: either may be a state itself
        read = {index for choice in choices for index in choice.inputs}
        loose = [index for index in range(len(states)) if index not in read]
        return states.combined(loose, self.ends, self.norm, statistics)

    def _operate(
        self, states: States, node: int, side: int, choice: NodeChoice, statistics: Statistics
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


def _edge(node: int, side: int, index: int, kind: MicroOperation) -> str:
    return f"node{node}_{'xy'[side]}_from{index}_{kind}"
