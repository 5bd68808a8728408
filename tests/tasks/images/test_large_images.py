"""Folders of pictures that do not fit into memory, which small ones stand for."""

from __future__ import annotations

import math
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
import torch
from allowances import AMPLE
from image_files import random_images, write_png
from PIL import Image
from shards import take_as_large

from nas_lib.config import ImageFolderData, ImageTaskConfig
from nas_lib.data import LocalData, Prepared
from nas_lib.data.allowance import Allowance
from nas_lib.errors import DataError, StoreError
from nas_lib.tasks.images import preparation
from nas_lib.tasks.images.batches import load_images, load_test_images
from nas_lib.tasks.images.preparation import prepare_images
from nas_lib.tasks.images.readers import read_images
from nas_lib.tasks.images.readers.pictures import PictureReader


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Make a folder of 30 pictures, one of 16 and two of 32 bits, and a file that is none."""
    root = tmp_path / "photos"
    for number in range(30):
        write_png(root / "ab"[number % 2] / f"{number}.png", random_images(6, 6, 3, seed=number))
    Image.fromarray(np.full((6, 6), 40_000, np.uint16)).save(root / "a" / "sixteen.png")
    for name, value in (("low", 2.0), ("high", 500.0)):
        Image.fromarray(np.full((6, 6), value, np.float32)).save(root / "b" / f"{name}.tiff")
    (root / "a" / "notes.txt").write_text("no picture")
    return root


def prepare(folder: Path, *, size: int = 5) -> Prepared:
    task = ImageTaskConfig(data=ImageFolderData(path=str(folder), size=size))
    return prepare_images(task, seed=1, allowance=AMPLE)


def local(found: Prepared, folder: Path) -> tuple[LocalData, LocalData]:
    """Return what was prepared as files for the search and for the test."""
    folder.mkdir()
    (folder / "search").write_bytes(found.search_blob)
    (folder / "test").write_bytes(found.test_blob)
    return (
        LocalData(folder / "search", found.search_shards),
        LocalData(folder / "test", found.test_shards),
    )


def test_all_is_as_it_is_of_small_folders(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = prepare(folder)
    take_as_large(monkeypatch, shard_bytes=4 * 5 * 5 * 3)  # four pictures
    sharded = prepare(folder)

    assert sharded.manifest.content_hash == whole.manifest.content_hash
    assert sharded.manifest.notices == whole.manifest.notices
    for name in ("mean", "std"):
        mine, its = getattr(sharded.manifest, name), getattr(whole.manifest, name)
        assert mine == pytest.approx(its, rel=1e-12)
    assert len(whole.manifest.notices) == 3  # a file left out, 16 bits, 32 bits
    search, test = local(sharded, tmp_path / "sharded")
    whole_search, whole_test = local(whole, tmp_path / "whole")
    mine, its = load_images(search), load_images(whole_search)
    assert torch.equal(mine.train.images[:], its.train.images[:])
    assert torch.equal(mine.train.labels, its.train.labels)
    assert torch.equal(mine.valid.images[:], its.valid.images[:])
    assert torch.equal(load_test_images(test).images[:], load_test_images(whole_test).images[:])


def test_no_array_of_all_pictures_is_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    num, size = 600, 64
    for number in range(num):
        write_png(tmp_path / "p" / "ab"[number % 2] / f"{number}.png", random_images(2, 2, 3))
    shard_bytes = 2**17
    take_as_large(monkeypatch, shard_bytes=shard_bytes)
    monkeypatch.setattr(preparation, "_MOST_AT_ONCE", 0)
    monkeypatch.setattr(preparation, "_VALUES_AT_ONCE", 2**16)
    prepare(tmp_path / "p", size=4)  # what is imported or kept the first time does not count

    tracemalloc.start()
    found = prepare(tmp_path / "p", size=size)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    all_bytes = num * 3 * size * size
    assert len(found.search_shards) >= math.floor(0.7 * all_bytes / shard_bytes)
    assert peak < all_bytes / 3  # 7 MB; 64 pictures may have been decoded before their turn


def test_what_is_on_the_disk_does_not_count_as_memory(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = ImageFolderData(path=str(folder), size=5)
    few = Allowance(2000)  # for decoding one, and not for 34 of 5 x 5 pixels in 3 channels
    with pytest.raises(DataError, match=r"resources\.unpacked_mb"):
        read_images(config, few)
    take_as_large(monkeypatch, shard_bytes=1)
    assert len(read_images(config, few).train) == 33


def test_a_disk_with_too_little_room_is_refused_before_anything_is_decoded(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "a" / "0.png").write_bytes(b"damaged")
    take_as_large(monkeypatch, shard_bytes=1)
    # 34 files of 5 x 5 pixels in 3 channels, and all of them again in shards
    monkeypatch.setattr("shutil.disk_usage", lambda _: (0, 0, 2 * 34 * 5 * 5 * 3 - 1))
    with pytest.raises(StoreError, match=r"image folder .*photos takes .* NAS_CACHE"):
        prepare(folder)


def test_a_picture_that_became_something_else_meanwhile_is_named(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    once = PictureReader.read
    seen = set()

    def read(self: PictureReader, path: Path) -> object:
        is_again = path in seen
        seen.add(path)
        return None if is_again else once(self, path)

    monkeypatch.setattr(PictureReader, "read", read)
    with pytest.raises(DataError, match=r"high\.tiff: became another file while it was read"):
        prepare(folder)


def test_few_pictures_are_decoded_before_their_turn(folder: Path) -> None:
    begun = 0

    class Counting(PictureReader):
        def read(self, path: Path) -> None:
            nonlocal begun
            begun += 1

    reader = Counting((3, 4, 4), background="white", allowance=AMPLE)
    pictures = reader.read_all([folder] * 1000)
    next(pictures)
    assert begun <= 66
    assert len(list(pictures)) == 999
