"""The lines of tables of pictures: which picture, class, part and group each of them is about.

What is told of a picture is its class, a text; its labels, a tuple of texts; or a number.
"""

from __future__ import annotations

import re
from array import array
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path, PurePath
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from nas_lib.config import ImageTableData, ImageTarget
from nas_lib.data.paths import entries, existing_file, existing_folder, kind_of, user_path
from nas_lib.data.rows import Indices
from nas_lib.errors import DataError, one_line, plural
from nas_lib.tasks.images.raw import Names
from nas_lib.tasks.images.readers.class_folders import PARTS, PartName
from nas_lib.tasks.images.readers.decoding import FilesInFolder, PictureFiles
from nas_lib.tasks.images.readers.named_files import MISSING, NamedFiles, unnamed_notice
from nas_lib.tasks.images.readers.pictures import Content
from nas_lib.tasks.images.readers.table_columns import (
    Columns,
    columns_notice,
    content_of,
    find_columns,
    group_of,
    is_content,
    label_of,
    labels_of,
    number_of,
    part_of,
    path_of,
)
from nas_lib.tasks.images.readers.tables import Faults, Table, open_table

TABLE_PARTS: Final[tuple[PartName, ...]] = ("train", "valid", "test")
"""By the number that a part has in `ListedPictures`."""
Told = str | tuple[str, ...] | float
_SUFFIXES: Final = (".csv", ".tsv", ".jsonl", ".ndjson", ".parquet")
_CALLED: Final = {"train": "training", "valid": "validation", "test": "test"}
_CONTENTS_AT_ONCE: Final = 16


def _tables(config: ImageTableData) -> tuple[Path, list[tuple[Table, PartName | None]]]:
    """Return the folder of the tables, and each with the part that its name says it is of."""
    path = user_path(config.path)
    if kind_of(path) != "a folder":
        return path.parent, [(open_table(existing_file(path)), None)]
    try:
        names = [each.name for each in entries(path) if each.is_file()]
    except OSError as err:
        raise DataError(f"{one_line(path)}: cannot be listed: {one_line(err)}") from err
    found = [name for name in names if PurePath(name).suffix.lower() in _SUFFIXES]
    if len(found) == 1:
        return path, [(open_table(path / found[0]), None)]
    parts = {name: PARTS.get(re.split(r"[-_.]", name.lower())[0]) for name in found}
    if not found or None in parts.values():
        got = ", ".join(found[:5]) or "none"
        raise DataError(
            f"{one_line(path)}: expected one table ({', '.join(_SUFFIXES)}), or several whose "
            f"names begin with train, valid and test, got {one_line(got, 200)}: give the path of "
            "the one that is meant"
        )
    return path, [(open_table(path / name), part) for name, part in parts.items()]


@dataclass(frozen=True, eq=False)
class _Contents:
    """What is in picture files, in a column of tables; read as often as is asked for."""

    tables: tuple[tuple[Table, str], ...]
    names: Names

    def items(self, which: Indices) -> Iterator[Content]:
        """Yield the contents of these rows."""
        is_wanted = np.zeros(len(self.names), np.bool_)
        is_wanted[which] = True
        cells = (
            cell
            for table, column in self.tables
            for _, (cell,) in table.rows([column], at_once=_CONTENTS_AT_ONCE)
        )
        num = 0
        for num, cell in enumerate(cells, 1):
            if num <= len(self.names) and is_wanted[num - 1]:
                yield Content(content_of(cell), self.names[num - 1])
        if num != len(self.names):
            raise DataError(f"{self.tables[0][0].where}: became another file while it was read")


@dataclass
class _Rows:
    """What all lines say: one item for each picture in each list."""

    images: list[str] = field(default_factory=list)
    labels: list[Told] = field(default_factory=list)
    groups: list[str] = field(default_factory=list)
    parts: array[int] = field(default_factory=lambda: array("b"))
    tables: array[int] = field(default_factory=lambda: array("q"))
    lines: array[int] = field(default_factory=lambda: array("q"))
    texts: dict[Told, Told] = field(default_factory=dict)

    def add(self, image: str, label: Told, group: str, part: int, place: tuple[int, int]) -> None:
        """Add a line, `place` says which one of which table; equal texts are kept once."""
        self.images.append(image)
        is_number = isinstance(label, float)
        self.labels.append(label if is_number else self.texts.setdefault(label, label))
        self.groups.append(str(self.texts.setdefault(group, group)))
        self.parts.append(part)
        self.tables.append(place[0])
        self.lines.append(place[1])


