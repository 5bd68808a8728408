"""Normal and reduction cells (ENAS, Pham et al. 2018, "micro" search).

A network is a stack of normal cells with a reduction cell after each of the first two thirds. A
cell has two inputs, numbers 0 and 1: the outputs of the last cell but one and of the last. Each of
its nodes, from number 2, is the sum of two operations, each on an earlier number. The controller
chooses for each node the two numbers and then the two operations, first for the normal cell.

The configuration string has the stack and both cells:

    15 cells, 36 filters | normal: sep3(0)+max3(1) avg3(0)+sep5(2) | reduction: ...

that is the normal cells, the filters before the first reduction, and the nodes of each cell. As a
sum has no order, the smaller number stands first, and of equal ones the operation that comes first
in the alphabet.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal, cast, get_args

from pydantic import Field

from nas_lib.architecture import Architecture
from nas_lib.bounds import Width
from nas_lib.errors import ArchitectureError
from nas_lib.part import Part
from nas_lib.spaces.cells import Edge, in_order, unused
from nas_lib.spaces.decisions import Anchor, Choice, Decision, Pointer, check_tokens
from nas_lib.spaces.growth import Growth, growth_of_cells
from nas_lib.spaces.space import (
    OptionsPart,
    PlannedSpace,
    SizeConfig,
    Space,
    option_index,
    published_tokens,
)

MicroOperation = Literal["sep3", "sep5", "avg3", "max3", "identity"]
NUM_INPUTS = 2  # of a cell
_STAGES = 3  # each of as many normal cells
_MOST_CELLS = 300

_NETWORK = re.compile(
    r"(?P<cells>[1-9]\d*) cells, (?P<filters>[1-9]\d*) filters "
    r"\| normal: (?P<normal>[^|]+) \| reduction: (?P<reduction>[^|]+)"
)
_EDGE = rf"({'|'.join(get_args(MicroOperation))})\((\d+)\)"
_NODE = re.compile(rf"{_EDGE}\+{_EDGE}")


class CellsConfig(Part):
    """Size of a network of cells: three equal stacks with a reduction cell between two."""

    cells: int = Field(
        ge=_STAGES,
        le=_MOST_CELLS,
        multiple_of=_STAGES,
        description="Normal cells, a third in each stack.",
    )
    filters: Width = Field(description="Channels of the first stack; each reduction doubles.")


class EnasMicroSpaceConfig(OptionsPart):
    """A normal and a reduction cell, stacked: two inputs and operations per node (ENAS, 2.4)."""

    tasks: ClassVar[tuple[str, ...]] = ("images",)
    has_cells: ClassVar[bool] = True
    super_network: ClassVar[str] = "nas_lib.shared_weights.micro:MicroSuperNetwork"
    sizes: ClassVar[tuple[str, ...]] = ("cells", "filters", "parameters", "multiply_adds")

    kind: Literal["enas-micro"] = "enas-micro"
    nodes: int = Field(5, ge=1, le=20, description="Nodes of a cell, its two inputs not counted.")
    operations: tuple[MicroOperation, ...] = Field(
        ("sep3", "sep5", "avg3", "max3", "identity"),
        min_length=1,
        description="What may stand at a node's input, in the order of the tokens.",
    )
    shared: CellsConfig = Field(
        CellsConfig(cells=6, filters=20),
        description="Of the network that owns the shared weights.",
    )
    child: CellsConfig = Field(
        CellsConfig(cells=15, filters=36), description="Of networks trained from scratch."
    )

    @property
    def num_options(self) -> int:
        """Options of each choice."""
        return len(self.operations)

    def growths(self, size: SizeConfig) -> Iterator[Growth]:
        """Yield how networks may grow: by filters at some numbers of cells, or by cells."""
        return growth_of_cells(
            cells=size.cells,
            filters=size.filters,
            cells_per_stage=_STAGES,
            numbers=range(_STAGES, _MOST_CELLS + 1, _STAGES),
        )

    def build(self, given: Space | None = None) -> EnasMicroSpace:
        """Return the space."""
        return EnasMicroSpace(self)


Node = tuple[Edge[MicroOperation], Edge[MicroOperation]]
Cell = tuple[Node, ...]
"""The two edges of each node, in ascending order."""


@dataclass(frozen=True)
class MicroPlan:
    """A network as it is built; as text its configuration string.

    Attributes:
        cells: Normal cells, a third in each stack.
        filters: Channels of a node in the first stack; they double in each reduction cell.
        normal: The cell that is repeated.
        reduction: The cell that halves height and width.
    """

    network: ClassVar[str] = "nas_lib.networks.enas_micro:MicroNetwork"

    cells: int
    filters: int
    normal: Cell
    reduction: Cell

    def __str__(self) -> str:
        return (
            f"{self.cells} cells, {self.filters} filters "
            f"| normal: {_cell_text(self.normal)} | reduction: {_cell_text(self.reduction)}"
        )

    @classmethod
    def parse(cls, text: str) -> MicroPlan:
        """Return the network that a configuration string spells out.

        Raises:
            ArchitectureError: The text has another form, or a node takes itself or a later one.
        """
        match = _NETWORK.fullmatch(text)
        if match is None:
            raise ArchitectureError(
                "an enas-micro network must read like '15 cells, 36 filters "
                f"| normal: sep3(0)+max3(1) ... | reduction: avg3(0)+sep5(1) ...', got {text!r}"
            )
        cells = int(match["cells"])
        if cells % 3:
            raise ArchitectureError(f"the cells must be a multiple of 3, a third each, got {cells}")
        normal, reduction = (_parse_cell(match[kind], kind) for kind in ("normal", "reduction"))
        return cls(cells, int(match["filters"]), normal, reduction)

    @property
    def brief(self) -> str:
        """Its size, and the operations of both cells."""
        cells = {"normal": self.normal, "reduction": self.reduction}
        operations = (
            f"{name}: {' '.join('+'.join(edge.operation for edge in node) for node in cell)}"
            for name, cell in cells.items()
        )
        return " | ".join([f"{self.cells} cells, {self.filters} filters", *operations])

    @property
    def num_layers(self) -> None:
        """A stack of cells has none."""
        return


def reduction_cells(num_normal: int) -> tuple[int, int]:
    """Return which cells, from 0 and among all, are reduction cells."""
    third = num_normal // 3
    return third, 2 * third + 1


def loose_ends(cell: Cell) -> tuple[int, ...]:
    """Return the inputs and nodes that no node takes, ascending: together the cell's output."""
    return unused(NUM_INPUTS + len(cell), (edge for node in cell for edge in node))


