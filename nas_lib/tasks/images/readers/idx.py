"""The four idx files of MNIST and its family (Fashion-MNIST, KMNIST, EMNIST), packed or not."""

from __future__ import annotations

import math
import re
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

from nas_lib.config import IdxData
from nas_lib.data.allowance import PIECE, Allowance
from nas_lib.data.data_file import DataFile
from nas_lib.data.file_sets import FileSet, choose, open_files
from nas_lib.errors import DataError
from nas_lib.tasks.images.raw import LabelledImages, RawImages, number_classes

_Array = npt.NDArray[Any]

_NUM_DIMS = {
    "train-images-idx3-ubyte": 3,
    "train-labels-idx1-ubyte": 1,
    "t10k-images-idx3-ubyte": 3,
    "t10k-labels-idx1-ubyte": 1,
}
_NAME = re.compile(r"(.*?)(train|t10k|test)-(images|labels)[-.](idx[13]-ubyte)")


def read_idx(config: IdxData, allowance: Allowance) -> RawImages:
    """Read the training and the test set; classes are the labels found.

    Raises:
        DataError: A file is missing, damaged, larger than allowed, or of another kind than its
            name says; or more than one may be meant.
    """
    wanted = FileSet("the four idx files of MNIST's family", tuple(_NUM_DIMS), _role)
    with open_files(config.path, allowance) as files:
        chosen = choose(config.path, files, wanted)
        arrays = {name: _read(file, _NUM_DIMS[name]) for name, file in chosen.items()}
        source = f"idx files in {chosen[wanted.names[0]].place}"
    train_images, train_labels, test_images, test_labels = (arrays[name] for name in wanted.names)
    labels = {"training": train_labels, "test": test_labels}
    class_names, numbers = number_classes(source, labels)
    return RawImages(
        source,
        class_names,
        train=LabelledImages(train_images[:, np.newaxis], numbers["training"]),
        test=LabelledImages(test_images[:, np.newaxis], numbers["test"]),
    )


def _role(name: str) -> tuple[str, str] | None:
    """Know MNIST's names, with a dot as well as a dash, and EMNIST's (emnist-letters-test-...)."""
    if (match := _NAME.fullmatch(name)) is None:
        return None
    prefix, part, what, kind = match.groups()
    return prefix, f"{'t10k' if part == 'test' else part}-{what}-{kind}"


def _read(file: DataFile, num_dims: int) -> _Array:
    """Return the array; an idx file is a magic number, its dimensions, and its elements."""
    magic = bytes((0, 0, 8, num_dims))  # 8 stands for unsigned bytes
    with file.open() as stream:
        header = stream.read(4 + 4 * num_dims)
        if header[:4] != magic or len(header) < 4 + 4 * num_dims:
            raise DataError(
                f"{file.where}: expected the idx magic number {magic.hex()} and {num_dims} "
                f"dimension(s), got {header[:4].hex() or 'an empty file'}"
            )
        shape = tuple(int(size) for size in np.frombuffer(header, ">u4", num_dims, offset=4))
        file.allowance.take(math.prod(shape), file.where)
        return _fill(np.empty(math.prod(shape), np.uint8), stream, file.where, shape)


def _fill(array: _Array, stream: BinaryIO, where: str, shape: tuple[int, ...]) -> _Array:
    """Read all elements and no more: memory is used only as far as there are any."""
    num_read = 0
    while piece := stream.read(PIECE):
        if num_read + len(piece) > len(array):
            raise DataError(
                f"{where}: expected {len(array):,} elements for shape {shape}, got more"
            )
        array[num_read : num_read + len(piece)] = np.frombuffer(piece, np.uint8)
        num_read += len(piece)
    if num_read < len(array):
        raise DataError(
            f"{where}: expected {len(array):,} elements for shape {shape}, got {num_read:,}"
        )
    return array.reshape(shape)