@dataclass(frozen=True, eq=False)
class ListedPictures:
    """The pictures that are to be decoded, N of them, and what is said of each.

    Attributes:
        files: Their files, or what is in those.
        labels: What is told of them, `[N]`.
        parts: Which of `TABLE_PARTS` they are of, `[N]`.
        groups: What they are pictures of, `[N]`; empty where nothing is said.
        notices: What a user would not guess.
        columns: What the columns of the first table are called.
    """

    files: PictureFiles
    labels: list[Any]
    parts: npt.NDArray[np.int8]
    groups: list[str]
    notices: tuple[str, ...]
    columns: Columns


def listed_pictures(config: ImageTableData, target: ImageTarget = "class") -> ListedPictures:
    """Return the pictures that tables name or hold, without decoding any.

    Raises:
        DataError: There is no table, it is not as it should be, or it does not go with what lies
            on the disk.
    """
    folder, tables = _tables(config)
    found = [(table, part, find_columns(table, config, target)) for table, part in tables]
    has_content = _has_content(found[0][0], found[0][2].image)
    source = f"image table {one_line(user_path(config.path))}"
    faults = Faults(source, tables[0][0].unit)
    rows = _Rows()

    def place(row: int) -> str:
        table = tables[rows.tables[row]][0]
        where = f"{one_line(table.path.name, 60)} " if len(tables) > 1 else ""
        return f"{where}{table.unit} {rows.lines[row]:,}"

    for number, (table, part, columns) in enumerate(found):
        tell = partial(_TELLERS[target], tuple(table.label_names(columns.label)), config, columns)
        _read(rows, faults, table, number, part, columns, tell, has_content=has_content)
    faults.check()
    _check_labels(rows, faults, place)
    notices = list(columns_notice(found[0][0], config, found[0][2]))
    if has_content:
        prefix = f"{one_line(user_path(config.path).name, 60)} " if len(tables) == 1 else ""
        names = [f"{prefix}{place(row)}" for row in range(len(rows.labels))]
        of = tuple((table, columns.image) for table, _, columns in found)
        files: PictureFiles = _Contents(of, np.array(names, object))
        kept = list(range(len(rows.labels)))
    else:
        root = existing_folder(config.root) if config.root else folder
        kept, said = _found_files(rows, faults, place, root, config)
        notices += said
        files = FilesInFolder(root, np.array([rows.images[row] for row in kept], object))
    trained = {name for row in kept if rows.parts[row] == 0 for name in names_of(rows.labels[row])}
    if lost := sorted({name for label in rows.labels for name in names_of(label)} - trained):
        noun, name = "label" if target == "labels" else "class", one_line(lost[0], 40)
        raise DataError(f"{source}: none of the files to train on of {noun} {name!r} is there")
    return ListedPictures(
        files,
        [rows.labels[row] for row in kept],
        np.array([rows.parts[row] for row in kept], np.int8),
        [rows.groups[row] for row in kept],
        tuple(notices),
        found[0][2],
    )


def _has_content(table: Table, column: str) -> bool:
    for _, (cell,) in table.rows([column], at_once=_CONTENTS_AT_ONCE):
        if cell not in (None, ""):
            return is_content(cell)
    raise DataError(f"{table.where}: expected {table.unit}s with pictures, got none")


def _read(
    rows: _Rows,
    faults: Faults,
    table: Table,
    number: int,
    part: PartName | None,
    columns: Columns,
    tell: Callable[[Sequence[Any]], Told | Fault],
    *,
    has_content: bool,
) -> None:
    """Add what the lines of a table say, but for what is in picture files."""
    of_image = () if has_content else (columns.image,)
    wanted = dict.fromkeys((*of_image, *columns.told, columns.split, columns.group))
    wanted.pop("", None)
    where = f"{one_line(table.path.name, 60)} " if part else ""
    for line, cells in table.rows(list(wanted)):
        said = dict(zip(wanted, cells, strict=True))
        place = f"{where}{table.unit} {line:,}"
        image = "" if has_content else path_of(said[columns.image])
        label = tell([said[name] for name in columns.told])
        its_part = part_of(said[columns.split]) if columns.split else part or "train"
        if not has_content and not image:
            faults.add("without an image", place)
        elif isinstance(label, Fault):
            faults.add(label.what, place + label.shown)
        elif its_part is None:
            shown = one_line(said[columns.split], 20)
            faults.add("whose split is none of train, val and test", f"{place} ({shown!r})")
        else:
            group = group_of(said[columns.group]) if columns.group else ""
            rows.add(image, label, group, TABLE_PARTS.index(its_part), (number, line))


