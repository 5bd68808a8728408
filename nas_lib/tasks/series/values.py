"""Texts in files that are numbers of series, or their classes."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from typing import Any, Final

import numpy as np

from nas_lib.errors import one_line
from nas_lib.tasks.series.found import Array

_MISSING: Final = frozenset(("", "?", "nan", "na", "n/a", "null", "none"))


def numbers_of(cells: Sequence[Any]) -> Array | str:
    """Return cells as float64, NaN where one is missing; the first that is none where one is."""
    try:
        return np.array(cells, np.float64)
    except (ValueError, TypeError):
        pass
    found = np.empty(len(cells))
    for index, cell in enumerate(cells):
        value = number_of(cell)
        if value is None:
            return one_line(cell, 40)
        found[index] = value
    return found


def number_of(cell: Any) -> float | None:
    """Return a cell as a number, NaN where it says that there is none; None where it is none."""
    if cell is None:
        return float("nan")
    if isinstance(cell, bool) or not isinstance(cell, str | int | float):
        return None
    try:
        return float(cell)
    except (ValueError, OverflowError):
        is_missing = isinstance(cell, str) and cell.strip().lower() in _MISSING
        return float("nan") if is_missing else None


def as_labels(texts: Sequence[str]) -> Array:
    """Return classes as whole numbers where all of them are, and else as texts."""
    try:
        numbers = np.array(texts, np.float64)
    except ValueError:
        return np.array([unicodedata.normalize("NFC", text) for text in texts])
    is_whole = (np.abs(numbers) <= 2**53).all() and (numbers == np.rint(numbers)).all()
    return numbers.astype(np.int64) if is_whole and len(texts) else np.array(list(texts))
