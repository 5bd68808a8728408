"""Networks of NASNet's cells as plans, and the configuration strings that they are as text.

The configuration string has the stack and both cells:

    6 cells per stage, 32 filters | normal: sep3(0)+max3(1) avg3(0)&sep5(2) | reduction: ...

that is the normal cells of each stage, the filters before the first reduction, and the blocks of
each cell: `a+b` is a sum, `a&b` joins in depth, `a+b:layer` and `a+b:instance` are sums that a norm
follows. As the order of the two means nothing, the smaller number stands first, and of equal ones
the operation that comes first in the alphabet. `, large stem 32` follows the filters where the stem
is one for large images, `, states` where a cell's inputs are all blocks of the cell before it
(NASNet-B), and `-> 0,2,3` a cell that puts out other numbers than those that no block takes.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Final, Literal, NamedTuple, cast, get_args

from nas_lib.errors import ArchitectureError
from nas_lib.spaces.cells import Edge, unused

NasNetOperation = Literal[
    "identity",
    "conv1x3",
    "conv1x7",
    "dilated3",
    "avg3",
    "max3",
    "max5",
    "max7",
    "conv1",
    "conv3",
    "sep3",
    "sep5",
    "sep7",
]
"""Section 3.1; `conv1x3` is 1x3 and then 3x1, and `conv1x7` likewise."""

Combination = Literal["add", "concat", "add_layer_norm", "add_instance_norm"]

NUM_STAGES: Final = 3
"""Of equal normal cells, with a reduction cell between two."""
NUM_STEM_CELLS: Final = 2
"""Reduction cells of a stem for large images."""

_SIGNS: Mapping[Combination, tuple[str, str]] = {
    "add": ("+", ""),
    "concat": ("&", ""),
    "add_layer_norm": ("+", ":layer"),
    "add_instance_norm": ("+", ":instance"),
}
_COMBINATIONS = {signs: combination for combination, signs in _SIGNS.items()}
_NETWORK = re.compile(
    r"(?P<cells>[1-9]\d*) cells per stage, (?P<filters>[1-9]\d*) filters"
    r"(?:, large stem (?P<large_stem>[1-9]\d*))?(?P<states>, states)? "
    r"\| normal: (?P<normal>[^|]+) \| reduction: (?P<reduction>[^|]+)"
)
_EDGE = r"([a-z0-9]+)\((\d+)\)"
_BLOCK = re.compile(rf"{_EDGE}([+&]){_EDGE}(|:layer|:instance)")


class Block(NamedTuple):
    """Two operations and how they become one state; they stand in ascending order."""

    one: Edge[NasNetOperation]
    other: Edge[NasNetOperation]
    combination: Combination

    def __str__(self) -> str:
        sign, norm = _SIGNS[self.combination]
        return f"{self.one}{sign}{self.other}{norm}"

    @property
    def brief(self) -> str:
        """Its operations."""
        sign, norm = _SIGNS[self.combination]
        return f"{self.one.operation}{sign}{self.other.operation}{norm}"


@dataclass(frozen=True)
class Cell:
    """What a cell computes.

    Attributes:
        blocks: In the order of their numbers, which follow those of the inputs.
        outputs: Numbers that it puts out, ascending.
        num_inputs: Its first numbers.
    """

    blocks: tuple[Block, ...]
    outputs: tuple[int, ...]
    num_inputs: int = 2

    def __str__(self) -> str:
        blocks = " ".join(map(str, self.blocks))
        if self.outputs == self.unused:
            return blocks
        return f"{blocks} -> {','.join(map(str, self.outputs))}"

    @property
    def edges(self) -> tuple[Edge[NasNetOperation], ...]:
        """The operations of all blocks, two of each."""
        return tuple(edge for block in self.blocks for edge in (block.one, block.other))

    @property
    def unused(self) -> tuple[int, ...]:
        """Inputs and blocks that no block takes, ascending."""
        return unused(self.num_inputs + len(self.blocks), self.edges)


@dataclass(frozen=True)
class NasNetPlan:
    """A network as it is built; as text its configuration string.

    Attributes:
        cells: Normal cells of each stage.
        filters: Channels of a block in the first stage; they double in each reduction cell.
        normal: The cell that is repeated.
        reduction: The cell that halves height and width.
        large_stem: Channels of the convolution in a stem for large images; None for the small stem.
        passes_states: Whether the blocks that a cell puts out are the next one's inputs, each by
            itself; else joined they are one of its two inputs.
    """

    network: ClassVar[str] = "nas_lib.networks.nasnet:NasNet"

    cells: int
    filters: int
    normal: Cell
    reduction: Cell
    large_stem: int | None = None
    passes_states: bool = False

    def __str__(self) -> str:
        states = ", states" if self.passes_states else ""
        if self.passes_states:  # then it goes without saying which
            cells = [" ".join(map(str, cell.blocks)) for cell in (self.normal, self.reduction)]
        else:
            cells = [str(self.normal), str(self.reduction)]
        return f"{self._size}{states} | normal: {cells[0]} | reduction: {cells[1]}"

    @classmethod
    def parse(cls, text: str) -> NasNetPlan:
        """Return the network that a configuration string spells out.

        Raises:
            ArchitectureError: The text has another form, a block takes itself or a later one, or a
                cell does not put out what no block takes.
        """
        match = _NETWORK.fullmatch(text)
        if match is None:
            raise ArchitectureError(
                "a nasnet network must read like '6 cells per stage, 32 filters "
                f"| normal: sep3(0)+max3(1) ... | reduction: avg3(0)&sep5(1) ...', got {text!r}"
            )
        passes_states, stem = match["states"] is not None, match["large_stem"]
        normal, reduction = (
            _parse_cell(match[name], name, passes_states) for name in ("normal", "reduction")
        )
        if passes_states and len(normal.blocks) != len(reduction.blocks):
            raise ArchitectureError(
                "where blocks are the inputs of the next cell, both cells must have equally many, "
                f"got {len(normal.blocks)} and {len(reduction.blocks)}"
            )
        return cls(
            int(match["cells"]),
            int(match["filters"]),
            normal,
            reduction,
            large_stem=int(stem) if stem else None,
            passes_states=passes_states,
        )

    @property
    def brief(self) -> str:
        """Its size, and the operations of both cells."""
        cells = {"normal": self.normal, "reduction": self.reduction}
        operations = (
            f"{name}: {' '.join(block.brief for block in cell.blocks)}"
            for name, cell in cells.items()
        )
        return " | ".join([self._size, *operations])

    @property
    def num_layers(self) -> None:
        """A stack of cells has none."""
        return

    @property
    def _size(self) -> str:
        stem = "" if self.large_stem is None else f", large stem {self.large_stem}"
        return f"{self.cells} cells per stage, {self.filters} filters{stem}"


def num_inputs(num_blocks: int, *, passes_states: bool) -> int:
    """Return how many inputs a cell has."""
    return num_blocks if passes_states else 2


def num_reductions(*, large_stem: bool) -> int:
    """Return how many reduction cells a network has."""
    return NUM_STAGES - 1 + NUM_STEM_CELLS * large_stem


def with_all_blocks(blocks: tuple[Block, ...], num_inputs: int) -> Cell:
    """Return the cell that puts out all its blocks."""
    return Cell(blocks, tuple(range(num_inputs, num_inputs + len(blocks))), num_inputs)


def _parse_cell(text: str, name: str, passes_states: bool) -> Cell:
    written, arrow, numbers = text.partition(" -> ")
    words = written.split(" ")
    num = num_inputs(len(words), passes_states=passes_states)
    blocks = tuple(_parse_block(word, num + i, name) for i, word in enumerate(words))
    if passes_states and not arrow:
        return with_all_blocks(blocks, num)
    taken = Cell(blocks, (), num).unused
    outputs = _parse_outputs(numbers, num + len(blocks), name) if arrow else taken
    missing = [number for number in taken if number >= num and number not in outputs]
    if missing or passes_states:
        raise ArchitectureError(
            f"the {name} cell must put out every block that no other takes, got {text!r}"
        )
    return Cell(blocks, outputs, num)


def _parse_outputs(text: str, num_states: int, name: str) -> tuple[int, ...]:
    if not re.fullmatch(r"\d+(,\d+)*", text):
        raise ArchitectureError(f"the {name} cell must put out numbers like '0,2,3', got {text!r}")
    numbers = [int(number) for number in text.split(",")]
    if numbers != sorted({*numbers}) or numbers[-1] >= num_states:
        raise ArchitectureError(
            f"the {name} cell can put out 0 to {num_states - 1} in ascending order, got {text!r}"
        )
    return tuple(numbers)


def _parse_block(text: str, number: int, name: str) -> Block:
    match = _BLOCK.fullmatch(text)
    operations = get_args(NasNetOperation)
    if match is None or not {match[1], match[4]} <= {*operations}:
        raise ArchitectureError(
            f"block {number} of the {name} cell must read like 'sep3(0)+max3(1)', with "
            f"{', '.join(operations)}, got {text!r}"
        )
    one, other = (Edge(int(match[at + 1]), cast(NasNetOperation, match[at])) for at in (1, 4))
    combination = _COMBINATIONS.get((match[3], match[6]))
    if max(one.input, other.input) >= number or one > other or combination is None:
        raise ArchitectureError(
            f"block {number} of the {name} cell can take 0 to {number - 1} in ascending order, "
            f"got {text!r}"
        )
    return Block(one, other, combination)
