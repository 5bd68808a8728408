"""What a table tells of its pictures: a class, several labels or a number, by its cells."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, Final

from nas_lib.config import ImageTableData, ImageTarget
from nas_lib.errors import DataError, one_line
from nas_lib.tasks.images.readers.table_columns import Columns, find_columns, is_truth, number_of
from nas_lib.tasks.images.readers.tables import Table

_SEPARATOR: Final = ImageTableData.model_fields["separator"].default
_LOOKED_AT: Final = 1000  # lines, where every column has to be looked at
_LONGEST: Final = 40


@dataclass(frozen=True)
class TableTarget:
    """What is told of pictures.

    Attributes:
        target: As `task.target` calls it.
        why: In a line; empty where nobody asks.
        data: Settings of `task.data` that it takes.
    """

    target: ImageTarget = "class"
    why: str = ""
    data: Mapping[str, Any] = field(default_factory=dict)


def target_of(table: Table) -> TableTarget:
    """Return what a table tells of its pictures.

    Raises:
        DataError: It has no columns of pictures and of something that is told.
    """
    config = ImageTableData(path=str(table.path))
    try:
        columns = find_columns(table, config, "number")
    except DataError:
        return _of_truths(table, config)
    return _of_cells(table, columns)


def _of_cells(table: Table, columns: Columns) -> TableTarget:
    has_lists = has_separator = is_fraction = False
    are_numbers = True
    for _, (cell,) in table.rows([columns.label]):
        has_lists |= isinstance(cell, list)
        has_separator |= isinstance(cell, str) and _SEPARATOR in cell
        number = number_of(cell)
        are_numbers &= number is not None
        is_fraction |= number is not None and not number.is_integer()
    name = repr(one_line(columns.label, _LONGEST))
    if has_lists:
        return TableTarget("labels", f"Cells of {name} are lists of labels.")
    if has_separator:
        return TableTarget("labels", f"Cells of {name} have several labels, {_SEPARATOR} between.")
    if are_numbers and is_fraction:
        return TableTarget("number", f"All cells of {name} are numbers, and some are not whole.")
    find_columns(table, ImageTableData(path=str(table.path)))  # whose names are of numbers only
    return TableTarget()


def _of_truths(table: Table, config: ImageTableData) -> TableTarget:
    """Return that several columns of 0 and 1 are a label each, if there are such.

    Raises:
        DataError: There are none.
    """
    names = [*_truths(table)]
    if len(names) < 2:
        find_columns(table, config)  # says what is missing
    find_columns(table, config.model_copy(update={"label_columns": tuple(names)}), "labels")
    shown = one_line(", ".join(names), 2 * _LONGEST)
    why = f"No column is called as one of classes, and these have 0 and 1 only: {shown}."
    return TableTarget("labels", why, {"label_columns": names})


def _truths(table: Table) -> Iterator[str]:
    """Yield the columns with nothing but 0 and 1, by the first lines."""
    rows = [cells for _, cells in islice(table.rows(table.columns), _LOOKED_AT)]
    for name, cells in zip(table.columns, zip(*rows, strict=True), strict=False):
        if all(map(is_truth, cells)):
            yield name
