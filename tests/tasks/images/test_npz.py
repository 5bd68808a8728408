"""What users have in numpy archives: axes, types, names, and headers that promise too much."""

from __future__ import annotations

import io
import tracemalloc
import unicodedata
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from allowances import AMPLE
from image_files import random_images

from nas_lib.config import NpzData
from nas_lib.data.allowance import Allowance
from nas_lib.errors import DataError
from nas_lib.tasks.images.raw import RawImages
from nas_lib.tasks.images.readers import read_images

LABELS = np.arange(6) % 3


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "d.npz"


def read(path: Path, allowance: Allowance = AMPLE, **settings: Any) -> RawImages:
    return read_images(NpzData(path=str(path), **settings), allowance)


def read_arrays(path: Path, **arrays: Any) -> RawImages:
    np.savez(path, **arrays)
    return read(path)


def refused(path: Path, allowance: Allowance = AMPLE, **settings: Any) -> str:
    with pytest.raises(DataError) as caught:
        read(path, allowance, **settings)
    return str(caught.value)


class TestAxes:
    @pytest.mark.parametrize(
        "shape",
        [
            (6, 16, 16, 3),
            (6, 20, 16, 1),
            (6, 16, 16, 12),  # many channels, and square with them last
            (6, 3, 3, 3),  # as plausible in both orders
            (6, 4, 3, 3),
        ],
    )
    def test_channels_are_last_wherever_that_is_plausible(
        self, path: Path, shape: tuple[int, ...]
    ) -> None:
        images = random_images(*shape)
        raw = read_arrays(path, x_train=images, y_train=LABELS)
        np.testing.assert_array_equal(raw.train.images, images.transpose(0, 3, 1, 2))
        assert raw.notices == ()

    @pytest.mark.parametrize("shape", [(6, 3, 16, 16), (6, 1, 20, 16), (6, 12, 16, 16)])
    def test_channels_are_first_where_only_that_is_and_it_is_said(
        self, path: Path, shape: tuple[int, ...]
    ) -> None:
        images = random_images(*shape)
        raw = read_arrays(path, x_train=images, y_train=LABELS, x_test=images, y_test=LABELS)
        assert raw.test is not None
        for part in (raw.train, raw.test):
            np.testing.assert_array_equal(part.images, images)
        (notice,) = raw.notices
        assert f"x_train {list(shape)} was read as [N, C, H, W]" in notice

    @pytest.mark.parametrize("shape", [(6, 16, 16, 16), (6, 12, 16, 20), (6, 4, 4, 12)])
    def test_what_speaks_for_no_order_is_refused(self, path: Path, shape: tuple[int, ...]) -> None:
        images = random_images(*shape)
        np.savez(path, x_train=images, y_train=LABELS)
        assert "set task.data.axes to NHWC or NCHW" in refused(path)
        assert read(path, axes="NHWC").train.images.shape == (6, shape[3], shape[1], shape[2])
        np.testing.assert_array_equal(read(path, axes="NCHW").train.images, images)

    def test_what_the_user_says_counts(self, path: Path) -> None:
        images = random_images(6, 3, 16, 16)
        np.savez(path, x_train=images, y_train=LABELS)
        assert read(path, axes="NHWC").train.images.shape == (6, 16, 3, 16)
        assert read(path, axes="NCHW").notices == ()


