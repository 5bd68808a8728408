"""CIFAR-10 as its authors publish it: the python or the binary version, packed or unpacked.

The python version's files are pickles. They are read without trusting them: see `_load_pickle`.
"""

from __future__ import annotations

import io
import pickle
import tarfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from nas_lib.config import Cifar10Data
from nas_lib.data.allowance import Allowance
from nas_lib.errors import DataError
from nas_lib.tasks.images.raw import LabelledImages, RawImages

# fmt: off
_CLASS_NAMES = (
    "airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck",
)
# fmt: on
_IMAGE_SHAPE = (3, 32, 32)
_IMAGE_BYTES = 3 * 32 * 32
_EXPECTED = "expected CIFAR-10's .tar.gz or the folder unpacked from it"
_BATCHES = (*(f"data_batch_{number}" for number in range(1, 6)), "test_batch")


def read_cifar10(config: Cifar10Data, allowance: Allowance) -> RawImages:
    """Read five training batches and the test batch.

    Raises:
        DataError: The archive or folder is missing or damaged, lacks a batch, or a batch is not
            what its format promises.
    """
    path = Path(config.path).expanduser()
    contents = {Path(name).name: data for name, data in _files(path)}
    suffix, parse = (".bin", _parse_binary) if "test_batch.bin" in contents else ("", _parse_python)
    missing = [name + suffix for name in _BATCHES if name + suffix not in contents]
    if missing:
        raise DataError(
            f"{path}: expected the files of CIFAR-10's python or binary version, "
            f"but {', '.join(missing)} is not there"
        )
    *train, test = (parse(contents[name + suffix], f"{path}: {name + suffix}") for name in _BATCHES)
    return RawImages(f"CIFAR-10 {path}", _CLASS_NAMES, train=_concatenate(train), test=test)


def _concatenate(parts: list[LabelledImages]) -> LabelledImages:
    return LabelledImages(
        np.concatenate([part.images for part in parts]),
        np.concatenate([part.labels for part in parts]),
    )


def _files(path: Path) -> Iterator[tuple[str, bytes]]:
    """Yield name and contents of each batch file; an archive is read without unpacking it."""
    try:
        if path.is_dir():
            for entry in path.iterdir():
                if _is_batch(entry.name):
                    yield entry.name, entry.read_bytes()
            return
        with tarfile.open(path, "r:gz") as archive:
            for member in archive:
                file = archive.extractfile(member) if _is_batch(member.name) else None
                if file is not None:
                    yield member.name, file.read()
    except FileNotFoundError as err:
        raise DataError(f"{path}: {_EXPECTED}, got nothing") from err
    except (OSError, EOFError, tarfile.TarError, zlib.error) as err:
        raise DataError(f"{path}: {_EXPECTED}: {err}") from err


def _is_batch(name: str) -> bool:
    return Path(name).name.removesuffix(".bin") in _BATCHES


def _parse_binary(data: bytes, where: str) -> LabelledImages:
    """Read records of a label byte and an image's bytes."""
    record_bytes = 1 + _IMAGE_BYTES
    if len(data) % record_bytes:
        raise DataError(f"{where}: expected records of {record_bytes} bytes, got {len(data)} bytes")
    records = np.frombuffer(data, np.uint8).reshape(-1, record_bytes)
    return LabelledImages(
        images=records[:, 1:].reshape(-1, *_IMAGE_SHAPE), labels=records[:, 0].astype(np.int64)
    )


def _parse_python(data: bytes, where: str) -> LabelledImages:
    """Read a pickled `{b"data": uint8 array [N, 3072], b"labels": list of N integers}`."""
    try:
        batch = _load_pickle(data)
        _version, _shape, _dtype, _is_fortran, pixels = batch[b"data"].state
        images = np.frombuffer(pixels, np.uint8).reshape(-1, *_IMAGE_SHAPE)
        labels = np.array(batch[b"labels"], np.int64)
    except Exception as err:  # the pickle module's documentation promises no list of its errors
        raise DataError(f"{where}: expected a batch of CIFAR-10's python version: {err}") from err
    return LabelledImages(images, labels)


class _Inert:
    """Takes the place of every numpy object in a pickle, and only keeps its state."""

    def __init__(self, *_args: object) -> None:
        self.state: Any = None

    def __setstate__(self, state: object) -> None:
        self.state = state


class _CifarUnpickler(pickle.Unpickler):
    """Knows the three names in CIFAR-10's files, and lets none of them reach numpy.

    Numpy's own unpickling is not made for untrusted input, so to allow numpy's functions would
    not be safe.
    """

    _NAMES = (
        ("numpy.core.multiarray", "_reconstruct"),
        ("numpy", "ndarray"),
        ("numpy", "dtype"),
    )

    def find_class(self, module_name: str, global_name: str, /) -> Any:
        if (module_name, global_name) not in self._NAMES:
            raise pickle.UnpicklingError(f"{module_name}.{global_name} has no place in such a file")
        return _Inert


def _load_pickle(data: bytes) -> Any:
    """Return what a pickle holds without running anything that it names."""
    return _CifarUnpickler(io.BytesIO(data), encoding="bytes").load()
