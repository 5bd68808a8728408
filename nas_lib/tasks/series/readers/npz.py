"""A numpy archive of series and labels.

Letters: N series, C channels, T steps.
"""

from __future__ import annotations

from typing import Final, Literal

import numpy as np

from nas_lib.config import SeriesNpzData
from nas_lib.data.allowance import Allowance
from nas_lib.data.paths import existing_file
from nas_lib.errors import DataError, one_line
from nas_lib.tasks.images.readers.arrays import labels_of
from nas_lib.tasks.images.readers.npz_archive import Names, NpzArchive
from nas_lib.tasks.series.found import Array, FoundSeries, PartName, SeriesOfPart

Axes = Literal["NCT", "NTC"]

_SETTINGS: Final[Names] = {
    "training": ("series", "labels"),
    "validation": ("valid_series", "valid_labels"),
    "test": ("test_series", "test_labels"),
}
"""Which settings say so."""
_ALSO_CALLED: Final = {"x_valid": ("x_val",), "y_valid": ("y_val",)}


def read_npz(config: SeriesNpzData, allowance: Allowance) -> FoundSeries:
    """Read series and labels; classes are the labels found.

    Raises:
        DataError: The file is missing or damaged, lacks an array, or an array is not of the
            shape and type expected.
    """
    path = existing_file(config.path)
    source = f"npz file {one_line(path)}"
    archive = NpzArchive(path, source, allowance)
    names = array_names(archive, config)
    first = names["training"][0]
    shape = archive.headers[first].shape
    axes = config.axes or axes_of(f"{source}: {first}", shape)
    parts: dict[PartName, SeriesOfPart] = {}
    for part, (series, labels) in names.items():
        values = channels_first(f"{source}: {series}", archive.read(series), axes)
        classes = labels_of(f"{source}: {labels}", archive.read(labels))
        if len(values) != len(classes):
            raise DataError(
                f"{source}: {part} series and labels must be equally many, got {len(values)} "
                f"series and {len(classes)} labels"
            )
        parts[part] = SeriesOfPart(values, classes)
    is_told = config.axes is not None or len(shape) == 2
    told = f"{first} {list(shape)} was read as {shown(axes)} (task.data.axes)"
    return FoundSeries(source, parts, (*archive.left_out(names), *([] if is_told else [told])))


def array_names(archive: NpzArchive, config: SeriesNpzData) -> Names:
    """Return the names of series and of labels, of each part that there is.

    Raises:
        DataError: One of them is missing.
    """
    return archive.names(config, _SETTINGS, also_called=_ALSO_CALLED)


def axes_of(where: str, shape: tuple[int, ...]) -> Axes:
    """Return the order of three axes: channels are mostly fewer than steps.

    Raises:
        DataError: They are equally many.
    """
    if len(shape) != 3 or shape[1] < shape[2]:
        return "NCT"
    if shape[1] == shape[2]:
        raise DataError(
            f"{where} of shape {list(shape)} may be [N, C, T] or [N, T, C]: set task.data.axes to "
            "NCT or NTC"
        )
    return "NTC"


def shown(axes: Axes) -> str:
    """Return an order as people write it."""
    return f"[{', '.join(axes)}]"


def channels_first(where: str, series: Array, axes: Axes) -> Array:
    """Return series `[N, C, T]` in floating point, of `[N, T]` or three axes in this order.

    Raises:
        DataError: They have other axes, are no numbers, or are none.
    """
    if series.dtype.kind not in "buif":
        raise DataError(f"{where} must be numbers, got {series.dtype}")
    if series.ndim not in (2, 3) or 0 in series.shape:
        raise DataError(
            f"{where} must be series [N, T], [N, C, T] or [N, T, C], at least one, got shape "
            f"{list(series.shape)}"
        )
    if series.ndim == 2:
        series = series[:, np.newaxis]
    elif axes == "NTC":
        series = series.transpose(0, 2, 1)
    return series if series.dtype.kind == "f" else series.astype(np.float64)
