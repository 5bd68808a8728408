"""Series of numbers: .ts files, tables and numpy archives."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import numpy as np

from nas_lib.config import SeriesDataConfig, SeriesNpzData, SeriesTableData, TsData
from nas_lib.data.allowance import Allowance
from nas_lib.data.paths import existing_file
from nas_lib.errors import DataError, NasError
from nas_lib.starting_documents.listing import Listing
from nas_lib.starting_documents.seen_images import PartName
from nas_lib.starting_documents.series_starter import SeenSeries, SeriesStarter
from nas_lib.tasks.images.readers.npz_archive import ArrayHeader, NpzArchive
from nas_lib.tasks.images.readers.tables import open_table
from nas_lib.tasks.series.found import FoundSeries
from nas_lib.tasks.series.readers import find_series
from nas_lib.tasks.series.readers.nameless import Nameless
from nas_lib.tasks.series.readers.npz import array_names
from nas_lib.tasks.series.readers.part_files import part_files
from nas_lib.tasks.series.readers.series_columns import ROLES, find_columns
from nas_lib.tasks.series.readers.tables import SUFFIXES as TABLES
from nas_lib.tasks.series.readers.ts import SUFFIXES as TS

_HEAD: Final = 2**16
_HAS_DATA: Final = re.compile(rb"^@data\s*$", re.I | re.M)
_FEWEST: Final = 8  # steps: rows of fewer numbers are as likely no series
_LONGER: Final = 4  # times: steps than channels, where three axes may be images, too
_PIXELS: Final = re.compile(r"pixel_?\d+", re.I)
_PARTS: Final[dict[str, PartName]] = {"training": "train", "validation": "valid", "test": "test"}


def knows_ts(listing: Listing) -> bool:
    """Say whether there are files of UCR's and UEA's archives."""
    return _all_are(listing, TS, _is_ts)


def knows_table(listing: Listing) -> bool:
    """Say whether there is a table with a column of classes and others of numbers."""
    if any(name.lower().endswith(TS) for name in listing.names):
        return False  # the same series, as UCR's archive has them
    return _all_are(listing, TABLES, lambda path: _is_table(path, _config(listing)))


def knows_npz(listing: Listing) -> bool:
    """Say whether it is a numpy archive whose training array is of series."""
    if not listing.is_npz:
        return False
    try:
        return _training(NpzArchive(existing_file(listing.path), "", listing.allowance)) is not None
    except DataError:
        return False


def look_ts(listing: Listing, allowance: Allowance) -> SeriesStarter:
    """Read them all."""
    why = "It has series with colons and commas, below a line @data."
    return _looked(TsData(path=listing.path), allowance, why)


def look_table(listing: Listing, allowance: Allowance) -> SeriesStarter:
    """Read it all."""
    why = "It has a column of classes, and others of numbers."
    return _looked(_config(listing), allowance, why)


def look_npz(listing: Listing, allowance: Allowance) -> SeriesStarter:
    """Read it all."""
    archive = NpzArchive(existing_file(listing.path), listing.where, allowance)
    series, labels = _training(archive) or ("x_train", "y_train")
    named = {"series": series, "labels": labels} if series != "x_train" else {}
    why = f"Its arrays: {archive.listed()}."
    return _looked(SeriesNpzData(path=listing.path, **named), allowance, why, named)


def _looked(
    data: SeriesDataConfig, allowance: Allowance, why: str, named: dict[str, str] | None = None
) -> SeriesStarter:
    found = find_series(data, allowance)
    settings = {"format": data.format, "path": data.path, **(named or {})}
    return SeriesStarter(_seen(found, settings, why))


def _seen(found: FoundSeries, data: dict[str, Any], why: str) -> SeenSeries:
    counts, lengths, num_missing = {}, set(), 0
    for part, each in found.parts.items():
        classes, numbers = np.unique(each.labels, return_counts=True)
        counts[_PARTS[part]] = dict(zip(map(str, classes), numbers.tolist(), strict=True))
        lengths |= {series.shape[1] for series in each.values}
        num_missing += sum(int(np.isnan(series).sum()) for series in each.values)
    return SeenSeries(
        data=data,
        counts=counts,
        channels=found.parts["training"].values[0].shape[0],
        shortest=min(lengths),
        longest=max(lengths),
        num_missing=num_missing,
        why={"format": why},
        notes=found.notices,
    )


def _all_are(listing: Listing, suffixes: tuple[str, ...], is_one: Callable[[Path], bool]) -> bool:
    """Say whether the files of all parts are of a kind."""
    if listing.kind not in ("a file", "a folder") or listing.is_npz:
        return False
    if listing.kind == "a file" and not listing.path.lower().endswith(suffixes):
        return False
    try:
        return all(map(is_one, part_files(listing.path, suffixes).values()))
    except (NasError, OSError):
        return False


def _is_ts(path: Path) -> bool:
    with path.open("rb") as file:
        return _HAS_DATA.search(file.read(_HEAD)) is not None


def _config(listing: Listing) -> SeriesTableData:
    """Return the settings of a table, with the columns that the user has named."""
    said = {name: listing.wanted.get(f"task.data.{name}") for name in ROLES}
    named = {name: value for name, value in said.items() if isinstance(value, str)}
    return SeriesTableData(path=listing.path, **named)


def _is_table(path: Path, config: SeriesTableData) -> bool:
    """Say whether a table is one of series, and of no pixels."""
    nameless = Nameless.of(path)
    if nameless is not None:
        return len(next(nameless.rows())[1]) > _FEWEST
    table = open_table(path)
    columns = find_columns(table, config)
    is_of_pixels = all(map(_PIXELS.fullmatch, columns.values))
    return bool(columns.series) or (len(columns.values) >= _FEWEST and not is_of_pixels)


def _training(archive: NpzArchive) -> tuple[str, str] | None:
    """Return the arrays of series to train on and of their labels; None where those are images."""
    try:
        series, labels = array_names(archive, SeriesNpzData(path=""))["training"]
        return (series, labels) if _are_series(archive.headers[series]) else None
    except DataError:
        pass
    large = [name for name, header in archive.headers.items() if len(header.shape) > 1]
    if len(large) != 1 or not _are_series(archive.headers[large[0]]):
        return None
    num = archive.headers[large[0]].shape[:1]
    labels_ = [name for name, header in archive.headers.items() if header.shape == num]
    return (large[0], labels_[0]) if len(labels_) == 1 else None


def _are_series(header: ArrayHeader) -> bool:
    """Say whether an array is of series: of two axes, or of three in floating point, one longer."""
    _, *axes = header.shape
    if len(axes) == 1:
        return axes[0] >= _FEWEST and header.dtype.kind in "iuf"
    is_long = len(axes) == 2 and max(axes) >= max(_FEWEST, _LONGER * min(axes))
    return is_long and header.dtype.kind == "f"