class EnasMicroSpace(PlannedSpace[MicroPlan]):
    """The space of one `EnasMicroSpaceConfig`."""

    name = "enas-micro"
    plan_class = MicroPlan

    def __init__(self, config: EnasMicroSpaceConfig) -> None:
        self._config = config

    def decisions(self, depth: int) -> tuple[Decision, ...]:
        """Return the decisions, in the order of the published code."""
        # The two inputs are attended to by their steps' states, and tell the next step nothing.
        cell: tuple[Decision, ...] = (Anchor("node", gives="key"),) * NUM_INPUTS
        for node in range(self._config.nodes):
            pointer = Pointer("node", NUM_INPUTS + node)
            operation = Choice("operation", len(self._config.operations))
            cell += (pointer, pointer, operation, operation, Anchor("node"))
        return 2 * cell

    def plan(self, tokens: Sequence[int]) -> MicroPlan:
        """Return the network of these tokens, as it is trained from scratch."""
        check_tokens(self.decisions(1), tokens)
        half = len(tokens) // 2
        return MicroPlan(
            self._config.child.cells,
            self._config.child.filters,
            normal=self._decode_cell(tokens[:half]),
            reduction=self._decode_cell(tokens[half:]),
        )

    def _tokens_of(self, plan: MicroPlan) -> Iterator[int]:
        """Yield the tokens of a network, those of a node in ascending order of its edges.

        They may differ from those that it was planned from in which of a node's edges is the first.
        """
        for node in (*plan.normal, *plan.reduction):
            yield from (edge.input for edge in node)
            for edge in node:
                yield option_index(self._config.operations, edge.operation, "operation")

    def from_published(self, text: str) -> Architecture:
        """Return the architecture that the published code writes like `0 2 0 0 0 4 0 1 ...`.

        Each node is input, operation, input, operation, as numbers; first those of the normal cell.

        Raises:
            ArchitectureError: The text has another form, or other numbers than this space.
        """
        numbers = published_tokens(text)
        tokens: list[int] = []
        for start in range(0, len(numbers), 4):
            node = numbers[start : start + 4]
            tokens += (*node[::2], *node[1::2])
        return self.decode(tokens)

    def _decode_cell(self, tokens: Sequence[int]) -> Cell:
        operations = self._config.operations
        return tuple(
            in_order(Edge(first, operations[of_first]), Edge(second, operations[of_second]))
            for first, second, of_first, of_second in zip(*[iter(tokens)] * 4, strict=True)
        )


def _cell_text(cell: Cell) -> str:
    return " ".join(f"{one}+{other}" for one, other in cell)


def _parse_cell(text: str, kind: str) -> Cell:
    return tuple(
        _parse_node(node, number, kind)
        for number, node in enumerate(text.split(" "), start=NUM_INPUTS)
    )


def _parse_node(text: str, number: int, kind: str) -> Node:
    match = _NODE.fullmatch(text)
    if match is None:
        raise ArchitectureError(
            f"node {number} of the {kind} cell must read like 'sep3(0)+max3(1)', with "
            f"{', '.join(get_args(MicroOperation))}, got {text!r}"
        )
    one, other = (Edge(int(match[at + 1]), cast(MicroOperation, match[at])) for at in (1, 3))
    if max(one.input, other.input) >= number or one > other:
        raise ArchitectureError(
            f"node {number} of the {kind} cell can take 0 to {number - 1} in ascending order, "
            f"got {text!r}"
        )
    return one, other
