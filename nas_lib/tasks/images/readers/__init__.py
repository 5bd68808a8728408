"""Readers: from files of the user's to `RawImages`, a module per format, no torch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from nas_lib.config import (
    Cifar10Data,
    DataConfig,
    DigitsData,
    IdxData,
    ImageFolderData,
    ImageTableData,
    ImageTarget,
    NpzData,
)
from nas_lib.data.allowance import Allowance
from nas_lib.tasks.images.raw import RawImages, check_images
from nas_lib.tasks.images.readers.cifar10 import read_cifar10
from nas_lib.tasks.images.readers.decoding import PictureFiles
from nas_lib.tasks.images.readers.digits import read_digits
from nas_lib.tasks.images.readers.idx import read_idx
from nas_lib.tasks.images.readers.image_folder import folder_files, read_image_folder
from nas_lib.tasks.images.readers.image_table import read_image_table
from nas_lib.tasks.images.readers.npz import read_npz
from nas_lib.tasks.images.readers.table_rows import listed_pictures

__all__ = ["picture_files", "read_images"]

_READERS: dict[type[Any], Callable[[Any, Allowance], RawImages]] = {
    Cifar10Data: read_cifar10,
    DigitsData: read_digits,
    IdxData: read_idx,
    ImageFolderData: read_image_folder,
}
"""Of formats in which images have classes."""
_OF_ANY_TARGET: dict[type[Any], Callable[[Any, Allowance, ImageTarget], RawImages]] = {
    ImageTableData: read_image_table,
    NpzData: read_npz,
}
"""Of those in which they may have labels or numbers, too."""


def read_images(
    config: DataConfig, allowance: Allowance, target: ImageTarget = "class"
) -> RawImages:
    """Read and check a data set.

    Args:
        config: Where it lies, and in which format.
        allowance: How much memory it may take unpacked.
        target: What is told of an image.

    Raises:
        DataError: It is missing, damaged, not what its format promises, or larger than allowed.
    """
    if (read := _OF_ANY_TARGET.get(type(config))) is not None:
        raw = read(config, allowance, target)
    else:
        assert target == "class"  # other configurations are refused
        raw = _READERS[type(config)](config, allowance)
    check_images(raw)
    return raw


def picture_files(config: DataConfig, target: ImageTarget = "class") -> PictureFiles | None:
    """Return the files that a data set's pictures are in; None where they are arrays.

    Raises:
        DataError: They cannot be listed.
    """
    match config:
        case ImageFolderData():
            return folder_files(config)
        case ImageTableData():
            return listed_pictures(config, target).files
        case _:
            return None
