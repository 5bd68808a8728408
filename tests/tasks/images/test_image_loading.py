from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from allowances import AMPLE
from image_files import random_images
from safetensors.numpy import load, save

from nas_lib.config import ImageTaskConfig
from nas_lib.data import BlobInfo, LocalData
from nas_lib.errors import CorruptStateError
from nas_lib.tasks.images.batches import (
    ImageTensors,
    check_images,
    load_images,
    load_test_images,
)
from nas_lib.tasks.images.preparation import ImageManifest, prepare_images


def test_tensors_equal_the_arrays_that_were_prepared(tmp_path: Path) -> None:
    digits = prepare_images(ImageTaskConfig(), seed=0, allowance=AMPLE)
    search, test = tmp_path / "search.safetensors", tmp_path / "test.safetensors"
    search.write_bytes(digits.search_blob)
    test.write_bytes(digits.test_blob)
    images, arrays = load_images(LocalData(search)), load(digits.search_blob)
    np.testing.assert_array_equal(images.train.images.numpy(), arrays["train_images"])
    np.testing.assert_array_equal(images.train.labels.numpy(), arrays["train_labels"])
    np.testing.assert_array_equal(images.valid.images.numpy(), arrays["valid_images"])
    assert images.train.labels.dtype == torch.int64
    assert len(load_test_images(LocalData(test)).labels) == digits.manifest.num_test


def test_images_and_labels_move_to_a_device_together() -> None:
    part = ImageTensors(torch.zeros(2, 1, 3, 3), torch.zeros(2)).to("meta")
    assert (part.images.device.type, part.labels.device.type) == ("meta", "meta")


def test_images_are_mapped_from_the_file_and_not_copied(tmp_path: Path) -> None:
    path = tmp_path / "large.safetensors"
    labels = np.zeros(2000, np.int64)
    part = {"train_images": random_images(2000, 3, 32, 32), "train_labels": labels}
    path.write_bytes(save(part | {"valid_images": part["train_images"], "valid_labels": labels}))
    own_before = _own_memory()
    images = load_images(LocalData(path)).train.images
    total = int(images.sum(dtype=torch.int64))  # reads every page
    assert total == int(part["train_images"].sum(dtype=np.int64))
    start, end = _mapping_of(path)
    assert start <= images.data_ptr() < end
    assert _own_memory() - own_before < images.numel() / 2


@pytest.mark.parametrize("load_it", [load_images, load_test_images])
@pytest.mark.parametrize("content", [b"", b"no safetensors at all", save({})])
def test_a_damaged_file_is_named(
    tmp_path: Path, load_it: Callable[[LocalData], object], content: bytes
) -> None:
    path = tmp_path / "x.safetensors"
    path.write_bytes(content)
    with pytest.raises(CorruptStateError, match=r"x\.safetensors: expected prepared"):
        load_it(LocalData(path))


def _own_memory() -> int:
    """Return the bytes of this process's memory that lie in no file (Linux)."""
    for line in Path("/proc/self/smaps_rollup").read_text().splitlines():
        if line.startswith("Anonymous:"):
            return int(line.split()[1]) * 1024
    raise AssertionError("the kernel tells no anonymous memory")


def _mapping_of(path: Path) -> tuple[int, int]:
    """Return the addresses between which a file lies in this process's memory (Linux)."""
    for line in Path("/proc/self/maps").read_text().splitlines():
        if line.endswith(str(path)):
            start, end = line.split()[0].split("-")
            return int(start, 16), int(end, 16)
    raise AssertionError(f"{path} is not mapped")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"images": torch.zeros(4, 1, 2, 3, dtype=torch.uint8)}, r"got uint8 \[4, 1, 2, 3\]"),
        ({"images": torch.zeros(4, 1, 2, 2)}, r"expected train_images to be uint8 \[4, 1, 2, 2\]"),
        ({"labels": torch.tensor([0, 1, 2, 1])}, "indices below 2, got 0 to 2"),
        ({"labels": torch.tensor([0, 1, -1, 1])}, "indices below 2, got -1 to 1"),
        ({"labels": torch.tensor([0, 1])}, r"expected train_labels to be int64 \[4\], got int64"),
    ],
)
def test_images_that_are_not_as_their_manifest_says_are_refused(
    change: dict[str, torch.Tensor], said: str
) -> None:
    blob = BlobInfo.of(b"")
    manifest = ImageManifest(
        *("hash", "somewhere", 4, 1, 1, blob, blob),
        class_names=("a", "b"),
        image_shape=(1, 2, 2),
        dtype="uint8",
        mean=(0.5,),
        std=(1.0,),
    )
    right = ImageTensors(torch.zeros(4, 1, 2, 2, dtype=torch.uint8), torch.tensor([0, 1, 0, 1]))
    assert check_images("train", right, manifest, 4) is right

    with pytest.raises(CorruptStateError, match=said):
        check_images("train", replace(right, **change), manifest, 4)
    with pytest.raises(CorruptStateError, match="a mean and a deviation above 0 of each of 1 cha"):
        check_images("train", right, replace(manifest, std=(0.0,)), 4)
