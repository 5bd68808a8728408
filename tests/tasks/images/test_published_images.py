"""MNIST's family and CIFAR-10, in the forms and under the names in which people have them."""

from __future__ import annotations

import bz2
import gzip
import pickle
import shutil
import struct
import tarfile
import tracemalloc
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from allowances import AMPLE
from image_files import (
    CIFAR_BATCHES,
    cifar_batch,
    random_images,
    write_cifar_binary,
    write_cifar_python,
    write_mnist,
)

from nas_lib.config import Cifar10Data, DataConfig, IdxData
from nas_lib.data.allowance import Allowance
from nas_lib.errors import DataError
from nas_lib.tasks.images.raw import RawImages
from nas_lib.tasks.images.readers import read_images

MIB = 2**20


def read_mnist(path: Path) -> RawImages:
    """Read what `write_mnist` wrote, in whatever form it is by now."""
    raw = read_images(IdxData(path=str(path)), AMPLE)
    np.testing.assert_array_equal(raw.train.images[:, 0], random_images(6, 4, 5, seed=6))
    assert raw.test is not None
    np.testing.assert_array_equal(raw.test.images[:, 0], random_images(3, 4, 5, seed=3))
    assert raw.train.labels.tolist() == [0, 1, 2, 0, 1, 2]
    return raw


def read_cifar(path: Path) -> RawImages:
    """Read what `write_cifar_...` wrote, in whatever form it is by now."""
    raw = read_images(Cifar10Data(path=str(path)), AMPLE)
    expected = [cifar_batch(number) for number in range(6)]
    assert raw.test is not None
    np.testing.assert_array_equal(
        raw.train.images.reshape(50, 3072), np.concatenate([rows for rows, _ in expected[:5]])
    )
    np.testing.assert_array_equal(raw.test.images.reshape(10, 3072), expected[5][0])
    assert raw.train.labels.tolist() == [label for _, ls in expected[:5] for label in ls]
    return raw


def refuse(config: DataConfig, *words: str, allowance: Allowance = AMPLE) -> None:
    with pytest.raises(DataError) as caught:
        read_images(config, allowance)
    for word in words:
        assert word in str(caught.value)


def rename(folder: Path, change: Callable[[str], str]) -> None:
    for path in list(folder.iterdir()):
        path.rename(folder / change(path.name))


def pack(path: Path, kind: str) -> Path:
    """Pack a folder; return the archive, beside it."""
    packed = path.with_name(f"packed.{kind}")
    if kind == "zip":
        shutil.make_archive(str(path.with_name("packed")), "zip", path)
    else:
        with tarfile.open(packed, f"w:{kind.removeprefix('tar').lstrip('.')}") as archive:
            archive.add(path, path.name)
    shutil.rmtree(path)
    return packed


