from __future__ import annotations

import threading
from pathlib import Path

import pytest

from nas_lib.data import BlobInfo, cached_blob, cached_blobs
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
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("NAS_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


BLOB = b"some prepared data"
INFO = BlobInfo.of(BLOB)


def test_a_blob_is_fetched_once_and_lies_under_its_hash(cache: Path) -> None:
    source = Source(BLOB)
    paths = {cached_blob(source, INFO, "data/search.safetensors") for _ in range(3)}
    assert paths == {cache / "data" / INFO.sha256 / "search.safetensors"}
    assert paths.pop().read_bytes() == BLOB
    assert source.num_fetched == 1


def test_without_the_variable_the_cache_is_in_the_home_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("NAS_CACHE")
    monkeypatch.setenv("HOME", str(tmp_path))
    path = cached_blob(Source(BLOB), INFO, "data/search.safetensors")
    assert path.is_relative_to(tmp_path / ".cache" / "nas")


@pytest.mark.parametrize("content", [b"", BLOB[:-1], b"something else, and longer"])
def test_a_truncated_or_foreign_file_is_replaced(content: bytes) -> None:
    path = cached_blob(Source(BLOB), INFO, "data/search.safetensors")
    path.write_bytes(content)
    assert cached_blob(Source(BLOB), INFO, "data/search.safetensors") == path
    assert path.read_bytes() == BLOB


@pytest.mark.parametrize("data", [BLOB[:-1], b"Some prepared data"])
def test_a_damaged_blob_is_refused_and_not_kept(cache: Path, data: bytes) -> None:
    sentence = (
        rf"object data/search\.safetensors is damaged: expected {len(BLOB)} bytes of SHA-256 "
        rf"\w{{64}}, got {len(data)} bytes of SHA-256 \w{{64}}$"
    )

    with pytest.raises(CorruptStateError, match=sentence):
        cached_blob(Source(data), INFO, "data/search.safetensors")
    assert not list(cache.rglob("*.safetensors"))


def test_a_cache_that_cannot_be_written_is_named(cache: Path) -> None:
    cache.write_text("a file where the folder should be")
    with pytest.raises(StoreError, match=f"cannot write {cache}.*NAS_CACHE"):
        cached_blob(Source(BLOB), INFO, "data/search.safetensors")


def test_a_failed_write_leaves_nothing_behind(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full_disk(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full_disk)
    with pytest.raises(StoreError, match="No space left on device"):
        cached_blob(Source(BLOB), INFO, "data/search.safetensors")
    assert list((cache / "data" / INFO.sha256).iterdir()) == []


def test_many_at_once_all_get_the_whole_file() -> None:
    num_workers = 8
    together = threading.Barrier(num_workers)
    found: list[bytes] = []

    def fetch() -> bytes:
        together.wait(timeout=10)  # all of them have seen that there is no file
        return BLOB

    def work() -> None:
        found.append(cached_blob(fetch, INFO, "data/search.safetensors").read_bytes())

    threads = [threading.Thread(target=work) for _ in range(num_workers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [BLOB] * num_workers


def test_several_blobs_are_fetched_one_by_one_as_far_as_they_are_missing() -> None:
    blobs = {"data/search-00000.safetensors": b"one", "data/search-00001.safetensors": b"two!"}
    infos = {key: BlobInfo.of(data) for key, data in blobs.items()}
    asked = []

    def fetch(key: str, num_bytes: int) -> bytes:
        asked.append((key, num_bytes))
        return blobs[key]

    first, _ = cached_blobs(fetch, infos)
    first.unlink()
    found = cached_blobs(fetch, infos)

    assert [path.read_bytes() for path in found] == [b"one", b"two!"]
    keys = list(blobs)
    assert asked == [(keys[0], 3), (keys[1], 4), (keys[0], 3)]


def test_nothing_is_fetched_that_the_disk_has_no_room_for(
    monkeypatch: pytest.MonkeyPatch, cache: Path
) -> None:
    monkeypatch.setattr("shutil.disk_usage", lambda _: (0, 0, INFO.num_bytes - 1))

    def fetch(key: str, num_bytes: int) -> bytes:
        raise AssertionError(key)

    with pytest.raises(StoreError, match=f"a copy of the prepared data takes .* {cache}/data, whi"):
        cached_blobs(fetch, {"data/search.safetensors": INFO})
