"""The four idx files of MNIST and its family (Fashion-MNIST, KMNIST), gzipped or not."""

from __future__ import annotations

import gzip
import math
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from nas_lib.config import IdxData
from nas_lib.data.allowance import Allowance
from nas_lib.data.paths import existing_folder
from nas_lib.errors import DataError
from nas_lib.tasks.images.raw import LabelledImages, RawImages, number_classes

_Array = npt.NDArray[Any]


def read_idx(config: IdxData, allowance: Allowance) -> RawImages:
    """Read the training and the test set; classes are the labels found.

    Raises:
        DataError: A file is missing, damaged, or of another kind than its name says.
    """
    folder = existing_folder(config.path)
    source = f"idx folder {folder}"
    train_images, train_labels = _read_pair(folder, "train")
    test_images, test_labels = _read_pair(folder, "t10k")
    class_names, train_classes, test_classes = number_classes(source, train_labels, test_labels)
    assert test_classes is not None
    return RawImages(
        source,
        class_names,
        train=LabelledImages(train_images[:, np.newaxis], train_classes),
        test=LabelledImages(test_images[:, np.newaxis], test_classes),
    )


def _read_pair(folder: Path, part: str) -> tuple[_Array, _Array]:
    """Return images `[N, H, W]` and labels `[N]`, both uint8."""
    return (
        _read_file(folder, f"{part}-images-idx3-ubyte", num_dims=3),
        _read_file(folder, f"{part}-labels-idx1-ubyte", num_dims=1),
    )


def _read_file(folder: Path, name: str, *, num_dims: int) -> _Array:
    path = folder / name
    if not path.exists():
        path = folder / f"{name}.gz"
    if not path.exists():
        raise DataError(f"{folder}: expected a file {name} or {name}.gz, got neither")
    try:
        data = path.read_bytes()
        if path.suffix == ".gz":
            data = gzip.decompress(data)
    except (OSError, EOFError, zlib.error) as err:
        raise DataError(f"{path}: expected an idx file, but it cannot be read: {err}") from err
    return _parse(data, path, num_dims)


def _parse(data: bytes, path: Path, num_dims: int) -> _Array:
    """Return the array; an idx file is a magic number, its dimensions, and its elements."""
    magic = bytes((0, 0, 8, num_dims))  # 8 stands for unsigned bytes
    header_size = 4 + 4 * num_dims
    if data[:4] != magic or len(data) < header_size:
        raise DataError(
            f"{path}: expected the idx magic number {magic.hex()} and {num_dims} dimension(s), "
            f"got {data[:4].hex() or 'an empty file'}"
        )
    shape = tuple(int(size) for size in np.frombuffer(data, ">u4", num_dims, offset=4))
    if len(data) != header_size + math.prod(shape):
        raise DataError(
            f"{path}: expected {header_size + math.prod(shape)} bytes for shape {shape}, "
            f"got {len(data)}"
        )
    return np.frombuffer(data, np.uint8, offset=header_size).reshape(shape)
