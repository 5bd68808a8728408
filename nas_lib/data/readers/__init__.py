"""Readers: from files of the user's to `RawImages` or `RawText`, a module per format, no torch."""

from __future__ import annotations

from nas_lib.config import (
    Cifar10Data,
    DataConfig,
    DigitsData,
    IdxData,
    ImageFolderData,
    NpzData,
    PydocTopicsData,
    TextDataConfig,
    TextFilesData,
)
from nas_lib.data.raw import RawImages, check_images
from nas_lib.data.raw_text import RawText
from nas_lib.data.readers.cifar10 import read_cifar10
from nas_lib.data.readers.digits import read_digits
from nas_lib.data.readers.idx import read_idx
from nas_lib.data.readers.image_folder import read_image_folder
from nas_lib.data.readers.npz import read_npz
from nas_lib.data.readers.pydoc_topics import read_pydoc_topics
from nas_lib.data.readers.text_files import read_text_files

__all__ = ["read_images", "read_text"]


def read_images(config: DataConfig) -> RawImages:
    """Read and check a data set.

    Raises:
        DataError: It is missing, damaged or not what its format promises.
    """
    raw = _read(config)
    check_images(raw)
    return raw


def _read(config: DataConfig) -> RawImages:
    match config:
        case DigitsData():
            return read_digits()
        case ImageFolderData():
            return read_image_folder(config)
        case NpzData():
            return read_npz(config)
        case IdxData():
            return read_idx(config)
        case Cifar10Data():
            return read_cifar10(config)


def read_text(config: TextDataConfig) -> RawText:
    """Read a text.

    Raises:
        DataError: It is missing, empty or not what its format promises.
    """
    match config:
        case PydocTopicsData():
            return read_pydoc_topics()
        case TextFilesData():
            return read_text_files(config)
