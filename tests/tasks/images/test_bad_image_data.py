"""Missing, damaged and impossible data: one clear sentence each, naming the file."""

from __future__ import annotations

import os
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from allowances import AMPLE
from image_files import (
    CIFAR_BATCHES,
    cifar_batch,
    python2_pickle,
    random_images,
    write_cifar_binary,
    write_cifar_python,
    write_idx,
    write_mnist,
    write_png,
)

from nas_lib.config import (
    Cifar10Data,
    DataConfig,
    DigitsData,
    IdxData,
    ImageFolderData,
    ImageTaskConfig,
    NpzData,
)
from nas_lib.errors import DataError
from nas_lib.tasks.images.preparation import prepare_images
from nas_lib.tasks.images.readers import read_images

Arrays = dict[str, Any]


def refuse(config: DataConfig, *words: str) -> None:
    """Check that reading fails with a message that holds each of these words, in one line."""
    with pytest.raises(DataError) as caught:
        read_images(config, AMPLE)
    message = str(caught.value)
    assert "\n" not in message
    for word in words:
        assert word in message


@pytest.mark.parametrize("kind", [ImageFolderData, NpzData, IdxData, Cifar10Data])
def test_a_missing_path_is_named(tmp_path: Path, kind: Any) -> None:
    refuse(kind(path=str(tmp_path / "nowhere")), str(tmp_path / "nowhere"))


def test_a_file_in_place_of_a_folder_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.touch()
    refuse(
        IdxData(path=str(path)), str(path), "expected a folder, or an archive", "got another file"
    )


class TestImageFolder:
    @pytest.fixture
    def folder(self, tmp_path: Path) -> Path:
        for name in ("a", "b"):
            write_png(tmp_path / name / "1.png", random_images(40, 40, 3))
        return tmp_path

    def test_no_class_folder(self, tmp_path: Path) -> None:
        refuse(ImageFolderData(path=str(tmp_path)), str(tmp_path), "subfolder of images per class")

    def test_an_empty_class_folder(self, folder: Path) -> None:
        (folder / "c").mkdir()
        refuse(ImageFolderData(path=str(folder)), str(folder / "c"), "expected images")

    def test_a_single_class(self, tmp_path: Path) -> None:
        write_png(tmp_path / "a" / "1.png", random_images(4, 4, 3))
        refuse(ImageFolderData(path=str(tmp_path)), str(tmp_path), "at least 2 classes, got 1")

    def test_a_file_that_is_no_image(self, folder: Path) -> None:
        (folder / "b" / "2.jpg").write_text("not an image")
        refuse(ImageFolderData(path=str(folder)), str(folder / "b" / "2.jpg"), "cannot be read")

    def test_a_truncated_image(self, folder: Path) -> None:
        path = folder / "b" / "1.png"
        path.write_bytes(path.read_bytes()[:1000])
        refuse(ImageFolderData(path=str(folder)), str(path), "cannot be read")

    def test_a_damaged_chunk_in_a_png(self, folder: Path) -> None:
        path = folder / "b" / "1.png"
        write_png(path, random_images(300, 300, 3))
        first, second, rest = path.read_bytes().split(b"IDAT", 2)  # too large for a single chunk
        path.write_bytes(first + b"IDAT" + second + b"\x03DAT" + rest)
        refuse(ImageFolderData(path=str(folder)), str(path), "cannot be read")

    def test_a_test_class_that_training_lacks(self, tmp_path: Path) -> None:
        for place in ("train/a", "train/b", "test/c"):
            write_png(tmp_path / place / "1.png", random_images(4, 4, 3))
        refuse(ImageFolderData(path=str(tmp_path)), str(tmp_path / "test" / "c"), "'c'")


