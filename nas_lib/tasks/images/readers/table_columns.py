"""Which columns of a table are of pictures, classes, parts and groups, and what is in them.

In place of classes there may be labels, several of them, or numbers.
"""

from __future__ import annotations

import base64
import binascii
import math
import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final, Literal

from nas_lib.config import ImageTableData, ImageTarget
from nas_lib.errors import DataError, one_line
from nas_lib.tasks.images.readers.class_folders import PARTS, PartName
from nas_lib.tasks.images.readers.tables import Table

Role = Literal["image", "label", "split", "group"]

_USUAL: Final[dict[Role, tuple[str, ...]]] = {
    "image": (
        *("image", "img", "picture", "photo", "path", "file", "filename", "file_name", "filepath"),
        *("file_path", "image_path", "img_path", "image_file", "image_name", "image_id"),
    ),
    "label": (
        *("label", "labels", "class", "target", "category", "y", "class_name", "label_name"),
        "class_id",
    ),
    "split": ("split", "subset", "partition", "set"),
    "group": ("group", "group_id"),
}
"""What columns are called where the settings do not say it: the first one that is there."""
_OF_TARGET: Final[dict[ImageTarget, tuple[str, ...]]] = {
    "labels": ("tags",),
    "number": ("value", "number"),
}
"""What a column of labels or numbers may be called besides, where nothing else is."""
_IS_NEEDED: Final[tuple[Role, ...]] = ("image", "label")
_TRUTHS: Final = {
    **dict.fromkeys(("0", "0.0", "false"), False),
    **dict.fromkeys(("1", "1.0", "true"), True),
}
_OF_TABLES: Final[dict[str, PartName]] = {**PARTS, "dev": "valid"}
_BEGINNINGS: Final = re.compile(  # of files of pictures, in base64
    r"(/9j/|iVBORw0KGgo|R0lGOD|UklGR|Qk|SUkq|TU0A|AAAA)[A-Za-z0-9+/\r\n]{60}"
)


@dataclass(frozen=True)
class Columns:
    """What the columns that are read are called; empty where there is none.

    Attributes:
        labels: Of which each is of one label; then there is no other column of these.
    """

    image: str
    label: str
    split: str
    group: str
    labels: tuple[str, ...] = ()

    @property
    def told(self) -> tuple[str, ...]:
        """Those that tell what a picture is."""
        return self.labels or (self.label,)


def find_columns(table: Table, config: ImageTableData, target: ImageTarget = "class") -> Columns:
    """Return the columns that the settings name, or that are called as usual.

    Raises:
        DataError: There is no such column.
    """
    for name in config.label_columns:
        _column(table, "label", name, ())
    found = {
        role: ""
        if role == "label" and config.label_columns
        else _column(table, role, getattr(config, role), _usual(role, target))
        for role in _USUAL
    }
    return Columns(**found, labels=config.label_columns)


def _usual(role: Role, target: ImageTarget) -> tuple[str, ...]:
    return usual_labels(target) if role == "label" else _USUAL[role]


def usual_labels(target: ImageTarget) -> tuple[str, ...]:
    """Return what the column is called that tells what pictures are, in lower case."""
    return (*_USUAL["label"], *_OF_TARGET.get(target, ()))


def _column(table: Table, role: Role, named: str | None, usual: Sequence[str]) -> str:
    if named is not None and (named in table.columns or (not named and role not in _IS_NEEDED)):
        return named
    by_lower = {name.lower(): name for name in reversed(table.columns)}
    if named is None:
        found = next((by_lower[name] for name in usual if name in by_lower), "")
        if found or role not in _IS_NEEDED:
            return found
    wanted = (
        f"a column {one_line(named, 60)!r}"
        if named
        else f"a column for task.data.{role} ({', '.join(usual[:5])}, ...)"
    )
    got = one_line(", ".join(table.columns), 200)
    header = "" if named else "; the first line has to name the columns"
    raise DataError(f"{table.where}: expected {wanted}, got {got}{header}")


