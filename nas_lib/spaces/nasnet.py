"""Normal and reduction cells of blocks (NASNet, Zoph et al. 2018, section 3).

A network is three stages of equal normal cells, with a reduction cell after each of the first two.
A cell has two inputs, numbers 0 and 1: the outputs of the last cell but one and of the last. Each
of its blocks, from number 2, combines two operations, each on an earlier number. The controller
chooses for each block the two numbers, the two operations and how they are combined, first for the
normal cell. What no block takes, joined in depth, is the cell's output.

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
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, ClassVar, Final, Literal, NamedTuple, cast, get_args

from pydantic import Field, model_validator

from nas_lib.bounds import Width
from nas_lib.errors import ArchitectureError
from nas_lib.part import Part
from nas_lib.spaces.cells import Edge, in_order, unused
from nas_lib.spaces.decisions import Choice, Decision, check_tokens
from nas_lib.spaces.growth import Growth, growth_of_cells
from nas_lib.spaces.space import OptionsPart, PlannedSpace, SizeConfig, Space, option_index

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
Output = Literal["unused", "blocks", "states"]

NUM_STAGES: Final = 3
"""Of equal normal cells, with a reduction cell between two."""
NUM_STEM_CELLS: Final = 2
"""Reduction cells of a stem for large images."""

_MOST_BLOCKS = 20
_MOST_CELLS = 100  # of a stage
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

Number = Annotated[int, Field(ge=0, lt=2 * _MOST_BLOCKS)]


class StackConfig(Part):
    """Size of a network: three stages with a reduction cell between two."""

    cells: int = Field(ge=1, le=_MOST_CELLS, description="N: normal cells of each stage.")
    filters: Width = Field(description="Channels of the first stage; each reduction doubles.")
    large_stem: Width | None = Field(
        None,
        description="For large images: a convolution with stride 2 and so many channels, and two "
        "reduction cells; unset: a convolution with thrice the filters.",
    )

    @property
    def smallest_image(self) -> int:
        """Height and width at which the last reduction has two pixels to make one of."""
        is_large = self.large_stem is not None
        pixels: int = 2 ** (num_reductions(large_stem=is_large) - 1) + 1
        return 2 * pixels + 1 if is_large else pixels  # a 3x3 window with stride 2, unpadded


class PutOutConfig(Part):
    """Numbers that a cell puts out although blocks take them, as NASNet-A's published code does."""

    normal: tuple[Number, ...] = Field((), max_length=2 * _MOST_BLOCKS)
    reduction: tuple[Number, ...] = Field((), max_length=2 * _MOST_BLOCKS)


class NasNetSpaceConfig(OptionsPart):
    """A normal and a reduction cell of blocks, stacked (NASNet, section 3)."""

    task: ClassVar[str] = "images"
    has_cells: ClassVar[bool] = True
    super_network: ClassVar[str] = "nas_lib.shared_weights.nasnet:NasNetSuperNetwork"
    sizes: ClassVar[tuple[str, ...]] = (
        *("cells", "filters", "large_stem"),
        *("parameters", "multiply_adds"),
    )

    kind: Literal["nasnet"] = "nasnet"
    blocks: int = Field(5, ge=1, le=_MOST_BLOCKS, description="B: blocks of a cell.")
    operations: tuple[NasNetOperation, ...] = Field(
        get_args(NasNetOperation),
        min_length=1,
        description="What may stand at a block's input, in the order of the tokens.",
    )
    combinations: tuple[Combination, ...] = Field(
        ("add", "concat"),
        min_length=1,
        description="How a block's two sides become one; NASNet-B and NASNet-C have sums with a "
        "norm besides, add_layer_norm and add_instance_norm.",
    )
    output: Output = Field(
        "unused",
        description="Of a cell: what no block takes, joined in depth (NASNet-A and NASNet-C); all "
        "blocks, joined (blocks); or each block as an input of the next cell (states, NASNet-B).",
    )
    put_out: PutOutConfig = Field(default_factory=PutOutConfig)
    shared: StackConfig = Field(
        StackConfig(cells=2, filters=20),
        description="Of the network that owns the shared weights.",
    )
    child: StackConfig = Field(
        StackConfig(cells=2, filters=32), description="Of networks trained from scratch."
    )

    @model_validator(mode="after")
    def _check_put_out(self) -> NasNetSpaceConfig:
        num_states = self.num_inputs + self.blocks
        for cell, numbers in self.put_out.model_dump().items():
            if numbers and self.output != "unused":
                raise ValueError(f"put_out.{cell} is for output unused, got {self.output}")
            if any(number >= num_states for number in numbers):
                raise ValueError(
                    f"put_out.{cell} should be numbers below {num_states}, got {list(numbers)}"
                )
        return self

    @property
    def num_inputs(self) -> int:
        """Inputs of a cell."""
        return num_inputs(self.blocks, passes_states=self.output == "states")

    @property
    def smallest_image(self) -> int:
        """Height and width at which the last reduction has two pixels to make one of."""
        return max(self.child.smallest_image, self.shared.smallest_image)

    def growths(self, size: SizeConfig) -> Iterator[Growth]:
        """Yield how networks may grow: by filters at some numbers of cells, or by cells."""
        return growth_of_cells(
            cells=size.cells,
            filters=size.filters,
            cells_per_stage=1,
            numbers=range(1, _MOST_CELLS + 1),
        )

    def build(self, given: Space | None = None) -> NasNetSpace:
        """Return the space."""
        return NasNetSpace(self)


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


