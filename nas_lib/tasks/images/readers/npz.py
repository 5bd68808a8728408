"""A numpy archive of images and labels."""

from __future__ import annotations

import zipfile
import zlib
from typing import Any

import numpy as np
import numpy.typing as npt

from nas_lib.config import NpzData
from nas_lib.data.allowance import Allowance
from nas_lib.data.paths import existing_file
from nas_lib.errors import DataError
from nas_lib.tasks.images.raw import LabelledImages, RawImages, number_classes

_Arrays = dict[str, npt.NDArray[Any]]


def read_npz(config: NpzData, allowance: Allowance) -> RawImages:
    """Read images `[N, H, W]` or `[N, H, W, C]` and labels `[N]`; classes are the labels found.

    Raises:
        DataError: The file is missing or damaged, lacks an array, or an array is not of the
            shape and type expected.
    """
    path = existing_file(config.path)
    source = f"npz file {path}"
    wanted = (config.images, config.labels, config.test_images, config.test_labels)
    arrays = _read_arrays(str(path), source, wanted)
    has_test = config.test_images in arrays or config.test_labels in arrays
    for key in wanted if has_test else wanted[:2]:
        if key not in arrays:
            raise DataError(
                f"{source}: expected an array {key!r}, got {', '.join(arrays) or 'none'}"
            )
    class_names, train_labels, test_labels = number_classes(
        source,
        _labels(arrays, config.labels, source),
        _labels(arrays, config.test_labels, source) if has_test else None,
    )
    train = LabelledImages(_images(arrays, config.images, source), train_labels)
    test = None
    if test_labels is not None:
        test = LabelledImages(_images(arrays, config.test_images, source), test_labels)
    return RawImages(source, class_names, train, test)


def _read_arrays(path: str, source: str, wanted: tuple[str, ...]) -> _Arrays:
    try:
        with np.load(path, allow_pickle=False) as archive:
            return {key: archive[key] for key in wanted if key in archive}
    except (OSError, ValueError, EOFError, RuntimeError, zipfile.BadZipFile, zlib.error) as err:
        # ValueError: no archive, or an array of Python objects (images of mixed sizes).
        # RuntimeError: the archive seems to be encrypted or compressed in an unknown way.
        raise DataError(f"{source}: expected a numpy archive of plain arrays: {err}") from err


def _images(arrays: _Arrays, key: str, source: str) -> npt.NDArray[Any]:
    """Return the images as uint8 or float32, `[N, C, H, W]`."""
    images = arrays[key]
    if images.ndim not in (3, 4):
        raise DataError(
            f"{source}: {key} must be [N, H, W] or [N, H, W, C], got shape {images.shape}"
        )
    if np.issubdtype(images.dtype, np.floating):
        images = images.astype(np.float32)
    elif images.dtype != np.uint8:
        raise DataError(f"{source}: {key} must be uint8 or floating point, got {images.dtype}")
    return images[:, np.newaxis] if images.ndim == 3 else images.transpose(0, 3, 1, 2)


def _labels(arrays: _Arrays, key: str, source: str) -> npt.NDArray[Any]:
    labels = arrays[key]
    if labels.ndim != 1 or not np.issubdtype(labels.dtype, np.integer):
        raise DataError(
            f"{source}: {key} must be integers [N], got {labels.dtype} of shape {labels.shape}"
        )
    return labels
