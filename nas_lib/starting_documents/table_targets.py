"""What a table tells of its pictures: a class, several labels or a number, by its cells."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Any, Final

from nas_lib.config import ImageTableData, ImageTarget
from nas_lib.errors import DataError, one_line
from nas_lib.tasks.images.readers.table_columns import (
    find_columns,
    is_truth,
    number_of,
    usual_labels,
)
from nas_lib.tasks.images.readers.tables import Table

_SEPARATOR: Final = ImageTableData.model_fields["separator"].default
_LOOKED_AT: Final = 1000  # lines, where every column has to be looked at
_LONGEST: Final = 40
_NEARLY_ALL: Final = 0.9
_SAID: Final = ("label", "separator", "label_columns")
_TARGETS: Final[tuple[ImageTarget, ...]] = ("class", "labels", "number")


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


def has_pictures(table: Table) -> bool:
    """Say whether a table has a column of pictures.

    Raises:
        DataError: It cannot be read.
    """
    try:
        return bool(_others(table))
    except DataError:
        return False


def wanted_target(table: Table, wanted: Mapping[str, Any]) -> TableTarget:
    """Return what a table tells of its pictures, where the user has said some of it.

    Args:
        table: The table.
        wanted: Settings that the user has said, by their places.

    Raises:
        DataError: It has no such columns.
    """
    said = {name: wanted[f"task.data.{name}"] for name in _SAID if f"task.data.{name}" in wanted}
    target: ImageTarget | None = wanted.get("task.target")
    if target not in (None, *_TARGETS):
        return TableTarget(data=said)  # is refused with all that is wrong
    if "label_columns" in said:
        return TableTarget(target or "labels", "", said)
    if isinstance(said.get("label"), str):
        found = _of_cells(table, said["label"]) if said["label"] in table.columns else TableTarget()
    else:
        found = target_of(table)
    found = replace(found, data={**found.data, **said})
    return found if target in (None, found.target) else replace(found, target=target, why="")


def target_of(table: Table) -> TableTarget:
    """Return what a table tells of its pictures.

    That is in a column that is called as usual, or in the only one that there is beside those of
    pictures, parts and groups; or in several of 0 and 1.

    Raises:
        DataError: It has no columns of pictures and of something that is told.
    """
    others = _others(table)
    by_lower = {name.lower(): name for name in reversed(others)}
    usual = (name for each in _TARGETS for name in usual_labels(each))
    name = next((by_lower[name] for name in usual if name in by_lower), "")
    if not name and len(others) > 1:
        return _of_truths(table, others)
    found = _of_cells(table, name or others[0])
    if name.lower() in usual_labels(found.target):
        return found
    return replace(found, data={"label": name or others[0]})


def _others(table: Table) -> list[str]:
    """Return the columns that are not of pictures, parts or groups.

    Raises:
        DataError: There is no column of pictures, or no other one.
    """
    config = ImageTableData(path=str(table.path))
    of_any = config.model_copy(update={"label_columns": table.columns[:1]})  # is not looked for
    found = find_columns(table, of_any, "labels")
    others = [name for name in table.columns if name not in (found.image, found.split, found.group)]
    if not others:
        find_columns(table, config)  # says what is missing
    return others


def _of_cells(table: Table, column: str) -> TableTarget:
    has_lists = has_separator = is_fraction = False
    num = num_numbers = 0
    for _, (cell,) in table.rows([column]):
        num += 1
        has_lists |= isinstance(cell, list)
        has_separator |= isinstance(cell, str) and _SEPARATOR in cell
        number = number_of(cell)
        num_numbers += number is not None
        is_fraction |= number is not None and not number.is_integer()
    name = repr(one_line(column, _LONGEST))
    if has_lists:
        return TableTarget("labels", f"Cells of {name} are lists of labels.")
    if has_separator:
        return TableTarget("labels", f"Cells of {name} have several labels, {_SEPARATOR} between.")
    if is_fraction and num_numbers >= _NEARLY_ALL * num:  # others are refused with their lines
        many = "All" if num_numbers == num else "Nearly all"
        return TableTarget("number", f"{many} cells of {name} are numbers, and some are not whole.")
    return TableTarget()


def _of_truths(table: Table, others: Sequence[str]) -> TableTarget:
    """Return that several columns of 0 and 1 are a label each, if there are such.

    Raises:
        DataError: There are none.
    """
    names = [*_truths(table, others)]
    if len(names) < 2:
        find_columns(table, ImageTableData(path=str(table.path)))  # says what is missing
    shown = one_line(", ".join(names), 2 * _LONGEST)
    why = f"No column is called as one of classes, and these have 0 and 1 only: {shown}."
    return TableTarget("labels", why, {"label_columns": names})


def _truths(table: Table, names: Sequence[str]) -> Iterator[str]:
    """Yield which of these columns have nothing but 0 and 1, by the first lines."""
    rows = [cells for _, cells in islice(table.rows(names), _LOOKED_AT)]
    for name, cells in zip(names, zip(*rows, strict=True), strict=False):
        if all(map(is_truth, cells)):
            yield name
