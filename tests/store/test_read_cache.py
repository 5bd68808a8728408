from __future__ import annotations

import os
import signal
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from uuid import uuid4

import pytest

from nas_lib.errors import ObjectNotFoundError
from nas_lib.store.folder import FolderStore
from nas_lib.store.objects import ObjectInfo, ObjectStore
from nas_lib.store.obstores import MemoryStore
from nas_lib.store.open import open_store
from nas_lib.store.read_cache import read_immutable


class FarStore(MemoryStore):
    """Looks like a cloud to the cache, and notes what is read from it."""

    concurrency = 32

    def __init__(self) -> None:
        super().__init__(uuid4().hex)
        self.uri = f"s3://far/{uuid4().hex}"
        self.keys_read: list[str] = []

    def get_many(self, keys: Sequence[str], *, at_most: int | None = None) -> Sequence[bytes]:
        self.keys_read += keys
        return super().get_many(keys, at_most=at_most)


@pytest.fixture
def store() -> FarStore:
    return FarStore()


def read_all(store: ObjectStore) -> list[bytes]:
    return read_immutable(store, list(store.list("")))


def test_an_object_is_read_only_once(store: FarStore) -> None:
    store.create("a", b"")
    assert read_all(store) == [b""]
    store.create("b", b"1")
    assert read_all(store) == [b"", b"1"]
    assert read_all(store) == [b"", b"1"]
    assert store.keys_read == ["a", "b"]


def test_objects_come_in_the_order_of_their_infos(store: FarStore) -> None:
    for key in "abcd":
        store.create(key, key.encode())
    infos = list(store.list(""))
    read_immutable(store, infos[1:3])
    assert read_immutable(store, infos[::-1]) == [b"d", b"c", b"b", b"a"]


def test_an_object_made_anew_is_read_again(store: FarStore) -> None:
    store.create("a", b"old")
    read_all(store)
    store.delete("a")
    store.create("a", b"new")
    assert read_all(store) == [b"new"]


def test_stores_do_not_see_each_others_objects(store: FarStore) -> None:
    other = FarStore()
    info = ObjectInfo("a", 4, "same version", 0.0)
    store.create("a", b"mine")
    other.create("a", b"your")
    assert read_immutable(store, [info]) == [b"mine"]
    assert read_immutable(other, [info]) == [b"your"]


def test_an_object_that_vanished_is_named(store: FarStore) -> None:
    store.create("a", b"x")
    infos = list(store.list(""))
    store.delete("a")
    with pytest.raises(ObjectNotFoundError, match="there is no a in s3://far"):
        read_immutable(store, infos)


def test_a_folder_needs_no_cache(tmp_path: Path) -> None:
    folder = FolderStore(tmp_path / "search")
    folder.create("a", b"x")
    assert read_all(folder) == [b"x"]
    assert not Path(os.environ["NAS_CACHE"]).exists()


def test_a_cache_that_cannot_be_written_is_done_without(
    store: FarStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("NAS_CACHE", str(tmp_path / "file" / "cache"))
    store.create("a", b"x")
    assert read_all(store) == [b"x"]


def test_a_damaged_cache_is_done_without(store: FarStore) -> None:
    store.create("a", b"x")
    read_all(store)
    for file in Path(os.environ["NAS_CACHE"]).iterdir():
        file.write_bytes(b"not a database" * 1000)
    assert read_all(store) == [b"x"]


def test_many_readers_may_fill_the_cache_at_once(store: FarStore) -> None:
    for number in range(200):
        store.create(f"{number:03d}", b"%d" % number)
    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(lambda _: read_all(store), range(8)))
    assert answers == [[b"%d" % number for number in range(200)]] * 8
    store.keys_read.clear()
    read_all(store)
    assert store.keys_read == []


def test_a_killed_reader_leaves_the_cache_whole(store: FarStore) -> None:
    for number in range(200):
        store.create(f"{number:03d}", os.urandom(2000))
    expected = list(store.get_many([info.key for info in store.list("")]))
    for milliseconds in (2, 5, 10, 20, 40):
        child = os.fork()
        if child == 0:
            try:
                while True:
                    store.uri = f"s3://far/{uuid4().hex}"  # unknown to the cache each time
                    read_all(store)
            finally:
                os._exit(1)
        time.sleep(milliseconds / 1000)
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        assert read_all(store) == expected


@pytest.mark.parametrize("cloud", ["s3_uri", "gcs_uri", "azure_uri"])
def test_a_cloud_is_cached(cloud: str, request: pytest.FixtureRequest) -> None:
    store = open_store(request.getfixturevalue(cloud))
    store.create("a", b"x")
    infos = list(store.list(""))
    assert read_immutable(store, infos) == [b"x"]
    store.delete("a")  # so only the cache can know it
    assert read_immutable(store, infos) == [b"x"]
    store.create("a", b"other")
    assert read_immutable(store, list(store.list(""))) == [b"other"]
