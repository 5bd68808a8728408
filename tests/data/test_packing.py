"""What is prepared of arrays, whether they lie in one blob or in shards."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load
from shards import take_as_large

from nas_lib.data import BlobInfo, Manifest, Prepared, prepared
from nas_lib.errors import StoreError

RNG = np.random.default_rng(0)
IMAGES = RNG.integers(0, 255, (10, 2, 3), dtype=np.uint8)  # 6 bytes in a row
LABELS = np.arange(10)
TEST = RNG.integers(0, 255, (4, 2, 3), dtype=np.uint8)


def prepare() -> Prepared:
    manifest = partial(Manifest, source="arrays", num_train=10, num_valid=0, num_test=4)
    search = {"images": IMAGES, "labels": LABELS}
    return prepared(manifest, search, {"test": TEST}, names=("a", "b"), cut=("images", "test"))


def test_small_data_lie_in_one_blob_and_their_manifest_names_no_shards() -> None:
    found = prepare()
    assert sorted(load(found.search_blob)) == ["images", "labels"]
    assert (found.manifest.search_shards, found.search_shards, found.test_shards) == ((), (), ())


def test_shards_have_all_rows_in_order_and_the_manifest_knows_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    take_as_large(monkeypatch, shard_bytes=23)  # 3 rows of 6 bytes
    found = prepare()

    shards = [path.read_bytes() for path in found.search_shards]
    assert [len(load(shard)["images"]) for shard in shards] == [3, 3, 3, 1]
    np.testing.assert_array_equal(np.concatenate([load(each)["images"] for each in shards]), IMAGES)
    assert found.manifest.search_shards == tuple(map(BlobInfo.of, shards))
    assert [load(path.read_bytes())["test"].tolist() for path in found.test_shards] == [
        TEST[:3].tolist(),
        TEST[3:].tolist(),
    ]
    assert list(load(found.search_blob)) == ["labels"]
    assert load(found.test_blob) == {}


def test_what_fits_into_one_shard_stays_in_the_blob(monkeypatch: pytest.MonkeyPatch) -> None:
    take_as_large(monkeypatch, shard_bytes=24)  # as many as all test rows have
    found = prepare()
    assert len(found.search_shards) == 3
    assert (found.test_shards, list(load(found.test_blob))) == ((), ["test"])


def test_a_row_that_is_larger_than_a_shard_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    take_as_large(monkeypatch, shard_bytes=1)
    assert len(prepare().search_shards) == 10


def test_the_content_is_the_same_in_a_blob_and_in_any_shards(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    hashes = {prepare().manifest.content_hash}
    for shard_bytes in (1, 23):
        take_as_large(monkeypatch, shard_bytes=shard_bytes)
        hashes.add(prepare().manifest.content_hash)
    # as the releases had it that knew no shards
    assert hashes == {"a9787ecb281fd0dc0a7989fd4c74cceffdac109493f0d85e86755de2c1b95f50"}


def test_a_disk_with_too_little_room_is_refused_before_a_shard_is_written(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    take_as_large(monkeypatch, shard_bytes=23)
    monkeypatch.setattr("shutil.disk_usage", lambda _: (0, 0, 83))  # 10 and 4 rows take 84 bytes
    with pytest.raises(StoreError, match=r"preparing the data takes 0\.0 GiB on the disk of .*: "):
        prepare()
    assert list(tmp_path.rglob("*.safetensors")) == []