def columns_notice(table: Table, config: ImageTableData, columns: Columns) -> Iterator[str]:
    """Yield which columns were taken for what, where the settings do not say that for all."""
    found = {role: getattr(columns, role) for role in _USUAL if getattr(config, role) is None}
    taken = [f"{one_line(name, 40)} as {role}" for role, name in found.items() if name]
    if not taken:
        return
    used = {*(getattr(columns, role) for role in _USUAL), *columns.labels}
    others = [name for name in table.columns if name not in used]
    rest = f"; not used: {one_line(', '.join(others), 200)}" if others else ""
    yield f"columns were taken by their names: {', '.join(taken)}{rest}"


# --- cells ----------------------------------------------------------------------------------------


def is_content(cell: Any) -> bool:
    """Say whether a cell is what is in a picture's file, and not its path."""
    if isinstance(cell, dict):
        return cell.get("bytes") is not None
    if isinstance(cell, str):
        return cell.startswith("data:image/") or _BEGINNINGS.match(cell) is not None
    return isinstance(cell, bytes)


def content_of(cell: Any) -> bytes:
    """Return what is in a picture's file; nothing where the cell does not say it."""
    if isinstance(cell, dict):
        cell = cell.get("bytes")
    if isinstance(cell, str):
        text = cell.partition(",")[2] if cell.startswith("data:") else cell
        try:
            return base64.b64decode(text)
        except (binascii.Error, ValueError):
            return b""
    return cell if isinstance(cell, bytes) else b""


def path_of(cell: Any) -> str:
    """Return a picture's path; empty where there is none."""
    found = cell.get("path") if isinstance(cell, dict) else cell
    is_number = isinstance(found, int) and not isinstance(found, bool)
    return str(found).strip() if isinstance(found, str) or is_number else ""


def label_of(cell: Any, names: tuple[str, ...]) -> str:
    """Return a class's name; empty where there is none.

    Args:
        cell: A text, a whole number or a truth value.
        names: What numbers stand for, where anybody says it.
    """
    if isinstance(cell, bool):
        return str(cell).lower()
    if isinstance(cell, float) and cell.is_integer():
        cell = int(cell)
    if isinstance(cell, int):
        return names[cell] if 0 <= cell < len(names) else str(cell)
    if not isinstance(cell, str):
        return ""
    try:
        cell.encode()
    except UnicodeEncodeError:  # half of a character, which JSON may have
        return ""
    return unicodedata.normalize("NFC", cell.strip())


def labels_of(
    cells: Sequence[Any], columns: Sequence[str], names: tuple[str, ...], separator: str
) -> tuple[str, ...] | None:
    """Return the labels that a line names, each once and in order; None where it is no such line.

    Args:
        cells: Of a single one: a list of labels, or a text of them; nothing for none. Of several
            columns, 0 or 1 each.
        columns: What these are called; none where there is a single one.
        names: What numbers stand for, where anybody says it.
        separator: Between the labels of a text.
    """
    if columns:
        said = [_truth(cell) for cell in cells]
        if None in said:
            return None
        return tuple(name for name, is_there in zip(columns, said, strict=True) if is_there)
    (cell,) = cells
    if cell is None or (isinstance(cell, float) and cell != cell):
        return ()
    if isinstance(cell, str):
        cell = [part for part in cell.split(separator) if part.strip()]
    found = {label_of(each, names) for each in (cell if isinstance(cell, list) else [cell])}
    return None if "" in found else tuple(sorted(found))


def _truth(cell: Any) -> bool | None:
    return _TRUTHS.get(str(cell).strip().lower())


def is_truth(cell: Any) -> bool:
    """Say whether a cell tells that a label is there or not."""
    return _truth(cell) is not None


def number_of(cell: Any) -> float | None:
    """Return the number in a cell; None where there is none, or it is not finite."""
    if isinstance(cell, bool) or not isinstance(cell, str | int | float | Decimal):
        return None
    try:
        found = float(cell)
    except (ValueError, OverflowError):
        return None
    return found if math.isfinite(found) else None


def part_of(cell: Any) -> PartName | None:
    """Return the part that a cell names, None where it names none."""
    return _OF_TABLES.get(cell.strip().lower()) if isinstance(cell, str) else None


def group_of(cell: Any) -> str:
    """Return a group's name; empty where there is none."""
    if cell is None or (isinstance(cell, float) and cell != cell):
        return ""
    return str(cell).strip()