class TestNpz:
    def refuse(self, tmp_path: Path, arrays: Arrays, *words: str) -> None:
        path = tmp_path / "d.npz"
        np.savez(path, **arrays)
        refuse(NpzData(path=str(path)), str(path), *words)

    @pytest.fixture
    def good(self) -> Arrays:
        return {
            "x_train": random_images(4, 3, 3),
            "y_train": np.arange(4) % 2,
            "x_test": random_images(2, 3, 3),
            "y_test": np.arange(2),
        }

    def test_no_archive(self, tmp_path: Path) -> None:
        path = tmp_path / "d.npz"
        path.write_text("not an archive")
        refuse(NpzData(path=str(path)), str(path), "expected a numpy archive")

    def test_a_truncated_archive(self, tmp_path: Path, good: Arrays) -> None:
        path = tmp_path / "d.npz"
        np.savez_compressed(path, **good)
        path.write_bytes(path.read_bytes()[:-50])
        refuse(NpzData(path=str(path)), str(path), "expected a numpy archive")

    def test_a_damaged_archive(self, tmp_path: Path, good: Arrays) -> None:
        path = tmp_path / "d.npz"
        np.savez(path, **good)
        path.write_bytes(path.read_bytes().replace(b"\x03\x04", b"\xff\xff"))
        refuse(NpzData(path=str(path)), str(path), "expected a numpy archive")

    def test_an_encrypted_archive(self, tmp_path: Path, good: Arrays) -> None:
        path = tmp_path / "d.npz"
        np.savez(path, **good)
        data = bytearray(path.read_bytes())
        data[data.index(b"PK\x01\x02") + 8] |= 1  # the directory's flag for encryption
        path.write_bytes(data)
        refuse(NpzData(path=str(path)), str(path), "encrypted")

    def test_a_missing_array(self, tmp_path: Path, good: Arrays) -> None:
        del good["y_train"]
        self.refuse(
            tmp_path,
            good,
            "expected an array 'y_train' (task.data.labels)",
            "got x_train [4, 3, 3] uint8, x_test [2, 3, 3] uint8, y_test [2] int64",
        )

    def test_test_images_without_labels(self, tmp_path: Path, good: Arrays) -> None:
        del good["y_test"]
        self.refuse(tmp_path, good, "expected an array 'y_test'")

    def test_images_of_mixed_sizes(self, tmp_path: Path, good: Arrays) -> None:
        mixed = np.empty(2, dtype=object)
        mixed[:] = [random_images(3, 3), random_images(4, 4)]
        self.refuse(tmp_path, good | {"x_train": mixed}, "x_train: expected plain", "mixed sizes")

    def test_images_of_wrong_dimensions(self, tmp_path: Path, good: Arrays) -> None:
        bad = {"x_train": random_images(4, 9)}
        self.refuse(tmp_path, good | bad, "x_train must be [N, H, W], [N, H, W, C]", "[4, 9]")

    def test_images_of_wrong_type(self, tmp_path: Path, good: Arrays) -> None:
        bad = {"x_train": np.zeros((4, 3, 3), np.complex64)}
        self.refuse(tmp_path, good | bad, "x_train must be numbers, got complex64")

    @pytest.mark.parametrize(
        "labels",
        [
            np.array([[1, 1, 0], [0, 0, 1], [1, 0, 0], [0, 1, 0]]),  # two classes at once
            np.array([[0, 0], [0, 1], [1, 0], [0, 1]]),  # none
            np.array([[0.5, 0.5], [0, 1], [1, 0], [0, 1]]),
            np.zeros((4, 1, 1), np.int64),
            np.array([0.5, 1, 0, 1]),
            np.array([np.nan, 1, 0, 1]),
            np.array([np.inf, 1, 0, 1]),
            np.array([1e300, 1, 0, 1]),
            np.array([1j, 1, 0, 1]),
            np.array(["2024-01-01"] * 4, "datetime64[D]"),
        ],
    )
    def test_labels_that_are_no_classes(self, tmp_path: Path, good: Arrays, labels: Any) -> None:
        bad = {"y_train": labels}
        self.refuse(tmp_path, good | bad, "y_train must be one class for each image", "got ")

    def test_a_test_label_that_training_lacks(self, tmp_path: Path, good: Arrays) -> None:
        self.refuse(tmp_path, good | {"y_test": np.array([0, 9])}, "test label 9")

    def test_images_and_labels_of_different_length(self, tmp_path: Path, good: Arrays) -> None:
        bad = {"y_train": np.arange(3)}
        self.refuse(tmp_path, good | bad, "training", "4 images and 3 labels")

    def test_no_images(self, tmp_path: Path, good: Arrays) -> None:
        bad = {"x_test": random_images(0, 3, 3), "y_test": np.arange(0)}
        self.refuse(tmp_path, good | bad, "test images: expected at least one")

    @pytest.mark.parametrize("value", [np.nan, np.inf])
    def test_numbers_that_are_not_finite(self, tmp_path: Path, good: Arrays, value: Any) -> None:
        images = np.zeros((4, 3, 3), np.float32)
        images[2, 1, 1] = value
        bad = {"x_train": images, "x_test": np.zeros((2, 3, 3), np.float32)}
        self.refuse(tmp_path, good | bad, "training images must be finite")

    def test_test_images_of_another_shape(self, tmp_path: Path, good: Arrays) -> None:
        bad = {"x_test": random_images(2, 5, 4, 3)}
        self.refuse(tmp_path, good | bad, "test images are uint8 5x4 with 3 channel(s)", "3x3")


