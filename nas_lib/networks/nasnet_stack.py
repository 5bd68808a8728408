"""How NASNet's cells are stacked: which outputs each cell takes, how wide it is, what is needed.

As the published code of NASNet-A does: a network for small images begins with a convolution, which
stands for both inputs of the first cell; one for large images has two reduction cells besides, with
a quarter and half of the filters. After a reduction, the older input is twice as high and wide: the
output before the reduction cell, or (large stem) the one before that, as that of the published
large network.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Final, NamedTuple

from nas_lib.spaces.nasnet_plan import NUM_STAGES, NUM_STEM_CELLS, Block, Cell, NasNetPlan

STEM: Final = -1
"""Stands for the stem where numbers are those of cells."""
_JOINED: Final = 0


class Source(NamedTuple):
    """Something that a cell can take: one output of an earlier cell, or the stem.

    Attributes:
        cell: Its number in the stack, or `STEM`.
        part: Number of the block that it is; 0 where a cell puts out one state, joined.
    """

    cell: int
    part: int = _JOINED


@dataclass(frozen=True)
class Place:
    """A cell in the stack.

    Attributes:
        number: From 0 on, those of the stem among them.
        cell: What it computes.
        filters: Channels of what its operations give.
        stride: Of operations on its inputs.
        sources: What its inputs are, in their order.
        halves: Whether an input is twice as high and wide as the newest.
        needed: What of its outputs anything takes; ascending.
        joins: Whether its outputs become one state, joined in depth.
    """

    number: int
    cell: Cell
    filters: int
    stride: int
    sources: tuple[Source, ...]
    halves: tuple[bool, ...]
    needed: tuple[int, ...]
    joins: bool

    @property
    def parts(self) -> tuple[int, ...]:
        """What `Source.part` can be of this cell: numbers of what is needed, or 0."""
        return (_JOINED,) if self.joins else self.needed

    @property
    def blocks(self) -> dict[int, Block]:
        """Blocks on which anything depends that is needed, by number."""
        first, found = self.cell.num_inputs, set(self.needed)
        for number in reversed(range(first, first + len(self.cell.blocks))):
            if number in found:
                block = self.cell.blocks[number - first]
                found |= {block.one.input, block.other.input}
        return {
            number: block for number, block in enumerate(self.cell.blocks, first) if number in found
        }

    @property
    def inputs(self) -> tuple[int, ...]:
        """Inputs that those blocks take, or that are put out; ascending."""
        taken = {edge.input for block in self.blocks.values() for edge in (block.one, block.other)}
        return tuple(i for i in range(self.cell.num_inputs) if i in taken or i in self.needed)


@dataclass(frozen=True)
class Stack:
    """The cells that a network is built of.

    Attributes:
        places: Those on which the last depends, in their order.
        num_cells: With those that nothing takes.
        auxiliary: Number of the last one of `places` before the last reduction, which an auxiliary
            classifier looks at.
    """

    places: tuple[Place, ...]
    num_cells: int
    auxiliary: int


def cells_of(plan: NasNetPlan) -> Iterator[tuple[bool, int]]:
    """Yield for each cell whether it is a reduction cell, and its filters."""
    if plan.large_stem is not None:
        for halvings in reversed(range(NUM_STEM_CELLS)):
            yield True, max(1, plan.filters // 2 ** (halvings + 1))
    for stage in range(NUM_STAGES):
        filters = plan.filters * 2**stage
        if stage:
            yield True, filters
        yield from [(False, filters)] * plan.cells


def stacked(plan: NasNetPlan, cells: Iterable[tuple[bool, int]]) -> Stack:
    """Return the stack of a plan.

    Args:
        plan: What its cells compute.
        cells: As of `cells_of`.
    """
    places = [*_places(plan, cells)]
    needed = {Source(places[-1].number, part) for part in places[-1].parts}
    kept: list[Place] = []
    for place in reversed(places):
        parts = [part for part in place.parts if Source(place.number, part) in needed]
        if not parts:  # where cells do not take their newest input
            continue
        place = replace(place, needed=place.cell.outputs if place.joins else tuple(parts))
        needed |= {place.sources[i] for i in place.inputs}
        kept.append(place)
    last_reduction = max(place.number for place in places if place.stride > 1)
    before = max(place.number for place in kept if place.number < last_reduction)
    return Stack((*reversed(kept),), len(places), auxiliary=before)


def _places(plan: NasNetPlan, cells: Iterable[tuple[bool, int]]) -> Iterator[Place]:
    """Yield all cells, as if everything were needed."""
    has_stem_cells = plan.large_stem is not None
    before = last = STEM
    # how often the output of a cell was halved
    halvings = {STEM: 0}
    for number, (reduces, filters) in enumerate(cells):
        cell = plan.reduction if reduces else plan.normal
        sources = _sources(plan, before, last)
        yield Place(
            number,
            cell,
            filters,
            stride=2 if reduces else 1,
            sources=sources,
            halves=tuple(halvings[source.cell] < halvings[last] for source in sources),
            needed=cell.outputs,
            joins=not plan.passes_states,
        )
        halvings[number] = halvings[last] + reduces
        is_in_stem = number < NUM_STEM_CELLS
        # The published large network goes by the older input of its reduction cells, too.
        skips = has_stem_cells and reduces and not is_in_stem
        before, last = (before if skips else last), number


def _sources(plan: NasNetPlan, before: int, last: int) -> tuple[Source, ...]:
    if not plan.passes_states:
        return Source(before), Source(last)
    if last == STEM:  # it stands for all
        return (Source(STEM),) * plan.normal.num_inputs
    return tuple(Source(last, part) for part in plan.normal.outputs)  # equally many of both cells
