"""Small data of each format, as a user has them."""

from __future__ import annotations

import gzip
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from PIL import Image
from toy_series import toy_series, ts_text

CLASSES = {"cat": 12, "dog": 6}


def write_photos(
    folder: Path, counts: Mapping[str, int] = CLASSES, *, size: tuple[int, int] = (48, 40)
) -> Path:
    """Write pictures in colour, so many of each class; one in three stands on end."""
    rng = np.random.default_rng(1)
    for name, num in counts.items():
        (folder / name).mkdir(parents=True, exist_ok=True)
        for index in range(num):
            width, height = size if index % 3 else size[::-1]
            pixels = rng.integers(0, 256, (height, width, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(folder / name / f"{index}.png")
    return folder


def write_grey(folder: Path, counts: Mapping[str, int], *, size: int) -> Path:
    """Write square pictures that are grey, every other one stored in RGB."""
    for name, num in counts.items():
        (folder / name).mkdir(parents=True, exist_ok=True)
        for index in range(num):
            image = Image.new("L", (size, size), 10 * index % 256)
            image = image.convert("RGB") if index % 2 else image
            image.save(folder / name / f"{index}.png")
    return folder


def write_table(folder: Path) -> Path:
    """Write pictures in one folder, and a table of them with a column that says their part."""
    write_photos(folder, {"images": 24})
    rows = [
        f"images/{n}.png,{'cat' if n % 3 else 'dog'},{'test' if n > 17 else 'train'}"
        for n in range(24)
    ]
    (folder / "labels.csv").write_text("path,label,split\n" + "\n".join(rows) + "\n")
    return folder


def write_ts(folder: Path) -> Path:
    """Write series of two channels: 24 to train on, 16 to test."""
    folder.mkdir(parents=True, exist_ok=True)
    for part, num, seed in (("TRAIN", 24, 1), ("TEST", 16, 2)):
        (folder / f"Toy_{part}.ts").write_text(ts_text(*toy_series(num, seed)))
    return folder


def write_series_table(path: Path) -> Path:
    """Write a row for each of 20 series of two classes, of 10 to 12 steps, with one value missing.

    Those of one class rise, those of the other fall.
    """
    rng = np.random.default_rng(1)
    lines = [",".join(["label", *(f"t{step}" for step in range(12))])]
    for number in range(20):
        values = np.arange(12) * (1 if number % 2 else -1) + rng.normal(size=12).round(3)
        cells = [f"{value:.3f}" for value in values]
        cells[10 + number % 3 :] = [""] * (2 - number % 3)
        cells[5 if number == 7 else 12 :] = ["", *cells[6:]] if number == 7 else []
        lines.append(",".join([("falls", "rises")[number % 2], *cells]))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines) + "\n")
    return path


def write_npz(path: Path, **arrays: tuple[int, ...] | int) -> Path:
    """Write arrays: a shape is that of random pixels, a number that of labels of three classes.

    What is called floats are normal numbers.
    """
    rng = np.random.default_rng(1)
    made = {
        name: np.arange(shape) % 3
        if isinstance(shape, int)
        else rng.normal(size=shape)
        if name == "floats"
        else rng.integers(0, 256, shape, dtype=np.uint8)
        for name, shape in arrays.items()
    }
    np.savez(path, **made)  # type: ignore[arg-type]
    return path


def write_idx(folder: Path, *, num_train: int = 90, num_test: int = 30, side: int = 12) -> Path:
    """Write the four files of MNIST's family, packed."""
    folder.mkdir(parents=True)
    for part, num in (("train", num_train), ("t10k", num_test)):
        pixels, labels = bytes(num * side * side), bytes(index % 3 for index in range(num))
        sizes = b"".join(size.to_bytes(4, "big") for size in (num, side, side))
        files = {"images-idx3": b"\0\0\x08\x03" + sizes + pixels}
        files["labels-idx1"] = b"\0\0\x08\x01" + num.to_bytes(4, "big") + labels
        for name, data in files.items():
            (folder / f"{part}-{name}-ubyte.gz").write_bytes(gzip.compress(data))
    return folder


def write_cifar10(folder: Path, *, num: int = 6) -> Path:
    """Write the binary version, so many images in each batch."""
    folder.mkdir(parents=True)
    record = b"".join(bytes([label % 3]) + bytes(3 * 32 * 32) for label in range(num))
    for name in (*(f"data_batch_{number}" for number in range(1, 6)), "test_batch"):
        (folder / f"{name}.bin").write_bytes(record)
    return folder


def write_texts(folder: Path, words: str = "the cat saw the dog and the dog saw the cat") -> Path:
    """Write three texts."""
    folder.mkdir(parents=True)
    for part, num in (("train", 60), ("valid", 10), ("test", 10)):
        (folder / f"{part}.txt").write_text(f"{words}\n" * num, encoding="utf-8")
    return folder


def write_pairs(path: Path) -> Path:
    """Write sentences and their translations."""
    lines = [f"{'ab'[n % 2]} number {n}\t{'xy'[n % 2]} nummer {n}" for n in range(400)]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path
