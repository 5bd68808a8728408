"""Tables of series: a row for each series, or a row for each step of one.

Letters: C channels, T steps.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np

from nas_lib.config import SeriesTableData
from nas_lib.data.allowance import Allowance
from nas_lib.data.paths import user_path
from nas_lib.errors import DataError, one_line
from nas_lib.tasks.images.readers.table_columns import group_of, label_of, part_of
from nas_lib.tasks.images.readers.tables import Faults, open_table
from nas_lib.tasks.series.found import Array, FoundSeries, PartName, SeriesOfPart
from nas_lib.tasks.series.readers.nameless import WANTED, Nameless
from nas_lib.tasks.series.readers.part_files import CALLED, beside_notice, part_files
from nas_lib.tasks.series.readers.series_columns import Columns, columns_notice, find_columns
from nas_lib.tasks.series.readers.steps import Steps
from nas_lib.tasks.series.values import as_labels, numbers_of

SUFFIXES: Final = (".csv", ".tsv", ".txt", ".jsonl", ".ndjson", ".parquet")
_WITHOUT_LABEL: Final = "without a label that is a text or a whole number"


@dataclass
class Rows:
    """The series of a part as they come: one item for each in each list."""

    values: list[Array] = field(default_factory=list)
    labels: list[str] = field(default_factory=list)
    names: list[str] = field(default_factory=list)
    groups: list[str] = field(default_factory=list)

    def add(self, values_CT: Array, label: str, name: str, group: str) -> None:
        """Add a series."""
        self.values.append(values_CT)
        self.labels.append(label)
        self.names.append(name)
        self.groups.append(group)

    def found(self) -> SeriesOfPart:
        """Return them as all readers do."""
        groups = self.groups if any(self.groups) else ()
        return SeriesOfPart(self.values, np.array(self.labels), self.names, groups)


Parts = dict[PartName, Rows]


def read_tables(config: SeriesTableData, allowance: Allowance) -> FoundSeries:
    """Read the series of tables.

    Raises:
        DataError: There is no table, it is not as it should be, or larger than allowed.
    """
    files = part_files(config.path, SUFFIXES)
    source = f"series table {one_line(user_path(config.path))}"
    parts: Parts = {}
    notices = [*beside_notice(config.path, files)]
    nameless = Nameless.of(files["training"])
    label_index = 0 if nameless is None else nameless.label_index(config.label)
    for part, path in files.items():
        allowance.take(2 * path.stat().st_size, one_line(path))
        prefix = f"{one_line(path.name, 60)} " if len(files) > 1 else ""
        if nameless is None:
            told = list(_read(path, part, config, parts, prefix))
        else:
            _read_nameless(path, part, label_index, parts, prefix)
            which = "last" if label_index else "first"
            told = [f"the table has no names of columns: the {which} one was read as label"]
        notices += told if part == "training" else []
    if "training" not in parts:
        raise DataError(f"{source}: expected series to train on, got none")
    return FoundSeries(source, _numbered(parts), tuple(notices))


def read_unlabelled(
    path: Path, config: SeriesTableData, allowance: Allowance, *, length: int
) -> SeriesOfPart:
    """Read the series of a table that may say their classes, which are not read.

    Args:
        path: The file.
        config: What its columns are called.
        allowance: How much memory it may take.
        length: Values of a row in a table without names; one more is a class.

    Raises:
        DataError: It is not as it should be, or larger than allowed.
    """
    parts: Parts = {}
    allowance.take(2 * path.stat().st_size, one_line(path))
    nameless = Nameless.of(path)
    if nameless is None:
        list(_read(path, "test", config, parts, "", needs_label=False))
    else:
        has_label = len(next(nameless.rows())[1]) == length + 1
        wanted = config.label if config.label in WANTED else None
        index = nameless.label_index(wanted) if has_label else None
        _read_nameless(path, "test", index, parts, "")
    rows = [each for part in parts.values() for each in zip(part.values, part.names, strict=True)]
    if not rows:
        raise DataError(f"{one_line(path)}: expected series, got none")
    return SeriesOfPart(
        [values for values, _ in rows], np.zeros(len(rows), int), [name for _, name in rows]
    )


def _numbered(parts: Parts) -> dict[PartName, SeriesOfPart]:
    """Return the parts, with classes that are whole numbers or texts alike in all of them."""
    order = [part for part in CALLED.values() if part in parts]
    labels = as_labels([label for part in order for label in parts[part].labels])
    ends = np.cumsum([len(parts[part].labels) for part in order])
    found = {}
    for part, own in zip(order, np.split(labels, ends[:-1]), strict=True):
        rows = parts[part].found()
        found[part] = SeriesOfPart(rows.values, own, rows.names, rows.groups)
    return found


def _read_nameless(
    path: Path, part: PartName, index: int | None, parts: Parts, prefix: str
) -> None:
    table = Nameless.of(path)
    if table is None:
        raise DataError(
            f"{one_line(path)}: expected a class and values in the first line, as the file to "
            "train on has them, got names of columns"
        )
    rows = parts.setdefault(part, Rows())
    faults = Faults(one_line(path), "line")
    for line, cells in table.rows():
        label = "none" if index is None else cells.pop(index)
        values = numbers_of(cells)
        if isinstance(values, str):
            faults.add("with values that are no numbers", f"line {line} ({values!r})")
        elif not label:
            faults.add(_WITHOUT_LABEL, f"line {line}")
        elif not len(values):
            faults.add("without a value", f"line {line}")
        else:
            rows.add(_trimmed(values), label, f"{prefix}line {line:,}", "")
    faults.check()


def _read(
    path: Path,
    part: PartName,
    config: SeriesTableData,
    parts: Parts,
    prefix: str,
    *,
    needs_label: bool = True,
) -> Iterator[str]:
    """Add the series of a table with names; yield what its columns were taken for."""
    table = open_table(path)
    columns = find_columns(table, config, needs_label=needs_label)
    faults = Faults(table.where, table.unit)
    names = tuple(table.label_names(columns.label)) if columns.label else ()
    steps = Steps(columns, faults) if columns.series else None
    for line, cells in table.rows(columns.all):
        said = dict(zip(columns.all, cells, strict=True))
        place = f"{prefix}{table.unit} {line:,}"
        row = _row(columns, said, part, names, faults, place)
        if row is None:
            continue
        own_part, label, group, values = row
        if steps is None:
            into = parts.setdefault(own_part, Rows())
            into.add(_trimmed(values), label, place, group)
        else:
            steps.add(own_part, label, group, values, said, place)
    faults.check()
    if steps is not None:
        for own_part, label, group, series, name in steps.series():
            parts.setdefault(own_part, Rows()).add(series, label, f"{prefix}{name}", group)
        faults.check()
    yield from columns_notice(columns, config)


def _trimmed(values_T: Array) -> Array:
    """Return a row's series `[1, T]`: cells that are empty at its end are none of its steps."""
    known = np.flatnonzero(~np.isnan(values_T))
    end = known[-1] + 1 if len(known) else len(values_T)
    return values_T[np.newaxis, :end]


def _row(
    columns: Columns,
    said: dict[str, Any],
    part: PartName,
    names: tuple[str, ...],
    faults: Faults,
    place: str,
) -> tuple[PartName, str, str, Array] | None:
    """Return the part, class, group and values of a row; None where something is wrong."""
    label = label_of(said[columns.label], names) if columns.label else ""
    values = numbers_of([said[name] for name in columns.values])
    own_part: PartName | None = part
    if columns.split:
        found = part_of(said[columns.split])
        own_part = None if found is None else CALLED[found]
    if columns.label and not label:
        faults.add(_WITHOUT_LABEL, place)
    elif isinstance(values, str):
        faults.add("with values that are no numbers", f"{place} ({values!r})")
    elif own_part is None:
        shown = one_line(said[columns.split], 20)
        faults.add("whose split is none of train, val and test", f"{place} ({shown!r})")
    else:
        group = group_of(said[columns.group]) if columns.group else ""
        return own_part, label, group, values
    return None