class TestIdxNames:
    @pytest.mark.parametrize(
        "change",
        [
            lambda name: name.replace("-idx", ".idx"),  # as 7-Zip and Kaggle have them
            lambda name: name.replace("t10k", "test"),
            lambda name: f"emnist-letters-{name.replace('t10k', 'test')}",
        ],
    )
    @pytest.mark.parametrize("suffix", ["", ".gz"])
    def test_other_names_for_the_same_files(
        self, tmp_path: Path, change: Callable[[str], str], suffix: str
    ) -> None:
        write_mnist(tmp_path, suffix=suffix)
        rename(tmp_path, change)
        read_mnist(tmp_path)

    @pytest.mark.parametrize("suffix", ["", ".gz"])
    def test_what_is_packed_is_told_by_content_and_not_by_name(
        self, tmp_path: Path, suffix: str
    ) -> None:
        write_mnist(tmp_path, suffix=suffix)
        rename(tmp_path, lambda name: name.removesuffix(".gz") if suffix else f"{name}.gz")
        read_mnist(tmp_path)

    def test_bzip2(self, tmp_path: Path) -> None:
        write_mnist(tmp_path)
        for path in list(tmp_path.iterdir()):
            path.with_name(f"{path.name}.bz2").write_bytes(bz2.compress(path.read_bytes()))
            path.unlink()
        read_mnist(tmp_path)

    @pytest.mark.parametrize("given", ["", "MNIST", "MNIST/raw"])
    def test_torchvisions_folders(self, tmp_path: Path, given: str) -> None:
        raw = tmp_path / "MNIST" / "raw"
        raw.mkdir(parents=True)
        write_mnist(raw)
        write_mnist(raw, suffix=".gz")
        assert read_mnist(tmp_path / given).source == f"idx files in {raw}"

    def test_two_data_sets_under_torchvisions_root_are_not_chosen_between(
        self, tmp_path: Path
    ) -> None:
        for name in ("MNIST", "FashionMNIST"):
            (tmp_path / name / "raw").mkdir(parents=True)
            write_mnist(tmp_path / name / "raw")
        refuse(
            IdxData(path=str(tmp_path)),
            "FashionMNIST/raw/train-images-idx3-ubyte, MNIST/raw/train-images-idx3-ubyte",
            "give its folder",
        )

    def test_two_sets_of_emnist_are_not_chosen_between(self, tmp_path: Path) -> None:
        write_mnist(tmp_path)
        for path in list(tmp_path.iterdir()):
            for name in ("letters", "digits"):
                shutil.copy(path, tmp_path / f"emnist-{name}-{path.name}")
            path.unlink()
        images = "train-images-idx3-ubyte"
        refuse(IdxData(path=str(tmp_path)), f"emnist-digits-{images}, emnist-letters-{images}")

    @pytest.mark.parametrize("kind", ["zip", "tar", "tar.gz", "tar.bz2"])
    @pytest.mark.parametrize("suffix", ["", ".gz"])
    def test_archives(self, tmp_path: Path, kind: str, suffix: str) -> None:
        (tmp_path / "mnist").mkdir()
        write_mnist(tmp_path / "mnist", suffix=suffix)
        read_mnist(pack(tmp_path / "mnist", kind))

    def test_each_file_in_a_folder_of_its_own(self, tmp_path: Path) -> None:
        write_mnist(tmp_path)
        for path in list(tmp_path.iterdir()):
            moved = path.rename(tmp_path / "moved")
            path.mkdir()
            moved.rename(path / path.name)
        read_mnist(tmp_path)

    def test_where_the_names_are_wrong_the_nearest_is_told(self, tmp_path: Path) -> None:
        write_mnist(tmp_path)
        rename(tmp_path, lambda name: name.replace("train-images", "training_images"))
        refuse(
            IdxData(path=str(tmp_path)),
            "train-images-idx3-ubyte is not there",
            "the nearest name there is training_images-idx3-ubyte",
        )


class TestIdxBounds:
    images = "train-images-idx3-ubyte"

    def test_a_header_that_claims_too_much(self, tmp_path: Path) -> None:
        write_mnist(tmp_path)
        header = struct.pack(">4B3I", 0, 0, 8, 3, 2**32 - 1, 2**32 - 1, 2**32 - 1)
        (tmp_path / self.images).write_bytes(header)
        refuse(IdxData(path=str(tmp_path)), self.images, "more than the", "resources.unpacked_mb")

    def test_a_header_that_claims_what_is_not_there_takes_no_memory(self, tmp_path: Path) -> None:
        write_mnist(tmp_path)
        header = struct.pack(">4B3I", 0, 0, 8, 3, 2**10, 2**10, 2**10)
        (tmp_path / self.images).write_bytes(header + b"abc")
        refuse(IdxData(path=str(tmp_path)), "expected 1,073,741,824 elements", "got 3")

    def test_a_gzip_that_goes_on_after_what_its_header_says(self, tmp_path: Path) -> None:
        write_mnist(tmp_path)
        data = (tmp_path / self.images).read_bytes() + bytes(40 * MIB)
        (tmp_path / self.images).write_bytes(gzip.compress(data))
        tracemalloc.start()
        refuse(IdxData(path=str(tmp_path)), "expected 120 elements", "got more")
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert peak < 10 * MIB

    def test_a_side_of_length_zero_with_long_ones(self, tmp_path: Path) -> None:
        write_mnist(tmp_path)
        header = struct.pack(">4B3I", 0, 0, 8, 3, 0, 2**32 - 1, 2**32 - 1)
        (tmp_path / self.images).write_bytes(header)
        refuse(IdxData(path=str(tmp_path)), str(tmp_path))