class TestTypes:
    @pytest.mark.parametrize("dtype", ["int8", "int64", "uint16", ">i4", "uint64"])
    def test_whole_numbers_of_a_byte_are_that(self, path: Path, dtype: str) -> None:
        images = random_images(6, 4, 4) // 2
        raw = read_arrays(path, x_train=images.astype(dtype), y_train=LABELS)
        assert raw.train.images.dtype == np.uint8
        np.testing.assert_array_equal(raw.train.images[:, 0], images)
        assert raw.notices == ()

    def test_truth_values_are_black_and_white(self, path: Path) -> None:
        raw = read_arrays(path, x_train=np.ones((6, 4, 4), bool), y_train=LABELS)
        assert (raw.train.images == np.uint8(255)).all()

    def test_whole_numbers_of_16_bits_become_fractions_of_them(self, path: Path) -> None:
        images = np.full((6, 4, 4), 13_107, np.uint16)  # a fifth of 65,535
        raw = read_arrays(path, x_train=images, y_train=LABELS, x_test=images // 3, y_test=LABELS)
        assert raw.train.images.dtype == np.float32
        assert raw.test is not None
        np.testing.assert_allclose(raw.train.images, 0.2, rtol=1e-6)
        np.testing.assert_allclose(raw.test.images, 0.2 / 3, rtol=1e-6)
        assert raw.notices == (
            "images of uint16 were scaled: 0 to 65,535 became 0 to 1, and the highest value is "
            "13,107",
        )

    def test_other_whole_numbers_become_fractions_of_their_own_range(self, path: Path) -> None:
        images = np.zeros((6, 2, 2), np.int32)
        images[0], images[1, 0, 0] = -100_000, 300_000
        raw = read_arrays(path, x_train=images, y_train=LABELS)
        # 0 is a quarter of the way from -100,000 to 300,000
        assert np.unique(raw.train.images).tolist() == [0.0, 0.25, 1.0]
        assert "-100,000 to 300,000 became 0 to 1" in raw.notices[0]

    @pytest.mark.parametrize("dtype", ["float16", "float64", ">f4"])
    def test_floating_point_stays_what_it_is(self, path: Path, dtype: str) -> None:
        raw = read_arrays(path, x_train=np.full((6, 4, 4), 0.5, dtype), y_train=LABELS)
        assert raw.train.images.dtype == np.float32
        assert (raw.train.images == 0.5).all()

    def test_numbers_too_large_for_floating_point_are_refused(self, path: Path) -> None:
        np.savez(path, x_train=np.full((6, 4, 4), 1e300), y_train=LABELS)
        assert "must be finite numbers" in refused(path)


class TestLabels:
    @pytest.mark.parametrize(
        "labels",
        [
            LABELS.reshape(6, 1),  # Keras, MedMNIST
            LABELS.astype(np.float64),
            LABELS.astype(np.float32).reshape(6, 1),
            np.eye(3)[LABELS],  # one-hot
            np.eye(3, dtype=np.uint8)[LABELS],
            np.eye(3, dtype=bool)[LABELS],
        ],
    )
    def test_many_forms_of_labels_are_taken(self, path: Path, labels: Any) -> None:
        raw = read_arrays(path, x_train=random_images(6, 4, 4), y_train=labels)
        assert raw.class_names == ("0", "1", "2")
        assert raw.train.labels.tolist() == LABELS.tolist()

    def test_truth_values_are_two_classes(self, path: Path) -> None:
        raw = read_arrays(path, x_train=random_images(6, 4, 4), y_train=LABELS > 0)
        assert raw.class_names == ("0", "1")
        assert raw.train.labels.tolist() == [0, 1, 1, 0, 1, 1]

    @pytest.mark.parametrize("as_bytes", [False, True])
    def test_texts_are_the_classes_names(self, path: Path, as_bytes: bool) -> None:
        names = ["dog", "caf\u00e9", "dog", unicodedata.normalize("NFD", "caf\u00e9"), "ant", "ant"]
        labels = np.array([name.encode() for name in names] if as_bytes else names)
        raw = read_arrays(path, x_train=random_images(6, 4, 4), y_train=labels)
        assert raw.class_names == ("ant", "caf\u00e9", "dog")
        assert raw.train.labels.tolist() == [2, 1, 2, 1, 0, 0]

    @pytest.mark.parametrize("labels", [["\ud800"] * 6, [b"\xe9"] * 6])
    def test_texts_that_are_not_unicode_are_refused(self, path: Path, labels: list[Any]) -> None:
        np.savez(path, x_train=random_images(6, 4, 4), y_train=np.array(labels))
        assert "y_train: expected texts in Unicode" in refused(path)

    def test_python_objects_are_refused_unread(self, path: Path) -> None:
        labels = np.array(["a", "b", 3, 4, 5, 6], dtype=object)
        np.savez(path, x_train=random_images(6, 4, 4), y_train=labels)
        assert "y_train: expected plain numbers or texts, got Python objects" in refused(path)


class TestNames:
    def test_arrays_that_are_there_are_listed_with_the_settings_to_name_them(
        self, path: Path
    ) -> None:
        np.savez(path, X=random_images(6, 4, 4), y=LABELS)
        message = refused(path)
        assert "expected an array 'x_train' (task.data.images), got X [6, 4, 4] uint8, y [6]" in (
            message
        )
        assert message.endswith("in task.data.images and task.data.labels")
        assert len(read(path, images="X", labels="y").train) == 6

    def test_many_arrays_are_listed_in_part(self, path: Path) -> None:
        np.savez(path, **{f"a{number}": LABELS for number in range(100)})
        assert refused(path).count("[6]") == 12

    def test_the_names_in_medmnist_are_known(self, path: Path) -> None:
        arrays: dict[str, Any] = {}
        for part, num in (("train", 6), ("val", 3), ("test", 2)):
            arrays[f"{part}_images"] = random_images(num, 4, 4, seed=num)
            arrays[f"{part}_labels"] = np.arange(num).reshape(num, 1) % 3
        raw = read_arrays(path, **arrays)
        assert raw.valid is not None
        assert raw.test is not None
        for part, num in ((raw.train, 6), (raw.valid, 3), (raw.test, 2)):
            np.testing.assert_array_equal(part.images[:, 0], random_images(num, 4, 4, seed=num))
        assert raw.valid.labels.tolist() == [0, 1, 2]
        assert raw.notices == ()

    @pytest.mark.parametrize("name", ["valid", "val"])
    def test_validation_images_are_taken_as_such(self, path: Path, name: str) -> None:
        images = random_images(6, 4, 4)
        arrays = {"x_train": images, "y_train": LABELS, f"x_{name}": images, f"y_{name}": LABELS}
        raw = read_arrays(path, **arrays)
        assert raw.valid is not None
        assert raw.valid.labels.tolist() == LABELS.tolist()
        np.savez(path, **(arrays | {f"y_{name}": LABELS + 1}))
        assert "validation label 3 is none of the training labels" in refused(path)
        del arrays[f"y_{name}"]
        np.savez(path, **arrays)
        assert "(task.data.valid_labels)" in refused(path)

    def test_arrays_that_are_not_used_are_said(self, path: Path) -> None:
        raw = read_arrays(path, x_train=random_images(6, 4, 4), y_train=LABELS, X_test=LABELS)
        (notice,) = raw.notices
        assert notice.startswith("1 of 3 arrays were not used: X_test [6] int")


class TestBounds:
    def write_header(self, path: Path, shape: tuple[int, ...], descr: str, data: bytes) -> None:
        """Write an archive whose images say to be of this shape and type, with these bytes."""
        header = io.BytesIO()
        np.lib.format.write_array_header_1_0(
            header, {"shape": shape, "fortran_order": False, "descr": descr}
        )
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("x_train.npy", header.getvalue() + data)
            labels = io.BytesIO()
            np.save(labels, LABELS)
            archive.writestr("y_train.npy", labels.getvalue())

    @pytest.mark.parametrize(
        ("shape", "descr"),
        [((6, 2**20, 2**20), "|u1"), ((-6, -4, 4), "|u1"), ((10**12,), "<U0"), ((6, 4, 5), "<f8")],
    )
    def test_headers_that_promise_more_than_follows_are_refused(
        self, path: Path, shape: tuple[int, ...], descr: str
    ) -> None:
        self.write_header(path, shape, descr, bytes(96))
        assert "x_train: is damaged" in refused(path)

    def test_memory_is_asked_for_before_it_is_taken(self, path: Path) -> None:
        self.write_header(path, (6, 2**10, 2**10), "|u1", bytes(6 * 2**20))  # 6 KiB packed
        assert path.stat().st_size < 10_000
        assert "resources.unpacked_mb" in refused(path, Allowance(6 * 2**20))
        read(path, Allowance(6 * 2**20 + LABELS.nbytes))

    def test_the_memory_of_other_types_is_asked_for_too(self, path: Path) -> None:
        images = np.zeros((6, 4, 4), np.float64)
        np.savez(path, x_train=images, y_train=LABELS)
        needed = images.nbytes + LABELS.nbytes + images.nbytes // 2
        assert "resources.unpacked_mb" in refused(path, Allowance(needed - 1))
        read(path, Allowance(needed))

    def test_a_header_without_end_takes_no_memory(self, path: Path) -> None:
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            length = (64 * 2**20).to_bytes(4, "little")
            archive.writestr("x_train.npy", b"\x93NUMPY\x02\x00" + length + b" " * (64 * 2**20))
        tracemalloc.start()
        try:
            assert "x_train.npy says at too great length what it is" in refused(path)
            assert tracemalloc.get_traced_memory()[1] < 2**23
        finally:
            tracemalloc.stop()

    def test_a_shape_of_any_length_is_told_in_short(self, path: Path) -> None:
        described = f"{{'descr': '|u1', 'fortran_order': False, 'shape': (0x{'f' * 6000},)}}"
        header = b"\x93NUMPY\x01\x00" + len(described).to_bytes(2, "little") + described.encode()
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("x_train.npy", header)
        assert len(refused(path)) < 500

    @pytest.mark.parametrize("data", [b"", b"no array", b"\x93NUMPY\x09\x00", b"\x93NUMPY\x01\x00"])
    def test_what_is_no_array_is_refused(self, path: Path, data: bytes) -> None:
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("x_train.npy", data)
        assert "expected a numpy archive of plain arrays" in refused(path)

    @pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
    def test_what_numpy_never_packs_like_that_is_refused(self, path: Path, method: int) -> None:
        with zipfile.ZipFile(path, "w", method) as archive:
            archive.writestr("x_train.npy", bytes(10_000))
        assert "x_train.npy is packed by another method than deflate" in refused(path)

    def test_a_single_array_is_no_archive(self, path: Path) -> None:
        with path.open("wb") as file:
            np.save(file, LABELS)
        assert "expected a numpy archive of plain arrays" in refused(path)
