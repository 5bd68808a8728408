"""Readers: from files of the user's to series of one length, a module per format, no torch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from nas_lib.config import SeriesNpzData, SeriesPart, SeriesTableData, TsData
from nas_lib.data.allowance import Allowance
from nas_lib.errors import plural
from nas_lib.tasks.images.raw import LabelledImages, RawImages, check_images, number_classes
from nas_lib.tasks.series.fitting import common_length, completed, each_standardised, fitted
from nas_lib.tasks.series.found import FoundSeries, PartName, SeriesOfPart
from nas_lib.tasks.series.readers.npz import read_npz
from nas_lib.tasks.series.readers.tables import read_tables
from nas_lib.tasks.series.readers.ts import read_ts

__all__ = ["find_series", "read_series"]

_READERS: dict[type[Any], Callable[[Any, Allowance], FoundSeries]] = {
    SeriesNpzData: read_npz,
    SeriesTableData: read_tables,
    TsData: read_ts,
}


def find_series(config: SeriesPart, allowance: Allowance) -> FoundSeries:
    """Read a data set as it is, whatever its lengths and however much is missing.

    Args:
        config: Where it lies, and in which format.
        allowance: How much memory it may take unpacked.

    Raises:
        DataError: It is missing, damaged, not what its format promises, or larger than allowed.
    """
    return _READERS[type(config)](config, allowance)


def read_series(config: SeriesPart, allowance: Allowance) -> RawImages:
    """Read and check a data set: its series as images `[N, C, 1, T]`.

    Args:
        config: Where it lies, and in which format.
        allowance: How much memory it may take unpacked.

    Raises:
        DataError: It is missing, damaged, not what its format promises, or larger than allowed; or
            its series are of several lengths, or have values missing, and that is refused.
    """
    found = find_series(config, allowance)
    series, notices = _whole(found, config, allowance)
    class_names, numbers = number_classes(
        found.source, {name: part.labels for name, part in found.parts.items()}
    )
    group_names, groups = _groups(found)
    parts = {
        name: LabelledImages(
            series[name][:, :, np.newaxis],
            numbers[name],
            np.array(list(map(part.name, range(len(part.labels)))), object),
            groups.get(name),
        )
        for name, part in found.parts.items()
    }
    raw = RawImages(
        found.source,
        class_names,
        parts["training"],
        test=parts.get("test"),
        valid=parts.get("validation"),
        notices=(*found.notices, *notices),
        group_names=group_names,
        example="series",
    )
    check_images(raw)
    return raw


def _whole(
    found: FoundSeries, config: SeriesPart, allowance: Allowance
) -> tuple[dict[PartName, Any], list[str]]:
    """Return the series of each part, float32 `[N, C, T]`, and notices on what was changed."""
    notices, changed = [], 0
    whole: dict[PartName, Any] = {}
    for name, part in found.parts.items():
        where = f"{found.source}: {name} series"
        whole[name], notice = completed(part.values, config.missing, part.name, where)
        notices += [f"of the {name} series {notice}"] if notice else []
    length = common_length(whole["training"], config.lengths, config.length)
    for name, part in found.parts.items():
        where = f"{found.source}: {name} series"
        allowance.take(4 * len(part.values) * part.values[0].shape[0] * length, where)
        whole[name], num = fitted(whole[name], length, config.lengths, part.name, where)
        changed += num
        if config.standardise == "each":
            whole[name] = each_standardised(whole[name])
    num_all = sum(len(part.values) for part in found.parts.values())
    if changed:
        how = {"resample": "resampled", "crop": "cropped", "pad": "padded"}[config.lengths]
        notices.append(
            f"{changed:,} of {plural(num_all, 'series')} had other lengths and were {how} to "
            f"{length:,} steps"
        )
    return whole, notices


def _groups(found: FoundSeries) -> tuple[Any, dict[PartName, Any]]:
    """Return the groups' names, and their indices for each part; none where nobody names any."""
    if not any(part.groups for part in found.parts.values()):
        return np.empty(0, object), {}
    names = {name: np.array(_named(part), object) for name, part in found.parts.items()}
    every, indices = np.unique(np.concatenate(list(names.values())), return_inverse=True)
    ends = np.cumsum([len(each) for each in names.values()])
    numbers = np.split(indices.astype(np.int64), ends[:-1])
    return every, dict(zip(names, numbers, strict=True))


def _named(part: SeriesOfPart) -> list[str]:
    """Return the groups of a part; a series without one is a group of its own."""
    if not part.groups:
        return [f"\0{part.name(index)}" for index in range(len(part.labels))]
    return [group or f"\0{part.name(index)}" for index, group in enumerate(part.groups)]