class TestIdx:
    images = "train-images-idx3-ubyte"

    @pytest.fixture
    def folder(self, tmp_path: Path) -> Path:
        write_mnist(tmp_path)
        return tmp_path

    def test_a_missing_file(self, folder: Path) -> None:
        (folder / self.images).unlink()
        refuse(IdxData(path=str(folder)), str(folder), f"{self.images} is not there")

    def test_an_empty_file(self, folder: Path) -> None:
        (folder / self.images).write_bytes(b"")
        refuse(IdxData(path=str(folder)), self.images, "got an empty file")

    def test_labels_in_place_of_images(self, folder: Path) -> None:
        write_idx(folder / self.images, np.arange(6))
        refuse(IdxData(path=str(folder)), self.images, "magic number 00000803", "got 00000801")

    def test_a_truncated_file(self, folder: Path) -> None:
        path = folder / self.images
        path.write_bytes(path.read_bytes()[:-1])
        # 6 * 4 * 5 = 120 pixels
        refuse(IdxData(path=str(folder)), str(path), "expected 120 elements", "got 119")

    def test_fewer_labels_than_images(self, folder: Path) -> None:
        write_idx(folder / "train-labels-idx1-ubyte", np.arange(5) % 3)
        refuse(IdxData(path=str(folder)), str(folder), "6 images and 5 labels")

    @pytest.mark.parametrize(
        ("damage", "message"), [(slice(0, -20), "cannot be read"), (slice(1, None), "magic number")]
    )
    def test_a_damaged_gzip(self, tmp_path: Path, damage: slice, message: str) -> None:
        write_mnist(tmp_path, suffix=".gz")
        path = tmp_path / f"{self.images}.gz"
        path.write_bytes(path.read_bytes()[damage])
        refuse(IdxData(path=str(tmp_path)), str(path), message)


class TestCifar10:
    def test_a_folder_without_the_batches(self, tmp_path: Path) -> None:
        refuse(Cifar10Data(path=str(tmp_path)), str(tmp_path), *CIFAR_BATCHES, "no other file")

    def test_a_missing_batch(self, tmp_path: Path) -> None:
        write_cifar_binary(tmp_path / "c")
        (tmp_path / "c" / "data_batch_3.bin").unlink()
        refuse(Cifar10Data(path=str(tmp_path / "c")), "data_batch_3[.bin] is not there")

    def test_a_truncated_binary_batch(self, tmp_path: Path) -> None:
        write_cifar_binary(tmp_path / "c")
        path = tmp_path / "c" / "data_batch_2.bin"
        path.write_bytes(path.read_bytes()[:-1])
        refuse(Cifar10Data(path=str(tmp_path / "c")), "data_batch_2.bin", "records of 3073 bytes")

    def test_a_label_out_of_range(self, tmp_path: Path) -> None:
        write_cifar_python(tmp_path / "c")
        rows, labels = cifar_batch(1)
        (tmp_path / "c" / "data_batch_1").write_bytes(python2_pickle(rows, [10, *labels[1:]]))
        refuse(Cifar10Data(path=str(tmp_path / "c")), "labels must lie in [0, 10)", "10")

    @pytest.mark.parametrize("data", [b"", b"no pickle", python2_pickle(*cifar_batch(1))[:-100]])
    def test_a_damaged_python_batch(self, tmp_path: Path, data: bytes) -> None:
        write_cifar_python(tmp_path / "c")
        (tmp_path / "c" / "data_batch_1").write_bytes(data)
        refuse(Cifar10Data(path=str(tmp_path / "c")), "data_batch_1: expected a batch")

    def test_a_damaged_archive(self, tmp_path: Path) -> None:
        path = tmp_path / "cifar-10-python.tar.gz"
        path.write_text("no archive")
        refuse(
            Cifar10Data(path=str(path)),
            str(path),
            "expected a folder, or an archive",
            "got another file",
        )

    def test_a_pickle_that_runs_a_command_is_refused_and_runs_nothing(self, tmp_path: Path) -> None:
        class Malicious:
            def __reduce__(self) -> tuple[Any, ...]:
                return os.mkdir, (str(tmp_path / "was-here"),)

        write_cifar_python(tmp_path / "c")
        for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
            data = pickle.dumps({"data": Malicious()}, protocol=protocol)
            (tmp_path / "c" / "test_batch").write_bytes(data)
            refuse(Cifar10Data(path=str(tmp_path / "c")), "test_batch", "posix.mkdir")
        assert not (tmp_path / "was-here").exists()

    def test_not_even_numpy_is_called_by_a_pickle(self, tmp_path: Path) -> None:
        # numpy.dtype is one of the names allowed; the real one would refuse "no-type" otherwise
        write_cifar_python(tmp_path / "c")
        data = python2_pickle(*cifar_batch(5)).replace(b"U\x02u1", b"U\x07no-type")
        (tmp_path / "c" / "test_batch").write_bytes(data)
        refuse(
            Cifar10Data(path=str(tmp_path / "c")), "test_batch", "expected integers, got no-type"
        )


class TestSplit:
    def test_too_few_images_for_the_fractions(self, tmp_path: Path) -> None:
        np.savez(tmp_path / "d.npz", x_train=random_images(4, 3, 3), y_train=np.arange(4) % 2)
        task = ImageTaskConfig(data=NpzData(path=str(tmp_path / "d.npz")), valid_fraction=0.1)
        # round(0.2 * 4) = 1 for the test, round(0.1 * 3) = 0 for validation, 3 left
        with pytest.raises(DataError, match=r"d\.npz: 4 images are too few.* 3, 0, 1"):
            prepare_images(task, seed=0, allowance=AMPLE)

    def test_a_class_without_a_training_image(self) -> None:
        task = ImageTaskConfig(data=DigitsData(), max_train=9)
        with pytest.raises(DataError, match=r"class '8' has no image among the 9 left"):
            prepare_images(task, seed=0, allowance=AMPLE)
