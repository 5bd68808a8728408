"""How networks may grow until they use up a budget of parameters or multiply-adds.

How many cells and how many filters go together, published networks show: NASNet-A has 6 cells per
stage at 32 filters and 7 at 96 for CIFAR-10, 4 at 44 and 6 at 168 for ImageNet (Zoph et al. 2018,
tables 1 to 3). That is about 12 filters per cell, by the geometric mean.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Final, NamedTuple

from nas_lib.bounds import MOST_WIDTH

WIDTHS: Final = range(1, MOST_WIDTH + 1)
"""All numbers of filters or units."""
FILTERS_PER_CELL: Final = 12
MOST_CELLS_PER_STAGE: Final = 8
"""That are tried where nobody says how many: published networks have up to 7."""


class Growth(NamedTuple):
    """A row of sizes, in which each next one costs more than the one before.

    Attributes:
        setting: The size that grows.
        values: Its values, ascending.
        wanted: The value at which networks of this row are like published ones, where any are; and
            the one to try first.
        fixed: The sizes that are the same in all the row.
    """

    setting: str
    values: range
    wanted: int
    fixed: Mapping[str, int] = {}

    def size(self, value: int) -> dict[str, int]:
        """Return all sizes at this value."""
        return {**self.fixed, self.setting: value}

    def strangeness(self, value: int) -> float:
        """Return how far a value is from the wanted one, the same for half and for twice."""
        return abs(math.log(value / self.wanted))


def growth_of_cells(
    *, cells: int | None, filters: int | None, cells_per_stage: int, numbers: range
) -> Iterator[Growth]:
    """Yield the rows of networks of cells, those of fewer cells first; none if both are given.

    Args:
        cells: As many, if that is given.
        filters: Likewise, of the first stage.
        cells_per_stage: What a cell in each stage counts in `cells`.
        numbers: All numbers of cells that there may be.
    """
    if filters is not None:
        if cells is None:
            yield Growth("cells", numbers, numbers[0], {"filters": filters})
        return
    tried = (cells_per_stage * per_stage for per_stage in range(1, MOST_CELLS_PER_STAGE + 1))
    for num in tried if cells is None else (cells,):
        yield Growth("filters", WIDTHS, FILTERS_PER_CELL * num // cells_per_stage, {"cells": num})
