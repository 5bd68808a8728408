"""Which columns of a table of series are what."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Final

from nas_lib.config import SeriesTableData
from nas_lib.errors import DataError, one_line, plural
from nas_lib.tasks.images.readers.tables import Table
from nas_lib.tasks.series.values import number_of

ROLES: Final[dict[str, tuple[str, ...]]] = {
    "label": ("label", "labels", "class", "target", "category", "y", "class_name", "activity"),
    "series": ("series", "series_id", "sample", "sample_id", "recording", "recording_id"),
    "time": ("time", "timestamp", "datetime", "date", "step", "t"),
    "split": ("split", "subset", "partition", "set"),
    "group": ("group", "group_id"),
}
"""What columns are called where the settings do not say it: the first one that is there."""
_LOOKED_AT: Final = 100  # rows
_MOST_NAMED: Final = 3


@dataclass(frozen=True)
class Columns:
    """What the columns that are read are called; empty where there is none.

    Attributes:
        values: Steps of the series in a row; with `series` its channels.
    """

    label: str
    series: str
    time: str
    split: str
    group: str
    values: tuple[str, ...]

    @property
    def all(self) -> list[str]:
        """Every column that is read, once."""
        named = (self.label, self.series, self.time, self.split, self.group, *self.values)
        return [name for name in dict.fromkeys(named) if name]


def find_columns(table: Table, config: SeriesTableData, *, needs_label: bool = True) -> Columns:
    """Return the columns that the settings name, or that are called as usual.

    Args:
        table: The table.
        config: What they are called.
        needs_label: Whether there has to be one of classes.

    Raises:
        DataError: There is no such column, or one of the others has no numbers.
    """
    needed = ("label",) if needs_label else ()
    named = {role: getattr(config, role) for role in ROLES}
    if not needs_label and named["label"] not in table.columns:
        named["label"] = None
    found = {
        role: _column(table, role, name, is_needed=role in needed) for role, name in named.items()
    }
    taken = set(found.values())
    if config.series is None and found["series"] and _is_once(table, found["series"]):
        found["series"] = ""  # a name of each row: a row is a series
    unknown = [name for name in config.values if name not in table.columns]
    if unknown:
        raise _lacks(table, f"a column {one_line(unknown[0], 60)!r}", "task.data.values")
    values = config.values or tuple(name for name in table.columns if name not in taken)
    if not values:
        raise _lacks(table, "columns of numbers beside these", "task.data.values")
    if not config.values:
        _check_numbers(table, values)
    return Columns(**found, values=values)


def columns_notice(columns: Columns, config: SeriesTableData) -> Iterator[str]:
    """Yield what columns were taken for, where the settings do not say that for all."""
    found = {role: getattr(columns, role) for role in ROLES if getattr(config, role) is None}
    named = [f"{one_line(name, 40)} as {role}" for role, name in found.items() if name]
    if named:
        rest = plural(len(columns.values), "channel" if columns.series else "step")
        yield f"columns were taken by their names: {', '.join(named)}; others: {rest}"


def _column(table: Table, role: str, named: str | None, *, is_needed: bool) -> str:
    if named is not None and (named in table.columns or (not named and not is_needed)):
        return named
    by_lower = {name.lower(): name for name in reversed(table.columns)}
    if named is None:
        found = next((by_lower[name] for name in ROLES[role] if name in by_lower), "")
        if found or not is_needed:
            return found
    wanted = f"a column {one_line(named, 60)!r}" if named else f"one of {', '.join(ROLES[role])}"
    raise _lacks(table, wanted, f"task.data.{role}")


def _lacks(table: Table, wanted: str, setting: str) -> DataError:
    got = one_line(", ".join(table.columns), 200)
    return DataError(f"{table.where}: expected {wanted} ({setting}), got {got}")


def _is_once(table: Table, column: str) -> bool:
    """Say whether each of the first rows has something else in a column."""
    cells = [row[0] for _, row in islice(table.rows([column]), _LOOKED_AT)]
    return len(set(map(str, cells))) == len(cells)


def _check_numbers(table: Table, columns: tuple[str, ...]) -> None:
    """Refuse columns of texts, of which nobody has said that they are values.

    Raises:
        DataError: There is one.
    """
    for _, cells in islice(table.rows(columns), 1):
        wrong = [name for name, cell in zip(columns, cells, strict=True) if number_of(cell) is None]
        if wrong:
            more = ", ..." if len(wrong) > _MOST_NAMED else ""
            named = ", ".join(one_line(name, 40) for name in wrong[:_MOST_NAMED])
            raise DataError(
                f"{table.where}: expected numbers in all columns but those of "
                f"{', '.join(ROLES)}, got other values in {named}{more}: name the columns of "
                "numbers in task.data.values"
            )
