"""Arrays that need not fit into memory: some rows of them at a time, or all of them on the disk."""

from __future__ import annotations

import math
import os
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import IO, Any, Final, Protocol

import numpy as np
import numpy.typing as npt

from nas_lib.data.allowance import PIECE
from nas_lib.data.copies import copies_folder, written

_LARGE: Final = 256 * 2**20
_PIECE_BYTES: Final = 16 * 2**20
_DENSE: Final = 2  # of so many rows that follow each other one is wanted: all are read
_AT_ONCE: Final = 16  # rows that a disk is asked for

_Array = npt.NDArray[Any]
Indices = npt.NDArray[np.intp]
Which = slice | Indices
"""Rows that follow each other, or some in any order."""


class Rows(Protocol):
    """What an array can do by rows: one of numpy's, or one that is made as it is read."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Its axes."""

    @property
    def dtype(self) -> np.dtype[Any]:
        """Of its elements."""

    def __len__(self) -> int:
        """Return how many rows there are."""

    def __getitem__(self, rows: Which, /) -> Any:
        """Return some rows as a numpy array, which may be a view."""


@dataclass(frozen=True, eq=False)
class ChosenRows:
    """Some rows of an array in another order; they are copied when they are read.

    Attributes:
        array: The array.
        order: Which of its rows.
    """

    array: Rows
    order: Indices

    @property
    def shape(self) -> tuple[int, ...]:
        """Its axes."""
        return (len(self.order), *self.array.shape[1:])

    @property
    def dtype(self) -> np.dtype[Any]:
        """Of its elements."""
        return self.array.dtype

    def __len__(self) -> int:
        """Return how many rows there are."""
        return len(self.order)

    def __getitem__(self, rows: Which, /) -> Any:
        """Return a copy of some rows."""
        return self.array[self.order[rows]]


def is_large(num_bytes: int) -> bool:
    """Say whether so much of a data set is not to be in memory at once."""
    return num_bytes > _LARGE


def chosen(rows: Rows, order: Indices) -> Rows:
    """Return a copy of some rows, in this order; of large ones it is made when they are read."""
    later = ChosenRows(rows, order)
    return later if is_large(num_bytes_of(rows)) else later[:]


def num_bytes_of(rows: Rows) -> int:
    """Return how much memory all rows would take."""
    return math.prod(rows.shape) * rows.dtype.itemsize


def pieces(rows: Rows, num: int | None = None) -> Iterator[_Array]:
    """Yield so many rows at a time, the last time the rest.

    Args:
        rows: All of them.
        num: How many; unset, as many as take little memory.
    """
    num = num or max(1, _PIECE_BYTES * len(rows) // max(1, num_bytes_of(rows)))
    for first in range(0, len(rows), num):
        yield rows[first : first + num]


class DiskRows:
    """An array in a file without a name, which is gone when nobody uses it.

    So the kernel can write its pages away and drop them; they are no memory of this process's own.
    Rows that lie here and there are read by themselves, many at once: through the mapping a disk
    would be asked for page after page, one at a time.
    """

    def __init__(self, file: IO[bytes], shape: tuple[int, ...], dtype: npt.DTypeLike) -> None:
        """Take a file that is as long as the array."""
        self._file = file
        self._mapped: _Array = np.memmap(file, dtype, "r+", shape=shape)

    @property
    def shape(self) -> tuple[int, ...]:
        """Its axes."""
        return self._mapped.shape

    @property
    def dtype(self) -> np.dtype[Any]:
        """Of its elements."""
        return self._mapped.dtype

    def __len__(self) -> int:
        """Return how many rows there are."""
        return len(self._mapped)

    def __setitem__(self, rows: int | Which, values: npt.ArrayLike) -> None:
        """Write some rows."""
        self._mapped[rows] = values

    def __getitem__(self, rows: Which, /) -> _Array:
        """Return some rows, those of a slice as a view."""
        if isinstance(rows, slice) or not len(rows):
            return self._mapped[rows]
        first, end = int(rows.min()), int(rows.max()) + 1
        if end - first <= _DENSE * len(rows) or not hasattr(os, "preadv"):  # as on Windows
            return self._mapped[first:end][rows - first]
        return self._gathered(rows)

    def _gathered(self, rows: Indices) -> _Array:
        found = np.empty((len(rows), *self.shape[1:]), self.dtype)
        row_bytes = num_bytes_of(found) // len(found)

        def read(some: Indices) -> None:
            for at in some.tolist():
                self._read_row(found[at : at + 1], int(rows[at]) * row_bytes)

        parts = np.array_split(np.argsort(rows, kind="stable"), _AT_ONCE)
        with ThreadPoolExecutor(_AT_ONCE) as threads:
            list(threads.map(read, parts))
        return found

    def _read_row(self, row: _Array, place: int) -> None:
        rest = row.reshape(-1).view(np.uint8).data
        while rest:
            num = os.preadv(self._file.fileno(), [rest], place)
            assert num  # the file is as long as it was made
            rest, place = rest[num:], place + num


def in_file_order(rows: Rows) -> Rows:
    """Return the same rows in the order in which they lie on the disk, for who minds no order."""
    if not isinstance(rows, ChosenRows):
        return rows
    if isinstance(rows.array, ChosenRows):
        return in_file_order(ChosenRows(rows.array.array, rows.array.order[rows.order]))
    return ChosenRows(rows.array, np.sort(rows.order))


def on_disk(shape: tuple[int, ...], dtype: npt.DTypeLike) -> DiskRows:
    """Return a new array on the disk of this machine's copies.

    Raises:
        StoreError: The disk has no room for it.
    """
    num_bytes = math.prod(shape) * np.dtype(dtype).itemsize
    folder = copies_folder()
    with written(folder):
        folder.mkdir(parents=True, exist_ok=True)
        file = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115  (closed when nobody uses it)
        _reserve(file, num_bytes)  # a page for which the disk is full ends a process
        return DiskRows(file, shape, dtype)


def _reserve(file: IO[bytes], num_bytes: int) -> None:
    if hasattr(os, "posix_fallocate"):
        os.posix_fallocate(file.fileno(), 0, num_bytes)
        return
    for first in range(0, num_bytes, PIECE):
        file.write(bytes(min(PIECE, num_bytes - first)))
    file.flush()
