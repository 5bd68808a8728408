"""Each format, read from files that the test makes."""

from __future__ import annotations

import sys
import tarfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from allowances import AMPLE
from image_files import (
    cifar_batch,
    random_images,
    write_cifar_binary,
    write_cifar_python,
    write_mnist,
    write_png,
)
from PIL import Image

from nas_lib.config import Cifar10Data, DigitsData, IdxData, ImageFolderData, NpzData
from nas_lib.errors import DataError
from nas_lib.tasks.images.readers import read_images


class TestDigits:
    def test_the_digits_are_1797_grey_images_of_ten_classes(self) -> None:
        raw = read_images(DigitsData(), AMPLE)
        assert raw.train.images.shape == (1797, 1, 8, 8)
        assert raw.train.images.dtype == np.float32
        assert (raw.train.images.min(), raw.train.images.max()) == (0.0, 1.0)
        assert raw.class_names == tuple("0123456789")
        assert raw.test is None

    def test_without_scikit_learn_the_error_says_what_to_install(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setitem(sys.modules, "sklearn.datasets", None)
        with pytest.raises(DataError, match=r"pip install 'kfp-nas\[digits\]'"):
            read_images(DigitsData(), AMPLE)


class TestImageFolder:
    def test_subfolders_are_classes_in_order_of_their_names(self, tmp_path: Path) -> None:
        cat, dog = random_images(2, 6, 6, 3)
        write_png(tmp_path / "dog" / "1.png", dog)
        write_png(tmp_path / "cat" / "1.PNG", cat)
        raw = read_images(ImageFolderData(path=str(tmp_path), size=6), AMPLE)
        assert raw.class_names == ("cat", "dog")
        assert raw.train.labels.tolist() == [0, 1]
        np.testing.assert_array_equal(raw.train.images[0], cat.transpose(2, 0, 1))
        assert raw.test is None

    def test_folders_train_and_test_are_the_two_sets(self, tmp_path: Path) -> None:
        for place, count in (("train/a", 2), ("train/b", 2), ("test/b", 1), ("valid/a", 1)):
            for number in range(count):
                write_png(tmp_path / place / f"{number}.png", random_images(4, 4, 3))
        raw = read_images(ImageFolderData(path=str(tmp_path), size=4), AMPLE)
        assert raw.train.labels.tolist() == [0, 0, 1, 1]
        assert raw.test is not None
        assert raw.test.labels.tolist() == [1]

    def test_a_class_may_be_called_train(self, tmp_path: Path) -> None:
        for name in ("plane", "train"):
            write_png(tmp_path / name / "1.png", random_images(4, 4, 3))
        assert read_images(ImageFolderData(path=str(tmp_path)), AMPLE).class_names == (
            "plane",
            "train",
        )

    def test_grey_images_have_one_channel_and_every_image_the_same_size(
        self, tmp_path: Path
    ) -> None:
        write_png(tmp_path / "a" / "1.png", random_images(9, 5, 3))
        write_png(tmp_path / "b" / "1.png", random_images(30, 40))
        raw = read_images(ImageFolderData(path=str(tmp_path), size=7, grey=True), AMPLE)
        assert raw.train.images.shape == (2, 1, 7, 7)

    def test_a_large_jpeg_is_read_as_what_it_shows(self, tmp_path: Path) -> None:
        for name, colour in (("black", 0), ("white", 255)):
            (tmp_path / name).mkdir()
            Image.new("RGB", (640, 480), (colour,) * 3).save(tmp_path / name / "1.jpg")
        raw = read_images(ImageFolderData(path=str(tmp_path), size=8), AMPLE)
        assert raw.train.images.reshape(2, -1).mean(axis=1).tolist() == [0, 255]

    def test_hidden_folders_and_other_files_are_passed_over(self, tmp_path: Path) -> None:
        for name in ("a", "b"):
            write_png(tmp_path / name / "1.png", random_images(4, 4, 3))
        (tmp_path / ".cache").mkdir()
        (tmp_path / "a" / "notes.txt").write_text("no image")
        raw = read_images(ImageFolderData(path=str(tmp_path)), AMPLE)
        assert raw.class_names == ("a", "b")
        assert len(raw.train) == 2


class TestNpz:
    def test_images_with_and_without_channels_are_read(self, tmp_path: Path) -> None:
        colour = random_images(4, 6, 5, 3)
        for images, expected in (
            (colour, colour.transpose(0, 3, 1, 2)),
            (colour[..., 0], colour[:, np.newaxis, ..., 0]),
        ):
            np.savez(tmp_path / "d.npz", x_train=images, y_train=np.arange(4) % 2)
            raw = read_images(NpzData(path=str(tmp_path / "d.npz")), AMPLE)
            np.testing.assert_array_equal(raw.train.images, expected)
            assert raw.test is None

    def test_the_classes_are_the_labels_found(self, tmp_path: Path) -> None:
        np.savez(
            tmp_path / "d.npz",
            x_train=random_images(4, 2, 2),
            y_train=[7, -1, 30, 7],
            x_test=random_images(2, 2, 2),
            y_test=[30, -1],
        )
        raw = read_images(NpzData(path=str(tmp_path / "d.npz")), AMPLE)
        assert raw.class_names == ("-1", "7", "30")
        assert raw.train.labels.tolist() == [1, 0, 2, 1]
        assert raw.test is not None
        assert raw.test.labels.tolist() == [2, 0]

    def test_floating_point_images_become_float32(self, tmp_path: Path) -> None:
        np.savez(tmp_path / "d.npz", a=np.full((2, 3, 3), 0.5), b=[0, 1])
        raw = read_images(NpzData(path=str(tmp_path / "d.npz"), images="a", labels="b"), AMPLE)
        assert raw.train.images.dtype == np.float32
        assert (raw.train.images == 0.5).all()


class TestIdx:
    @pytest.mark.parametrize("suffix", ["", ".gz"])
    def test_the_four_files_are_read_gzipped_or_not(self, tmp_path: Path, suffix: str) -> None:
        write_mnist(tmp_path, suffix=suffix)
        raw = read_images(IdxData(path=str(tmp_path)), AMPLE)
        assert raw.test is not None
        np.testing.assert_array_equal(raw.train.images[:, 0], random_images(6, 4, 5, seed=6))
        np.testing.assert_array_equal(raw.test.images[:, 0], random_images(3, 4, 5, seed=3))
        assert raw.train.labels.tolist() == [0, 1, 2, 0, 1, 2]
        assert raw.class_names == ("0", "1", "2")


class TestCifar10:
    @pytest.mark.parametrize("write", [write_cifar_binary, write_cifar_python])
    @pytest.mark.parametrize("packed", [False, True])
    def test_both_versions_are_read_packed_or_not(
        self, tmp_path: Path, write: Callable[[Path], None], packed: bool
    ) -> None:
        path = tmp_path / "cifar-10-batches"
        write(path)
        if packed:
            path = tmp_path / "cifar-10.tar.gz"
            with tarfile.open(path, "w:gz") as archive:
                archive.add(tmp_path / "cifar-10-batches", "cifar-10-batches")
        raw = read_images(Cifar10Data(path=str(path)), AMPLE)
        expected = [cifar_batch(number) for number in range(6)]
        assert raw.test is not None
        np.testing.assert_array_equal(
            raw.train.images.reshape(50, 3072), np.concatenate([rows for rows, _ in expected[:5]])
        )
        np.testing.assert_array_equal(raw.test.images.reshape(10, 3072), expected[5][0])
        assert raw.train.labels.tolist() == [label for _, ls in expected[:5] for label in ls]
        assert raw.test.labels.tolist() == expected[5][1]
        assert raw.class_names[3] == "cat"
