"""What every object store must do; a new one costs a fixture."""

from __future__ import annotations

import os
import random
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from nas_lib.errors import ObjectNotFoundError
from nas_lib.store.objects import ObjectStore


class StoreContract:
    """Give a subclass named Test... a fixture `store` that returns an empty store."""

    def test_what_is_stored_comes_back(self, store: ObjectStore) -> None:
        assert store.create("children/r000-000017-03/result.json", b"{}")
        assert store.get("children/r000-000017-03/result.json") == b"{}"

    @pytest.mark.parametrize("data", [b"", bytes(range(256)), b"\r\n\x00", os.urandom(6_000_000)])
    def test_any_bytes_are_kept(self, store: ObjectStore, data: bytes) -> None:
        store.create("created", data)
        store.replace("replaced", data)
        assert store.get("created") == store.get("replaced") == data

    def test_a_key_may_hold_any_letters(self, store: ObjectStore) -> None:
        key = "J\u00f6rg \u65e5\u672c/a b%20+?&=~'.json"
        store.create(key, b"x")
        assert store.get(key) == b"x"
        assert [info.key for info in store.list("J\u00f6rg \u65e5\u672c")] == [key]

    def test_one_may_ask_whether_an_object_is_there(self, store: ObjectStore) -> None:
        store.create("a/b", b"x")
        keys = ["a/b", "a", "a/c", "a/b/c", "nowhere/b"]
        assert [key for key in keys if store.has(key)] == ["a/b"]
        store.delete("a/b")
        assert not store.has("a/b")

    def test_a_missing_object_is_named(self, store: ObjectStore) -> None:
        with pytest.raises(ObjectNotFoundError) as caught:
            store.get("rounds/r000/000001.json")
        assert str(caught.value) == f"there is no rounds/r000/000001.json in {store.uri}"

    def test_neither_a_prefix_nor_what_lies_below_an_object_is_one(
        self, store: ObjectStore
    ) -> None:
        store.create("a/b", b"x")
        for key in ("a", "a/b/c"):
            with pytest.raises(ObjectNotFoundError):
                store.get(key)

    @pytest.mark.parametrize("key", ["", "/a", "a/", "a//b", ".", "..", "../a", "a/../b", "a/./b"])
    def test_a_key_may_not_leave_the_store(self, store: ObjectStore, key: str) -> None:
        for call in (
            lambda: store.get(key),
            lambda: store.has(key),
            lambda: store.create(key, b"x"),
            lambda: store.replace(key, b"x"),
            lambda: store.delete(key),
            lambda: store.get_many([key]),
        ):
            with pytest.raises(ValueError, match="a key may not leave the store"):
                call()

    def test_a_prefix_may_not_leave_the_store(self, store: ObjectStore) -> None:
        with pytest.raises(ValueError, match="a key may not leave the store"):
            store.list("..")
        with pytest.raises(ValueError, match="a key may not leave the store"):
            store.keys("..")

    def test_an_object_is_created_only_once(self, store: ObjectStore) -> None:
        assert store.create("a", b"first")
        assert not store.create("a", b"second")
        assert store.get("a") == b"first"

    def test_of_sixteen_racing_writers_one_wins(self, store: ObjectStore) -> None:
        line = threading.Barrier(16)

        def create(writer: int) -> bool:
            line.wait()
            return store.create("shard/00000001", b"%d" % writer)

        with ThreadPoolExecutor(16) as threads:
            won = list(threads.map(create, range(16)))
        assert won.count(True) == 1
        assert store.get("shard/00000001") == b"%d" % won.index(True)

    def test_objects_of_thirty_two_racing_writers_are_numbered_without_loss(
        self, store: ObjectStore
    ) -> None:
        payloads = [[b"%d.%d" % (writer, number) for number in range(3)] for writer in range(32)]
        with ThreadPoolExecutor(32) as threads:
            list(threads.map(lambda mine: append_each(store, "shard", mine), payloads))
        stored = store.get_many(store.keys("shard"))
        assert store.keys("shard") == [numbered("shard", number) for number in range(96)]  # 32 x 3
        assert sorted(stored) == sorted(payload for mine in payloads for payload in mine)

    def test_an_object_can_be_replaced(self, store: ObjectStore) -> None:
        store.replace("a", b"old")
        store.replace("a", b"new")
        assert store.get("a") == b"new"

    def test_a_new_content_is_a_new_version(self, store: ObjectStore) -> None:
        store.replace("a", b"old")
        (old,) = store.list("")
        store.replace("a", b"new")
        (new,) = store.list("")
        assert old.version != new.version

    def test_an_object_can_be_deleted_twice(self, store: ObjectStore) -> None:
        store.create("a/b", b"x")
        store.delete("a/b")
        store.delete("a/b")
        store.delete("never/there")
        assert list(store.list("")) == []

    def test_a_deleted_object_can_be_created_again(self, store: ObjectStore) -> None:
        store.create("a", b"old")
        store.delete("a")
        assert store.create("a", b"new")
        assert store.get("a") == b"new"

    def test_a_listing_is_sorted_by_key(self, store: ObjectStore) -> None:
        keys = ["b", "a/b", "a.b", "a/a/c", "a0", "c/1", "c/10", "c/2"]
        for key in keys:
            store.create(key, key.encode())
        found = list(store.list(""))
        assert [info.key for info in found] == sorted(keys)
        assert [info.size for info in found] == [len(key) for key in sorted(keys)]
        assert store.keys("") == sorted(keys)

    def test_a_listing_goes_by_whole_segments(self, store: ObjectStore) -> None:
        for key in ["r000/1", "r000/2/3", "r0001/1", "r000.json"]:
            store.create(key, b"x")
        assert [info.key for info in store.list("r000")] == ["r000/1", "r000/2/3"]
        assert store.keys("r000") == ["r000/1", "r000/2/3"]
        assert list(store.list("r00")) == store.keys("r00") == []
        assert list(store.list("r000/1")) == []

    def test_a_listing_may_begin_after_a_key(self, store: ObjectStore) -> None:
        for key in ["a/00000009.x", "a/00000010.x", "a/00000010.y", "a/00000011.x", "b/1", "a.b"]:
            store.create(key, b"x")
        assert list(store.keys("a", after="a/00000010.x")) == ["a/00000010.y", "a/00000011.x"]
        assert list(store.keys("a", after="a/00000012.x")) == []
        assert len(store.keys("a", after="")) == 4

    def test_an_empty_store_lists_nothing(self, store: ObjectStore) -> None:
        assert list(store.list("")) == []
        assert list(store.list("rounds")) == []

    def test_a_listing_longer_than_a_page_is_whole(self, store: ObjectStore) -> None:
        keys = [f"{number:04d}" for number in range(1100)]  # S3 answers with 1,000 at most
        with ThreadPoolExecutor(16) as threads:
            list(threads.map(lambda key: store.create(key, b"x"), keys))
        assert [info.key for info in store.list("")] == keys

    def test_many_objects_come_in_the_order_of_their_keys(self, store: ObjectStore) -> None:
        for number in range(40):
            store.create(f"{number}", b"%d" % number)
        keys = [f"{number}" for number in reversed(range(40))]
        assert list(store.get_many(keys)) == [key.encode() for key in keys]
        assert list(store.get_many([])) == []

    def test_one_missing_of_many_is_named(self, store: ObjectStore) -> None:
        store.create("a", b"x")
        with pytest.raises(ObjectNotFoundError, match="there is no b in "):
            store.get_many(["a", "b"])


def append_each(store: ObjectStore, folder: str, payloads: list[bytes]) -> None:
    """Store each payload under the number after the newest, as shards are pushed."""
    newest = ""
    for payload in payloads:
        pause_s = 0.001
        while True:
            newest = max([newest, *store.keys(folder, after=newest)])
            number = int(newest.rpartition("/")[2]) + 1 if newest else 0
            if store.create(numbered(folder, number), payload):
                break
            time.sleep(random.uniform(0, pause_s))
            pause_s = min(2 * pause_s, 0.5)


def numbered(folder: str, number: int) -> str:
    """Return a key that sorts by its number."""
    return f"{folder}/{number:08d}"
