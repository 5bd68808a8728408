"""Series as users give them to a model: arrays, files and texts, made as its training data were.

Letters: N series, C channels, T steps.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from nas_lib.config import SeriesTableData
from nas_lib.data.allowance import Allowance
from nas_lib.data.paths import existing_file
from nas_lib.errors import DataError, one_line, plural
from nas_lib.models.info import SeriesInputs
from nas_lib.tasks.images.readers.npz_archive import NpzArchive
from nas_lib.tasks.series.fitting import completed, fitted
from nas_lib.tasks.series.readers.tables import read_unlabelled
from nas_lib.tasks.series.readers.ts import SUFFIXES, read_ts_file
from nas_lib.tasks.series.values import numbers_of
from nas_lib.training.machine import memory_limit_mb

Array = npt.NDArray[Any]
SomeSeries = Array | str | os.PathLike[str] | Sequence[Array]
"""An array, a path of a file, or a list of arrays that may differ in length."""

_LARGEST: Final = 256  # series at once
_BYTES_PER_STEP: Final = 2048  # 512 numbers that are there at once
_SHARE: Final = 8  # of the memory that there is, what a batch may take: one of so many parts


class SeriesReader:
    """Makes series of one length and of the model's channels of whatever they are given as."""

    def __init__(self, inputs: SeriesInputs) -> None:
        self._inputs = inputs

    def batches(self, series: SomeSeries) -> Iterator[Array]:
        """Yield series in batches `[N, C, T]` that fit into memory, in order.

        Raises:
            DataError: They are of another kind than the model's series, or cannot be read.
        """
        if isinstance(series, str | os.PathLike):
            whole, _ = self.of_file(existing_file(os.fspath(series)))
        else:
            whole = self._whole(self._several(series), "series {}".format, "the series")
        memory = memory_limit_mb() * 2**20 // _SHARE
        size = max(1, min(_LARGEST, memory // (_BYTES_PER_STEP * self._inputs.length)))
        yield from (whole[start : start + size] for start in range(0, len(whole), size))

    def of_file(self, path: Path) -> tuple[Array, Sequence[str]]:
        """Return the series in a file, `[N, C, T]`, and what to call each; no names are numbers.

        Raises:
            DataError: It cannot be read, or they are of another kind than the model's series.
        """
        where, suffix = one_line(path), path.suffix.lower()
        if suffix in (".npy", ".npz"):
            given = self._several(_array(path, self._inputs.channels))
            return self._whole(given, "series {}".format, where), ()
        if suffix in SUFFIXES:
            found = read_ts_file(path, _allowance())
            return self._whole(found.values, "series {}".format, where), ()
        inputs = self._inputs
        config = SeriesTableData(path=str(path), values=inputs.values, **inputs.columns)
        part = read_unlabelled(path, config, _allowance(), length=inputs.length)
        return self._whole(part.values, part.name, where), part.names

    def of_text(self, text: str) -> Array:
        """Return the series that a text is, `[1, C, T]`: numbers, and a line for each channel.

        Raises:
            DataError: It is something else.
        """
        channels = []
        for line in filter(str.strip, text.splitlines()):
            cells = line.replace(",", " ").replace(";", " ").split()
            values = numbers_of(cells)
            if isinstance(values, str):
                raise DataError(
                    f"expected a series, numbers and a line for each channel, got {values!r}"
                )
            channels.append(values)
        if not channels or len({len(each) for each in channels}) > 1:
            raise DataError(
                "expected a series, equally many numbers in a line for each channel, got "
                f"{', '.join(str(len(each)) for each in channels[:10]) or 'none'}"
            )
        return self._whole([np.stack(channels)], lambda _: "the series", "the text")

    def _several(self, series: Array | Sequence[Array]) -> Sequence[Array] | Array:
        """Return series each as `[C, T]`: one channel may be left out, and so may be one series."""
        channels = self._inputs.channels
        if not isinstance(series, np.ndarray):
            return [self._one(np.asarray(each)) for each in series]
        if series.dtype.kind in "buif":
            if series.ndim == 3:
                return series
            if series.ndim == 2 and channels == 1:
                return series[:, np.newaxis]
            if series.ndim == 2 or (series.ndim == 1 and channels == 1):
                return [self._one(series)]
        raise DataError(
            f"expected series as numbers [N, {channels}, T], got {series.dtype} "
            f"{list(series.shape)}"
        )

    def _one(self, series: Array) -> Array:
        found = series[np.newaxis] if series.ndim == 1 else series
        if found.ndim != 2 or found.dtype.kind not in "buif":
            raise DataError(
                f"expected a series as numbers [{self._inputs.channels}, T], got {series.dtype} "
                f"{list(series.shape)}"
            )
        return found

    def _whole(
        self, series: Sequence[Array] | Array, name: Callable[[int], str], where: str
    ) -> Array:
        """Return them of one length and without missing values, float32 `[N, C, T]`."""
        inputs = self._inputs
        if not len(series):
            return np.empty((0, inputs.channels, inputs.length), np.float32)
        for index, each in enumerate(series):
            if each.shape[0] != inputs.channels or not each.shape[1]:
                raise DataError(
                    f"{where}: expected series of {plural(inputs.channels, 'channel')}, got "
                    f"{name(index)} of shape {list(each.shape)}"
                )
        whole, _ = completed(series, inputs.missing, name, where, is_of_model=True)
        found, _ = fitted(whole, inputs.length, inputs.lengths, name, where, is_of_model=True)
        if not np.isfinite(found).all():
            raise DataError(f"{where}: series must be finite numbers, got infinity")
        return found


def _array(path: Path, channels: int) -> Array:
    """Return the array in a file; of an archive the only one that may be series."""
    if path.suffix.lower() == ".npz":
        archive = NpzArchive(path, one_line(path), _allowance())
        fitting = [
            name
            for name, header in archive.headers.items()
            if (len(header.shape) == 3 and header.shape[1] == channels)
            or (len(header.shape) == 2 and channels == 1 and header.shape[1] > 1)
        ]
        if len(fitting) != 1:
            raise DataError(
                f"{one_line(path)}: expected one array of series [N, {channels}, T], got "
                f"{archive.listed()}"
            )
        return archive.read(fitting[0])
    try:
        array: Array = np.load(path, mmap_mode="r", allow_pickle=False)
        return array
    except (OSError, ValueError, EOFError) as err:
        raise DataError(
            f"{one_line(path)}: expected an array as numpy stores it: {one_line(err)}"
        ) from err


def _allowance() -> Allowance:
    return Allowance(memory_limit_mb() * 2**20 // 2)
