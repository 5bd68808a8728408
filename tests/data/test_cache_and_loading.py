from __future__ import annotations

import threading
from pathlib import Path

import numpy as np
import pytest
import torch
from image_files import random_images
from safetensors.numpy import load, save

from nas_lib.config import TaskConfig
from nas_lib.data import BlobInfo, PreparedImages, cached_blob, prepare
from nas_lib.data.loading import ImageTensors, load_images, load_test_images
from nas_lib.errors import CorruptStateError, StoreError


class Source:
    """Gives a blob away, and counts."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.num_fetched = 0

    def __call__(self) -> bytes:
        self.num_fetched += 1
        return self.data


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch) -> Path:
    monkeypatch.setenv("NAS_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture(scope="module")
def digits() -> PreparedImages:
    return prepare(TaskConfig(), seed=0)


class TestCache:
    blob = b"some prepared data"
    info = BlobInfo.of(blob)

    def test_a_blob_is_fetched_once_and_lies_under_its_hash(self, cache):
        source = Source(self.blob)
        paths = {cached_blob(source, self.info, "data/search.safetensors") for _ in range(3)}
        assert paths == {cache / "data" / self.info.sha256 / "search.safetensors"}
        assert paths.pop().read_bytes() == self.blob
        assert source.num_fetched == 1

    def test_without_the_variable_the_cache_is_in_the_home_folder(self, tmp_path, monkeypatch):
        monkeypatch.delenv("NAS_CACHE")
        monkeypatch.setenv("HOME", str(tmp_path))
        path = cached_blob(Source(self.blob), self.info, "data/search.safetensors")
        assert path.is_relative_to(tmp_path / ".cache" / "nas")

    @pytest.mark.parametrize("content", [b"", blob[:-1], b"something else, and longer"])
    def test_a_truncated_or_foreign_file_is_replaced(self, content):
        path = cached_blob(Source(self.blob), self.info, "data/search.safetensors")
        path.write_bytes(content)
        assert cached_blob(Source(self.blob), self.info, "data/search.safetensors") == path
        assert path.read_bytes() == self.blob

    @pytest.mark.parametrize("data", [blob[:-1], b"Some prepared data"])
    def test_a_damaged_blob_is_refused_and_not_kept(self, cache, data):
        with pytest.raises(CorruptStateError, match=r"object data/search\.safetensors is damaged"):
            cached_blob(Source(data), self.info, "data/search.safetensors")
        assert not list(cache.rglob("*.safetensors"))

    def test_a_cache_that_cannot_be_written_is_named(self, cache):
        cache.write_text("a file where the folder should be")
        with pytest.raises(StoreError, match=f"cannot write {cache}.*NAS_CACHE"):
            cached_blob(Source(self.blob), self.info, "data/search.safetensors")

    def test_a_failed_write_leaves_nothing_behind(self, cache, monkeypatch):
        def full_disk(_descriptor: int) -> None:
            raise OSError(28, "No space left on device")

        monkeypatch.setattr("os.fsync", full_disk)
        with pytest.raises(StoreError, match="No space left on device"):
            cached_blob(Source(self.blob), self.info, "data/search.safetensors")
        assert list((cache / "data" / self.info.sha256).iterdir()) == []

    def test_many_at_once_all_get_the_whole_file(self):
        num_workers = 8
        together = threading.Barrier(num_workers)
        found: list[bytes] = []

        def fetch() -> bytes:
            together.wait(timeout=10)  # all of them have seen that there is no file
            return self.blob

        def work() -> None:
            found.append(cached_blob(fetch, self.info, "data/search.safetensors").read_bytes())

        threads = [threading.Thread(target=work) for _ in range(num_workers)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert found == [self.blob] * num_workers


class TestLoading:
    def test_tensors_equal_the_arrays_that_were_prepared(self, digits):
        search = cached_blob(
            Source(digits.search_blob), digits.manifest.search_blob, "data/search.safetensors"
        )
        test = cached_blob(
            Source(digits.test_blob), digits.manifest.test_blob, "data/test.safetensors"
        )
        images, arrays = load_images(search), load(digits.search_blob)
        np.testing.assert_array_equal(images.train.images.numpy(), arrays["train_images"])
        np.testing.assert_array_equal(images.train.labels.numpy(), arrays["train_labels"])
        np.testing.assert_array_equal(images.valid.images.numpy(), arrays["valid_images"])
        assert images.train.labels.dtype == torch.int64
        assert len(load_test_images(test).labels) == digits.manifest.num_test

    def test_images_and_labels_move_to_a_device_together(self):
        part = ImageTensors(torch.zeros(2, 1, 3, 3), torch.zeros(2)).to("meta")
        assert (part.images.device.type, part.labels.device.type) == ("meta", "meta")

    def test_images_are_mapped_from_the_file_and_not_copied(self, tmp_path):
        path = tmp_path / "large.safetensors"
        labels = np.zeros(2000, np.int64)
        part = {"train_images": random_images(2000, 3, 32, 32), "train_labels": labels}
        path.write_bytes(
            save(part | {"valid_images": part["train_images"], "valid_labels": labels})
        )
        own_before = _own_memory()
        images = load_images(path).train.images
        total = int(images.sum(dtype=torch.int64))  # reads every page
        assert total == int(part["train_images"].sum(dtype=np.int64))
        start, end = _mapping_of(path)
        assert start <= images.data_ptr() < end
        assert _own_memory() - own_before < images.numel() / 2

    @pytest.mark.parametrize("load_it", [load_images, load_test_images])
    @pytest.mark.parametrize("content", [b"", b"no safetensors at all", save({})])
    def test_a_damaged_file_is_named(self, tmp_path, load_it, content):
        path = tmp_path / "x.safetensors"
        path.write_bytes(content)
        with pytest.raises(CorruptStateError, match=r"x\.safetensors: expected prepared"):
            load_it(path)


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
