"""Data sets as files, tiny, for the tests of readers."""

from __future__ import annotations

import gzip
import struct
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

Array = npt.NDArray[Any]

CIFAR_BATCHES = (*(f"data_batch_{number}" for number in range(1, 6)), "test_batch")


def random_images(*shape: int, seed: int = 0) -> Array:
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


def write_png(path: Path, image: Array) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(image).save(path)


def write_idx(path: Path, array: Array) -> None:
    """Write an idx file of unsigned bytes; gzipped if the name says so."""
    header = struct.pack(f">BBBB{array.ndim}I", 0, 0, 8, array.ndim, *array.shape)
    data = header + array.astype(np.uint8).tobytes()
    path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)


def write_mnist(folder: Path, *, suffix: str = "") -> None:
    """Write the four files: 6 training and 3 test images of 4x5 pixels, classes 0, 1, 2."""
    for part, count in (("train", 6), ("t10k", 3)):
        images = random_images(count, 4, 5, seed=count)
        write_idx(folder / f"{part}-images-idx3-ubyte{suffix}", images)
        write_idx(folder / f"{part}-labels-idx1-ubyte{suffix}", np.arange(count) % 3)


def cifar_batch(number: int) -> tuple[Array, list[int]]:
    """Return 10 images of CIFAR-10's size as rows `[10, 3072]`, and a label of each class."""
    return random_images(10, 3072, seed=number), [(number + index) % 10 for index in range(10)]


def write_cifar_binary(folder: Path) -> None:
    folder.mkdir()
    for number, name in enumerate(CIFAR_BATCHES):
        rows, labels = cifar_batch(number)
        records = np.column_stack([np.array(labels, np.uint8), rows])
        (folder / f"{name}.bin").write_bytes(records.tobytes())


def write_cifar_python(folder: Path) -> None:
    folder.mkdir()
    for number, name in enumerate(CIFAR_BATCHES):
        (folder / name).write_bytes(python2_pickle(*cifar_batch(number)))


def python2_pickle(rows: Array, labels: list[int]) -> bytes:
    """Return the pickle that Python 2 and its numpy would have written, opcode for opcode.

    Python 3 cannot write one: it has other opcodes for bytes, and numpy other module names.
    """

    def text(value: bytes) -> bytes:
        return b"U" + bytes([len(value)]) + value

    def integer(value: int) -> bytes:
        return b"K" + bytes([value])

    pixels = rows.tobytes()
    dtype = b"cnumpy\ndtype\n(" + text(b"u1") + integer(0) + integer(1) + b"tR"
    dtype += b"(" + integer(3) + text(b"|") + b"NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xff" + b"K\x00tb"
    array = b"cnumpy.core.multiarray\n_reconstruct\n"
    array += b"(cnumpy\nndarray\n(" + integer(0) + b"t" + text(b"b") + b"tR"
    array += b"(" + integer(1) + b"(" + integer(len(rows)) + b"M" + struct.pack("<H", 3072) + b"t"
    array += dtype + b"\x89T" + struct.pack("<I", len(pixels)) + pixels + b"tb"
    listed = b"](" + b"".join(map(integer, labels)) + b"e"
    items = text(b"batch_label") + text(b"a batch") + text(b"labels") + listed
    return b"\x80\x02}(" + items + text(b"data") + array + b"u."
