"""Series made whole: missing values, lengths, standardised by themselves; for models, too.

Letters: N series, C channels, T steps.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Final

import numpy as np

from nas_lib.config.series import Lengths, Missing
from nas_lib.errors import DataError, plural
from nas_lib.tasks.series.found import Array

FLAT: Final = 1e-6
"""A channel whose deviation is less than this share of its largest value does not vary: the digits
that float32 has."""
_MOST_NAMED: Final = 3


def completed(
    series: Sequence[Array] | Array,
    missing: Missing,
    name: Callable[[int], str],
    where: str,
    *,
    is_of_model: bool = False,
) -> tuple[Sequence[Array] | Array, str]:
    """Return series without missing values, and a notice where there were some.

    Args:
        series: Of each its numbers `[C, T]`.
        missing: What becomes of missing ones.
        name: What to call a series.
        where: What they are, for errors.
        is_of_model: Whether a model takes them, whose data were not like that.

    Raises:
        DataError: There are some, and they are refused; or a channel has no value at all.
    """
    lacking = [index for index, each in enumerate(series) if np.isnan(each).any()]
    if not lacking:
        return series, ""
    num = sum(int(np.isnan(series[index]).sum()) for index in lacking)
    told = f"{plural(num, 'value')} of {len(lacking):,} of {plural(len(series), 'series')}"
    if missing == "refuse":
        raise DataError(
            f"{where}: {told} missing, such as of {_some(map(name, lacking))}: "
            + (
                "the model's data had none missing"
                if is_of_model
                else "task.data.missing: interpolate puts them on straight lines between others"
            )
        )
    empty = [index for index in lacking if np.isnan(series[index]).all(axis=1).any()]
    if empty:
        raise DataError(
            f"{where}: {plural(len(empty), 'series')} have a channel without any value, such as "
            f"{_some(map(name, empty))}: leave them out"
        )
    whole = list(series)
    for index in lacking:
        whole[index] = np.stack([_interpolated(channel) for channel in series[index]])
    return whole, f"{told} were missing and were interpolated"


def _interpolated(channel_T: Array) -> Array:
    is_known_T = ~np.isnan(channel_T)
    steps = np.arange(len(channel_T))
    return np.interp(steps, steps[is_known_T], channel_T[is_known_T])


def common_length(series: Iterable[Array], lengths: Lengths, wanted: int | None) -> int:
    """Return the length that series become by those that are trained on."""
    if wanted is not None:
        return wanted
    found = [int(each.shape[1]) for each in series]
    return min(found) if lengths == "crop" else max(found)


def fitted(
    series: Sequence[Array] | Array,
    length: int,
    lengths: Lengths,
    name: Callable[[int], str],
    where: str,
    *,
    is_of_model: bool = False,
) -> tuple[Array, int]:
    """Return series of one length, float32 `[N, C, T]`, and how many had another one.

    Arguments as of `completed`.

    Raises:
        DataError: Some have another length, and that is refused; or other channels than the first.
    """
    num_channels = series[0].shape[0]
    for index, each in enumerate(series):
        if each.shape[0] != num_channels:
            raise DataError(
                f"{where}: {name(index)} has {plural(each.shape[0], 'channel')}, and "
                f"{name(0)} {num_channels:,}"
            )
    others = [index for index, each in enumerate(series) if each.shape[1] != length]
    if others and lengths == "refuse":
        found = series[others[0]].shape[1]
        raise DataError(
            f"{where}: {len(others):,} of {plural(len(series), 'series')} have not {length:,} "
            f"steps, such as {name(others[0])}, which has {found:,}: "
            + (
                "the model's data all had so many"
                if is_of_model
                else "task.data.lengths says what becomes of them: pad, crop or resample"
            )
        )
    with np.errstate(over="ignore"):  # infinity is refused later, with what else is not finite
        if isinstance(series, np.ndarray) and not others:
            return series.astype(np.float32, copy=False), 0
        whole = np.empty((len(series), num_channels, length), np.float32)
        for index, each in enumerate(series):
            whole[index] = of_length(each, length, lengths)
    return whole, len(others)


def of_length(series_CT: Array, length: int, lengths: Lengths) -> Array:
    """Return a series of another length: resampled, or the last value held, or its end left out."""
    num = series_CT.shape[1]
    if num == length:
        return series_CT
    if lengths == "resample":
        places = np.linspace(0, num - 1, length)
        return np.stack([np.interp(places, np.arange(num), each) for each in series_CT])
    return series_CT[:, np.arange(length).clip(max=num - 1)]


def each_standardised(series_NCT: Array) -> Array:
    """Return series of which each channel has mean 0 and deviation 1, or is 0 if it is flat."""
    whole = np.empty(series_NCT.shape, np.float32)
    for index, series_CT in enumerate(series_NCT.astype(np.float32, copy=False)):
        values = series_CT.astype(np.float64)
        values -= values.mean(axis=1, keepdims=True)
        std = values.std(axis=1, keepdims=True)
        is_flat = std <= FLAT * np.abs(series_CT).max(axis=1, keepdims=True)
        whole[index] = np.where(is_flat, 0.0, values / np.where(is_flat, 1.0, std))
    return whole


def _some(names: Iterator[str]) -> str:
    return ", ".join(name for _, name in zip(range(_MOST_NAMED), names, strict=False))