class TestCifarForms:
    @pytest.mark.parametrize("kind", ["zip", "tar", "tar.gz", "tar.bz2", "tar.xz"])
    @pytest.mark.parametrize("write", [write_cifar_binary, write_cifar_python])
    def test_archives(self, tmp_path: Path, kind: str, write: Callable[[Path], None]) -> None:
        write(tmp_path / "cifar-10-batches")
        read_cifar(pack(tmp_path / "cifar-10-batches", kind))

    def test_torchvisions_root(self, tmp_path: Path) -> None:
        write_cifar_python(tmp_path / "cifar-10-batches-py")
        (tmp_path / "cifar-10-python.tar.gz").write_bytes(b"packed")
        (tmp_path / "cifar-100-python").mkdir()
        for name in ("train", "test", "meta"):
            (tmp_path / "cifar-100-python" / name).touch()
        raw = read_cifar(tmp_path)
        assert raw.source == f"CIFAR-10 in {tmp_path / 'cifar-10-batches-py'}"

    def test_a_root_with_the_archive_alone_says_which_path_to_give(self, tmp_path: Path) -> None:
        (tmp_path / "cifar-10-python.tar.gz").write_bytes(b"packed")
        archive = str(tmp_path / "cifar-10-python.tar.gz")
        refuse(Cifar10Data(path=str(tmp_path)), f"{archive} is an archive: give it as the path")

    def test_both_versions_are_not_chosen_between(self, tmp_path: Path) -> None:
        write_cifar_python(tmp_path / "py")
        write_cifar_binary(tmp_path / "bin")
        refuse(Cifar10Data(path=str(tmp_path)), "bin/data_batch_1.bin, py/data_batch_1", "once")

    @pytest.mark.parametrize("protocol", range(2, pickle.HIGHEST_PROTOCOL + 1))
    @pytest.mark.parametrize("keys", [str, str.encode])
    @pytest.mark.parametrize("labels", [list, np.array])
    def test_batches_that_python_3_pickled_again(
        self, tmp_path: Path, protocol: int, keys: Any, labels: Any
    ) -> None:
        for number, name in enumerate(CIFAR_BATCHES):
            rows, numbers = cifar_batch(number)
            batch = {keys("data"): rows, keys("labels"): labels(numbers)}
            (tmp_path / name).write_bytes(pickle.dumps(batch, protocol))
        read_cifar(tmp_path)

    @pytest.mark.parametrize("name", ["numpy.core.multiarray", "numpy._core.multiarray"])
    def test_batches_that_another_numpy_pickled(self, tmp_path: Path, name: str) -> None:
        write_cifar_python(tmp_path / "c")
        rows, labels = cifar_batch(1)
        data = pickle.dumps({"data": rows, "labels": labels}, 2)
        data = data.replace(b"numpy._core.multiarray", b"numpy.core.multiarray")
        data = data.replace(b"numpy.core.multiarray", name.encode())
        (tmp_path / "c" / "data_batch_2").write_bytes(data)
        read_cifar(tmp_path / "c")

    @pytest.mark.parametrize(
        ("batch", "message"),
        [
            (
                {"data": np.zeros((10, 32, 32, 3), np.uint8), "labels": [0] * 10},
                "expected uint8 images [N, 3072] with N integers, got uint8 (10, 32, 32, 3)",
            ),
            ({"data": np.zeros((10, 3072), np.int64), "labels": [0] * 10}, "got int64 (10, 3072)"),
            ({"data": np.zeros((10, 3072), np.float32), "labels": [0] * 10}, "got f4"),
            ({"data": np.zeros((9, 3072), np.uint8), "labels": [0] * 10}, "got uint8 (9, 3072)"),
            ({"data": np.zeros((9, 3072), np.uint8), "labels": ["cat"] * 9}, "use the original"),
            ({"data": 5, "labels": 5}, "use the original"),
            ({"images": 5}, "use the original: KeyError 'data'"),
            ({"data": np.zeros((1, 3072), np.uint8), "labels": [[1, 2]]}, "got lists in it"),
            ([1], "use the original"),
        ],
    )
    def test_what_somebody_else_pickled_is_called_that(
        self, tmp_path: Path, batch: Any, message: str
    ) -> None:
        write_cifar_python(tmp_path / "c")
        (tmp_path / "c" / "data_batch_2").write_bytes(pickle.dumps(batch))
        refuse(Cifar10Data(path=str(tmp_path / "c")), "data_batch_2: ", message)

    def test_columns_in_another_order_are_put_right(self, tmp_path: Path) -> None:
        write_cifar_python(tmp_path / "c")
        rows, labels = cifar_batch(1)
        batch = {"data": np.asfortranarray(rows), "labels": np.array(labels, ">i2")}
        for protocol in (2, 5):
            (tmp_path / "c" / "data_batch_2").write_bytes(pickle.dumps(batch, protocol))
            read_cifar(tmp_path / "c")

    @pytest.mark.parametrize("suffix", ["", ".bin"])
    @pytest.mark.parametrize("packed", [False, True])
    def test_cifar_100_is_called_by_its_name(
        self, tmp_path: Path, suffix: str, packed: bool
    ) -> None:
        path = tmp_path / "data"
        path.mkdir()
        for name in ("train", "test"):
            (path / f"{name}{suffix}").touch()
        path = pack(path, "tar.gz") if packed else path
        refuse(
            Cifar10Data(path=str(path)),
            f"this is CIFAR-100, by its files train{suffix} and test{suffix}: expected CIFAR-10",
        )

    def test_a_batch_of_cifar_100_under_another_name(self, tmp_path: Path) -> None:
        write_cifar_python(tmp_path / "c")
        rows, labels = cifar_batch(1)
        batch = {b"data": rows, b"fine_labels": labels, b"coarse_labels": labels}
        (tmp_path / "c" / "test_batch").write_bytes(pickle.dumps(batch, 2))
        refuse(Cifar10Data(path=str(tmp_path / "c")), "test_batch: this is a batch of CIFAR-100")

    def test_a_pickle_of_a_few_bytes_takes_no_gigabytes(self, tmp_path: Path) -> None:
        write_cifar_python(tmp_path / "c")
        # the unpickler has a table for its objects, and grows it up to the number it is told
        (tmp_path / "c" / "test_batch").write_bytes(b"\x80\x02}r\xff\xff\xff\x7f.")
        refuse(Cifar10Data(path=str(tmp_path / "c")), "it names object 2,147,483,647 of 4 at most")

    def test_batches_larger_than_allowed(self, tmp_path: Path) -> None:
        write_cifar_python(tmp_path / "c")
        # 30,800 bytes each: the fourth is more than 0.1 MiB = 104,858 bytes
        refuse(
            Cifar10Data(path=str(tmp_path / "c")),
            "data_batch_4: with it the data would take",
            allowance=Allowance(MIB // 10),
        )


def test_an_encrypted_archive_is_called_that(tmp_path: Path) -> None:
    write_cifar_binary(tmp_path / "c")
    path = pack(tmp_path / "c", "zip")
    with zipfile.ZipFile(path) as archive:
        start = archive.start_dir
    data = bytearray(path.read_bytes())
    while (start := data.find(b"PK\x01\x02", start)) >= 0:
        data[start + 8] |= 1  # the directory's flag for encryption
        start += 1
    path.write_bytes(data)
    refuse(Cifar10Data(path=str(path)), ".bin: is encrypted, and is not read")