@dataclass(frozen=True)
class Fault:
    """What is wrong with a line, after its number; and what it has there."""

    what: str
    shown: str = ""


def _class_told(
    names: tuple[str, ...], _: ImageTableData, columns: Columns, cells: Sequence[Any]
) -> Told | Fault:
    fault = Fault("without a label that is a text or a whole number")
    return label_of(cells[0], names) or fault


def _labels_told(
    names: tuple[str, ...], config: ImageTableData, columns: Columns, cells: Sequence[Any]
) -> Told | Fault:
    found = labels_of(cells, columns.labels, names, config.separator)
    if found is not None:
        return found
    if columns.labels:
        return Fault("with something else than 0 or 1 in a column of task.data.label_columns")
    return Fault("with labels that are no texts or whole numbers", f" ({one_line(cells[0], 40)})")


def _number_told(
    _: tuple[str, ...], __: ImageTableData, columns: Columns, cells: Sequence[Any]
) -> Told | Fault:
    found = number_of(cells[0])
    if found is not None:
        return found
    shown = "nothing" if cells[0] in (None, "") else repr(one_line(cells[0], 40))
    return Fault(f"without a finite number in {one_line(columns.label, 40)!r}", f" ({shown})")


_TELLERS: Final = {"class": _class_told, "labels": _labels_told, "number": _number_told}
"""What tells a picture's class, labels or number from the cells of a line."""


def names_of(label: Told) -> tuple[str, ...]:
    """Return the names of classes or labels that a picture has; a number has none."""
    if isinstance(label, tuple):
        return label
    return () if isinstance(label, float) else (label,)


def _check_labels(rows: _Rows, faults: Faults, place: Callable[[int], str]) -> None:
    """Refuse classes that are not trained on, and a table that trains on nothing."""
    told = zip(rows.labels, rows.parts, strict=True)
    known = {name for label, part in told if part == 0 for name in names_of(label)}
    if rows.labels and 0 not in rows.parts:
        others = sorted({_CALLED[TABLE_PARTS[part]] for part in rows.parts})
        faults.add(f"of which none is to train on ({' and '.join(others)} only)", place(0))
    else:
        for row, (label, part) in enumerate(zip(rows.labels, rows.parts, strict=True)):
            if unknown := [name for name in names_of(label) if name not in known]:
                called = _CALLED[TABLE_PARTS[part]]
                noun = "label" if isinstance(label, tuple) else "class"
                what = f"of the {called} images with a {noun} that training lacks"
                faults.add(what, f"{place(row)} ({one_line(unknown[0], 40)!r})")
    faults.check()


# --- files ----------------------------------------------------------------------------------------


def _found_files(
    rows: _Rows, faults: Faults, place: Callable[[int], str], root: Path, config: ImageTableData
) -> tuple[list[int], list[str]]:
    """Return which lines name a file for the first time, and notices on the others.

    Their paths become those from the root on.
    """
    finder = NamedFiles(root)
    kept: list[int] = []
    first: dict[str, int] = {}
    num_again = num_named = 0
    missing = Faults("", "line")
    for row, name in enumerate(rows.images):
        path, problem = finder.find(name)
        rows.images[row] = path
        num_named += 1
        if problem:
            into = missing if problem == MISSING and config.on_error == "skip" else faults
            into.add(problem, f"{one_line(name, 60)} ({place(row)})")
            continue
        other = first.setdefault(path, row)
        if other == row:
            kept.append(row)
        elif _differs(rows, row, other):
            shown = f"{one_line(path, 60)} ({place(other)} and {place(row)})"
            faults.add("that name a file again with another label, split or group", shown)
        else:
            num_again += 1
    faults.check(f"; paths are relative to {one_line(root)} (task.data.root)")
    notices = [f"{text}; they were left out" for text in missing.sentences()]
    if num_again:
        notices.append(f"{plural(num_again, 'line')} of {num_named:,} repeat others")
    if not kept:
        raise DataError(f"{one_line(user_path(config.path))}: expected lines with files, got none")
    return kept, [*notices, *unnamed_notice(root, first)]


def _differs(rows: _Rows, one: int, other: int) -> bool:
    columns: Sequence[Sequence[object]] = (rows.labels, rows.parts, rows.groups)
    return any(column[one] != column[other] for column in columns)
