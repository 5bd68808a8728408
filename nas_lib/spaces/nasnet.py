"""Normal and reduction cells of blocks (NASNet, Zoph et al. 2018, section 3).

A network is three stages of equal normal cells, with a reduction cell after each of the first two.
A cell has two inputs, numbers 0 and 1: the outputs of the last cell but one and of the last. Each
of its blocks, from number 2, combines two operations, each on an earlier number. The controller
chooses for each block the two numbers, the two operations and how they are combined, first for the
normal cell. What no block takes, joined in depth, is the cell's output.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Annotated, ClassVar, Literal, get_args

from pydantic import Field, model_validator

from nas_lib.bounds import Width
from nas_lib.errors import ArchitectureError, plural
from nas_lib.part import Part
from nas_lib.spaces.cells import Edge, in_order
from nas_lib.spaces.decisions import Choice, Decision, check_tokens
from nas_lib.spaces.growth import Growth, growth_of_cells
from nas_lib.spaces.nasnet_plan import (
    Block,
    Cell,
    Combination,
    NasNetOperation,
    NasNetPlan,
    num_inputs,
    num_reductions,
    with_all_blocks,
)
from nas_lib.spaces.space import OptionsPart, PlannedSpace, SizeConfig, Space, option_index

Output = Literal["unused", "blocks", "states"]

_MOST_BLOCKS = 20
_MOST_CELLS = 100  # of a stage

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

    normal: tuple[Number, ...] = Field(
        (),
        max_length=2 * _MOST_BLOCKS,
        description="Numbers that the cell joins besides, with output unused; NASNet-A: 0.",
    )
    reduction: tuple[Number, ...] = Field(
        (), max_length=2 * _MOST_BLOCKS, description="Likewise; NASNet-A: 3."
    )


class NasNetSpaceConfig(OptionsPart):
    """A normal and a reduction cell of blocks, stacked (NASNet, section 3)."""

    tasks: ClassVar[tuple[str, ...]] = ("images",)
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
        self._check_numbers(plan)
        for block in (*plan.normal.blocks, *plan.reduction.blocks):
            yield from (block.one.input, block.other.input)
            for edge in (block.one, block.other):
                yield option_index(config.operations, edge.operation, "operation")
            yield option_index(config.combinations, block.combination, "combination")

    def _check_numbers(self, plan: NasNetPlan) -> None:
        """Refuse a network whose numbers mean other states than in this space."""
        config = self._config
        if plan.passes_states != (config.output == "states"):
            inputs = "the blocks of the last cell" if plan.passes_states else "the last two cells"
            raise ArchitectureError(
                f"its cells take {inputs}, and with space.output {config.output} cells do not"
            )
        for name, cell in {"normal": plan.normal, "reduction": plan.reduction}.items():
            if len(cell.blocks) != config.blocks:
                raise ArchitectureError(
                    f"its {name} cell has {plural(len(cell.blocks), 'block')}, and space.blocks is "
                    f"{config.blocks}"
                )

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
        return with_all_blocks(blocks, config.num_inputs)
