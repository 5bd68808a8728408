"""Arrays of images and labels as users bring them, made into what networks are trained on.

Letters: N images, H height, W width, C channels, K classes.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from typing import Any, Final, Literal

import numpy as np
import numpy.typing as npt

from nas_lib.data.allowance import Allowance
from nas_lib.errors import DataError

Axes = Literal["NHWC", "NCHW"]
_Array = npt.NDArray[Any]

_USUAL_CHANNELS: Final = frozenset((1, 3, 4))
_BYTE: Final = 2**8 - 1
_WORD: Final = 2**16 - 1


def axes_of(where: str, shape: tuple[int, ...]) -> Axes:
    """Return the order of the axes that a shape `[N, ?, ?, ?]` speaks for.

    That is channels last where there are as many as usual in either order, or not four axes at all.
    Else a usual number of channels and a square image speak for an order.

    Raises:
        DataError: Nothing speaks for one order more than for the other.
    """
    if len(shape) != 4 or {shape[1], shape[3]} <= _USUAL_CHANNELS:
        return "NHWC"
    _, first, second, third = shape
    for_last = (third in _USUAL_CHANNELS) + (first == second)
    for_first = (first in _USUAL_CHANNELS) + (second == third)
    if for_last == for_first:
        raise DataError(
            f"{where} of shape {list(shape)} may be [N, H, W, C] or [N, C, H, W]: set "
            "task.data.axes to NHWC or NCHW"
        )
    return "NHWC" if for_last > for_first else "NCHW"


def channels_first(where: str, images: _Array, axes: Axes) -> _Array:
    """Return a view `[N, C, H, W]` of images `[N, H, W]`, or with four axes in this order.

    Raises:
        DataError: They have other axes.
    """
    if images.ndim == 3:
        return images[:, np.newaxis]
    if images.ndim == 4:
        return images if axes == "NCHW" else images.transpose(0, 3, 1, 2)
    raise DataError(
        f"{where} must be [N, H, W], [N, H, W, C] or [N, C, H, W], got shape {list(images.shape)}"
    )


def pixels_of(
    images: Mapping[str, _Array], allowance: Allowance, source: str
) -> tuple[dict[str, _Array], tuple[str, ...]]:
    """Return images as uint8 or float32, and a notice where they were scaled.

    Whole numbers from 0 to 255 become uint8, whatever their type; others become fractions of the
    16 bits that they fit into, or else of their own range, which is that of all parts. Floating
    point stays what it is.

    Args:
        images: Of each part, by the array's name.
        allowance: How much memory the data may take.
        source: What was read, for errors.

    Raises:
        DataError: They are no numbers, or larger than allowed.
    """
    for name, array in images.items():
        if array.dtype.kind not in "buif":
            raise DataError(f"{source}: {name} must be numbers, got {array.dtype}")
    whole = [array for array in images.values() if array.dtype.kind in "ui" and array.size]
    lowest = min((int(array.min()) for array in whole), default=0)
    highest = max((int(array.max()) for array in whole), default=0)
    is_bytes = lowest >= 0 and highest <= _BYTE
    limits = (0, _WORD) if lowest >= 0 and highest <= _WORD else (lowest, highest)
    found = {}
    for name, array in images.items():
        is_small = array.dtype.kind == "b" or (array.dtype.kind in "ui" and is_bytes)
        wanted = np.dtype(np.uint8 if is_small else np.float32)
        if array.dtype != wanted:
            allowance.take(array.size * wanted.itemsize, source)
        found[name] = _scaled(array, limits, wanted)
    if is_bytes:
        return found, ()
    return found, (
        f"images of {whole[0].dtype} were scaled: {limits[0]:,} to {limits[1]:,} became 0 to 1, "
        f"and the highest value is {highest:,}",
    )


def _scaled(array: _Array, limits: tuple[int, int], wanted: np.dtype[Any]) -> _Array:
    if array.dtype.kind == "b":
        return array.astype(wanted) * np.uint8(_BYTE)
    with np.errstate(over="ignore"):  # infinity is refused later, with what else is not finite
        converted = array.astype(wanted, copy=False)
    if array.dtype.kind == "f" or wanted == np.uint8:
        return converted
    lowest, highest = np.float32(limits[0]), np.float32(limits[1])
    return (converted - lowest) / (highest - lowest)


def labels_of(where: str, labels: _Array) -> _Array:
    """Return labels as whole numbers or texts, `[N]`.

    Taken are also `[N, 1]`, `[N, K]` with a single 1 in each row, truth values, and whole numbers
    in floating point.

    Raises:
        DataError: They are something else, such as several classes at once.
    """
    if labels.ndim == 2 and labels.shape[1] == 1:
        labels = labels[:, 0]
    if labels.ndim == 2 and labels.dtype.kind in "buif" and _is_one_hot(labels):
        labels = labels.argmax(axis=1)
    kind = labels.dtype.kind
    if labels.ndim == 1 and kind in "ui":
        return labels
    if labels.ndim == 1 and (kind == "b" or (kind == "f" and _is_whole(labels))):
        return labels.astype(np.int64)
    if labels.ndim == 1 and kind in "US":
        return _composed(where, labels)
    raise DataError(
        f"{where} must be one class for each image, as whole numbers or texts [N], or [N, K] with "
        f"a single 1 in each row, got {labels.dtype} of shape {list(labels.shape)}"
        f"{_hint(labels)}"
    )


def _hint(labels: _Array) -> str:
    """Say by which setting such labels could be learnt; empty where there is none."""
    if labels.ndim == 2 and labels.dtype.kind in "buif" and np.isin(labels, (0, 1)).all():
        return ": several labels of an image are task.target labels"
    is_number = labels.ndim == 1 and labels.dtype.kind == "f" and np.isfinite(labels).all()
    return ": numbers are task.target number" if is_number else ""


def label_rows_of(where: str, labels: _Array) -> npt.NDArray[np.uint8]:
    """Return which labels images have, `[N, K]`.

    Raises:
        DataError: They are something else than 0 and 1, or truth values.
    """
    if labels.ndim == 2 and labels.dtype.kind in "buif" and np.isin(labels, (0, 1)).all():
        return labels.astype(np.uint8)
    raise DataError(
        f"{where} must be which labels each image has, as 0 and 1 [N, K], got {labels.dtype} of "
        f"shape {list(labels.shape)}"
    )


def numbers_of(where: str, numbers: _Array) -> npt.NDArray[np.float64]:
    """Return the number of each image, `[N]`.

    Raises:
        DataError: They are no numbers, or not one for each image.
    """
    if numbers.ndim == 2 and numbers.shape[1] == 1:
        numbers = numbers[:, 0]
    if numbers.ndim == 1 and numbers.dtype.kind in "uif":
        return numbers.astype(np.float64)
    raise DataError(
        f"{where} must be one number for each image, [N], got {numbers.dtype} of shape "
        f"{list(numbers.shape)}"
    )


def _is_one_hot(labels: _Array) -> bool:
    return bool(np.isin(labels, (0, 1)).all() and (labels.sum(axis=1) == 1).all())


def _is_whole(labels: _Array) -> bool:
    is_exact = np.abs(labels) <= 2**53  # of float64; false for NaN and infinity
    return bool(is_exact.all() and (labels == np.rint(labels)).all())


def _composed(where: str, labels: _Array) -> _Array:
    """Return texts in Unicode's composed form, as names of folders are compared, too."""
    classes, indices = np.unique(labels, return_inverse=True)
    try:
        texts = [
            unicodedata.normalize("NFC", text.decode() if isinstance(text, bytes) else text)
            for text in classes.tolist()
        ]
        "".join(texts).encode()
    except UnicodeError as err:
        raise DataError(f"{where}: expected texts in Unicode: {err}") from err
    return np.array(texts)[indices]
