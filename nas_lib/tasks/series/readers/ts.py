"""The .ts files of UCR's and UEA's archives, as aeon and sktime read and write them.

A header of lines that begin with @, then a series a line: channels with colons between them, values
with commas, `?` or NaN where one is missing; behind the last colon its class.

Letters: C channels, T steps.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from nas_lib.config import TsData
from nas_lib.data.allowance import Allowance
from nas_lib.data.data_file import readable
from nas_lib.data.paths import user_path
from nas_lib.errors import DataError, one_line, plural
from nas_lib.tasks.series.found import Array, FoundSeries, PartName, SeriesOfPart
from nas_lib.tasks.series.readers.part_files import beside_notice, part_files
from nas_lib.tasks.series.values import as_labels, numbers_of

SUFFIXES: Final = (".ts",)
_BYTES_PER_CHARACTER: Final = 2  # of a text, as numbers in memory


@dataclass(frozen=True, eq=False)
class TsFile:
    """What is in a file.

    Attributes:
        values: Of each series its numbers, float64 `[C, T]`, NaN where one is missing.
        labels: Of each its class; empty where the file has none.
        classes: In the header's order; empty where it has none.
        has_targets: Whether numbers are told, and no classes.
    """

    values: list[Array]
    labels: list[str]
    classes: tuple[str, ...]
    has_targets: bool


@dataclass
class _Header:
    """What the lines that begin with @ say."""

    classes: tuple[str, ...] = ()
    has_labels: bool = False
    has_targets: bool = False
    dimensions: int | None = None


def read_ts(config: TsData, allowance: Allowance) -> FoundSeries:
    """Read series and their classes.

    Raises:
        DataError: A file is missing or not as it should be, has no classes, or numbers in their
            place.
    """
    files = part_files(config.path, SUFFIXES)
    source = f"ts data {one_line(user_path(config.path))}"
    parts: dict[PartName, SeriesOfPart] = {}
    for part, path in files.items():
        found = read_ts_file(path, allowance)
        if found.has_targets:
            raise DataError(
                f"{one_line(path)}: has a number to be told of each series (@targetLabel true): "
                "expected classes (@classLabel true)"
            )
        if not found.labels:
            raise DataError(
                f"{one_line(path)}: expected a class of each series, and its header has no "
                "@classLabel true"
            )
        parts[part] = SeriesOfPart(found.values, as_labels(found.labels))
    return FoundSeries(source, parts, beside_notice(config.path, files))


def read_ts_file(path: Path, allowance: Allowance) -> TsFile:
    """Return what is in a file.

    Raises:
        DataError: It is not as it should be, or larger than allowed.
    """
    where = one_line(path)
    with readable(where):
        allowance.take(_BYTES_PER_CHARACTER * path.stat().st_size, where)
        with path.open(encoding="utf-8-sig") as file:
            lines = enumerate(map(str.strip, file), 1)
            return _File(where).read((number, line) for number, line in lines if line)


class _File:
    """Reads one line by line."""

    def __init__(self, where: str) -> None:
        self._where = where

    def read(self, lines: Iterator[tuple[int, str]]) -> TsFile:
        header = self._header(lines)
        values, labels = [], []
        for number, line in lines:
            *channels, last = line.split(":")
            if header.has_labels or header.has_targets:
                labels.append(last.strip())
            else:
                channels.append(last)
            values.append(self._series(number, channels, header))
            if header.classes and labels[-1] not in header.classes:
                raise self._wrong(
                    number,
                    f"a class of the header ({one_line(' '.join(header.classes), 80)})",
                    repr(one_line(labels[-1], 40)),
                )
        if not values:
            raise DataError(f"{self._where}: expected series after the line @data, got none")
        return TsFile(values, labels, header.classes, header.has_targets)

    def _header(self, lines: Iterator[tuple[int, str]]) -> _Header:
        found = _Header()
        for number, line in lines:
            if line.startswith(("#", "%")):
                continue
            if not line.startswith("@"):
                break
            name, *words = line[1:].split()
            name, is_true = name.lower(), bool(words) and words[0].lower() == "true"
            if name == "data":
                return found
            if name == "timestamps" and is_true:
                raise self._wrong(number, "series without times", "@timeStamps true")
            if name == "classlabel":
                found.has_labels, found.classes = is_true, tuple(words[1:] if is_true else ())
            elif name == "targetlabel":
                found.has_targets = is_true
            elif name in ("dimension", "dimensions") and words and words[0].isdecimal():
                found.dimensions = int(words[0])
        raise DataError(
            f"{self._where}: expected lines that begin with @, the last of them @data, and then a "
            "series a line"
        )

    def _series(self, number: int, channels: list[str], header: _Header) -> Array:
        """Return the channels of a line; those of one line are equally long."""
        if channels and channels[0].startswith("("):
            raise self._wrong(number, "values with commas between them", "pairs of time and value")
        wanted = header.dimensions
        if not channels or wanted not in (None, len(channels)):
            raise self._wrong(
                number,
                f"{plural(wanted or 1, 'channel')} with colons between them"
                + (" and a class behind the last" if header.has_labels else ""),
                plural(len(channels), "channel"),
            )
        found = []
        for channel in channels:
            values = numbers_of(channel.split(","))
            if isinstance(values, str):
                raise self._wrong(number, "numbers with commas between them", repr(values))
            found.append(values)
        lengths = {len(each) for each in found}
        if len(lengths) > 1:
            longest = max(lengths)  # what UEA's own files end channels with that are shorter
            found = [
                np.pad(each, (0, longest - len(each)), constant_values=np.nan) for each in found
            ]
        return np.stack(found)

    def _wrong(self, number: int, wanted: str, got: str) -> DataError:
        return DataError(f"{self._where}: line {number:,}: expected {wanted}, got {got}")