class NasNetSpace(PlannedSpace[NasNetPlan]):
    """The space of one `NasNetSpaceConfig`."""

    name = "nasnet"
    plan_class = NasNetPlan

    def __init__(self, config: NasNetSpaceConfig) -> None:
        self._config = config

    def decisions(self, depth: int) -> tuple[Decision, ...]:
        """Return the decisions, in the order of section 3: five of each block."""
        config = self._config
        cell: tuple[Decision, ...] = ()
        for num_states in range(config.num_inputs, config.num_inputs + config.blocks):
            state = Choice(f"one of {num_states} states", num_states)
            operation = Choice("operation", len(config.operations))
            combination = Choice("combination", len(config.combinations))
            cell += (state, state, operation, operation, combination)
        return 2 * cell

    def plan(self, tokens: Sequence[int]) -> NasNetPlan:
        """Return the network of these tokens, as it is trained from scratch."""
        check_tokens(self.decisions(1), tokens)
        half, config = len(tokens) // 2, self._config
        return NasNetPlan(
            config.child.cells,
            config.child.filters,
            normal=self._decode_cell(tokens[:half], config.put_out.normal),
            reduction=self._decode_cell(tokens[half:], config.put_out.reduction),
            large_stem=config.child.large_stem,
            passes_states=config.output == "states",
        )

    def _tokens_of(self, plan: NasNetPlan) -> Iterator[int]:
        """Yield the tokens of a network, those of a block in ascending order of its edges.

        They may differ from those that it was planned from in which of the two is the first.
        """
        config = self._config
        for block in (*plan.normal.blocks, *plan.reduction.blocks):
            yield from (block.one.input, block.other.input)
            for edge in (block.one, block.other):
                yield option_index(config.operations, edge.operation, "operation")
            yield option_index(config.combinations, block.combination, "combination")

    def _decode_cell(self, tokens: Sequence[int], put_out: Sequence[int]) -> Cell:
        config = self._config
        blocks = tuple(
            Block(
                *in_order(
                    Edge(first, config.operations[of_first]),
                    Edge(second, config.operations[of_second]),
                ),
                config.combinations[combined],
            )
            for first, second, of_first, of_second, combined in zip(
                *[iter(tokens)] * 5, strict=True
            )
        )
        if config.output == "unused":
            taken = Cell(blocks, (), config.num_inputs).unused
            return Cell(blocks, tuple(sorted({*taken, *put_out})), config.num_inputs)
        return _with_all_blocks(blocks, config.num_inputs)


def _with_all_blocks(blocks: tuple[Block, ...], num_inputs: int) -> Cell:
    return Cell(blocks, tuple(range(num_inputs, num_inputs + len(blocks))), num_inputs)


def _parse_cell(text: str, name: str, passes_states: bool) -> Cell:
    written, arrow, numbers = text.partition(" -> ")
    words = written.split(" ")
    num = num_inputs(len(words), passes_states=passes_states)
    blocks = tuple(_parse_block(word, num + i, name) for i, word in enumerate(words))
    if passes_states and not arrow:
        return _with_all_blocks(blocks, num)
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
