"""CIFAR-10 as its authors publish it: the python or the binary version, packed or unpacked."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np

from nas_lib.config import Cifar10Data
from nas_lib.data.allowance import Allowance
from nas_lib.data.data_file import DataFile
from nas_lib.data.file_sets import FileSet, choose, open_files
from nas_lib.errors import DataError, one_line
from nas_lib.tasks.images.raw import LabelledImages, RawImages
from nas_lib.tasks.images.readers.cifar_pickle import parse_batch

# fmt: off
_CLASS_NAMES = (
    "airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck",
)
# fmt: on
_IMAGE_SHAPE = (3, 32, 32)
_RECORD_BYTES = 1 + 3 * 32 * 32
_BATCHES = (*(f"data_batch_{number}[.bin]" for number in range(1, 6)), "test_batch[.bin]")
_NAME = re.compile(r"(data_batch_[1-5]|test_batch)(\.bin)?")


def read_cifar10(config: Cifar10Data, allowance: Allowance) -> RawImages:
    """Read five training batches and the test batch.

    Raises:
        DataError: The archive or folder is missing, damaged or larger than allowed, lacks a batch,
            or a batch is not what its format promises; or more than one set may be meant.
    """
    wanted = FileSet("the files of CIFAR-10's python or binary version", _BATCHES, _role)
    with open_files(config.path, allowance) as files:
        _refuse_cifar100(config.path, files)
        chosen = choose(config.path, files, wanted)
        batches = {name: _read(file) for name, file in chosen.items()}
        source = f"CIFAR-10 in {chosen[_BATCHES[0]].place}"
    *train, test = (batches[name] for name in _BATCHES)
    return RawImages(source, _CLASS_NAMES, train=_concatenate(train), test=test)


def _role(name: str) -> tuple[str, str] | None:
    match = _NAME.fullmatch(name)
    return match and (match[2] or "", f"{match[1]}[.bin]")


def _refuse_cifar100(path: str, files: Sequence[DataFile]) -> None:
    names = {file.name.name for file in files}
    for suffix in ("", ".bin"):
        hundred = (f"train{suffix}", f"test{suffix}")
        if names.issuperset(hundred) and not any(map(_role, names)):
            raise DataError(
                f"{one_line(path)}: this is CIFAR-100, by its files {' and '.join(hundred)}: "
                "expected CIFAR-10"
            )


def _read(file: DataFile) -> LabelledImages:
    data = file.read()
    if ".bin" in file.name.suffixes:
        return _parse_binary(data, file.where)
    return parse_batch(data, file.where)


def _parse_binary(data: bytearray, where: str) -> LabelledImages:
    """Read records of a label byte and an image's bytes."""
    if len(data) % _RECORD_BYTES:
        raise DataError(
            f"{where}: expected records of {_RECORD_BYTES} bytes, got {len(data)} bytes"
        )
    records = np.frombuffer(data, np.uint8).reshape(-1, _RECORD_BYTES)
    return LabelledImages(
        images=records[:, 1:].reshape(-1, *_IMAGE_SHAPE), labels=records[:, 0].astype(np.int64)
    )


def _concatenate(parts: list[LabelledImages]) -> LabelledImages:
    return LabelledImages(
        np.concatenate([part.images for part in parts]),
        np.concatenate([part.labels for part in parts]),
    )
