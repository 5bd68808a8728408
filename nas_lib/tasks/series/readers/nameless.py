"""Tables whose first line is a series already, as UCR's archive was published and Kaggle has them.

A class and the values of a series a line, with commas, semicolons, tabs or blanks between them.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from nas_lib.data.data_file import readable
from nas_lib.errors import DataError, one_line
from nas_lib.tasks.series.values import number_of

_DELIMITERS: Final = (",", ";", "\t", " ")
_HEAD: Final = 2**20
_FEWEST: Final = 3  # cells: a class and two values
_LOOKED_AT: Final = 200  # lines, to find the class
_OFTEN: Final = 2  # times that a class comes at least, in the mean
WANTED: Final = ("first", "last")
"""What `task.data.label` may say of such a table."""


@dataclass(frozen=True)
class Nameless:
    """A table without names.

    Attributes:
        path: The file.
        delimiter: What stands between cells.
    """

    path: Path
    delimiter: str

    @classmethod
    def of(cls, path: Path) -> Nameless | None:
        """Return the table in a file whose first line has no names; None where it has some."""
        with readable(one_line(path)), path.open("rb") as file:
            first = file.readline(_HEAD).decode("utf-8-sig", "replace").strip()
        cells = {each: _cells(first, each) for each in _DELIMITERS}
        delimiter = max(cells, key=lambda each: len(cells[each]))
        return cls(path, delimiter) if _are_values(cells[delimiter]) else None

    def rows(self) -> Iterator[tuple[int, list[str]]]:
        """Yield the number of each line, from 1, and its cells.

        Raises:
            DataError: The file cannot be read.
        """
        where = one_line(self.path)
        with readable(where), self.path.open(encoding="utf-8-sig", newline="") as file:
            for number, line in enumerate(file, 1):
                if line.strip():
                    yield number, _cells(line.strip(), self.delimiter)

    def label_index(self, wanted: str | None) -> int:
        """Return which cell of a line is its class: 0 or -1.

        Args:
            wanted: What the user says, first or last.

        Raises:
            DataError: Nobody can tell, or the user says something else.
        """
        where = one_line(self.path)
        if wanted is not None:
            if wanted not in WANTED:
                raise DataError(
                    f"{where}: has no names of columns: task.data.label should be first or last, "
                    f"got {one_line(wanted, 40)!r}"
                )
            return 0 if wanted == "first" else -1
        some = [cells for _, (_, cells) in zip(range(_LOOKED_AT), self.rows(), strict=False)]
        fits = [index for index in (0, -1) if _are_labels([cells[index] for cells in some])]
        if len(fits) != 1:
            which = "both the first and the last" if fits else "neither the first nor the last"
            raise DataError(
                f"{where}: has no names of columns, and {which} column may be classes: set "
                "task.data.label to first or last"
            )
        return fits[0]


def _cells(line: str, delimiter: str) -> list[str]:
    if delimiter == " ":
        return line.split()
    return [cell.strip() for cell in next(csv.reader([line], delimiter=delimiter), [])]


def _are_values(cells: Sequence[str]) -> bool:
    """Say whether cells are a series and its class, and no names: at most one is no number.

    Whole numbers that follow each other are names, of steps.
    """
    numbers = [number_of(cell) for cell in cells]
    known = [number for number in numbers if number is not None]
    if len(cells) < _FEWEST or len(known) < len(cells) - 1:
        return False
    if len(known) < len(cells) and None not in (numbers[0], numbers[-1]):
        return False
    return not bool((np.diff(known) == 1).all())


def _are_labels(cells: Sequence[str]) -> bool:
    """Say whether a column may be of classes: texts or whole numbers, which come again."""
    numbers = [number_of(cell) for cell in cells]
    is_whole = all(number is None or float(number).is_integer() for number in numbers)
    pairs = zip(cells, numbers, strict=True)
    different = {cell if number is None else number for cell, number in pairs}
    return is_whole and len(different) * _OFTEN <= max(len(cells), 2 * _OFTEN)
