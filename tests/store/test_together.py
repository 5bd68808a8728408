from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from nas_lib.errors import LostRaceError
from nas_lib.store.folder import FolderStore


@pytest.fixture
def store(tmp_path: Path) -> FolderStore:
    return FolderStore(tmp_path)


def test_what_is_created_together_is_seen_here_at_once_and_elsewhere_at_the_end(
    store: FolderStore, tmp_path: Path
) -> None:
    others = FolderStore(tmp_path)
    with store.together():
        assert store.create("a/1", b"one")
        assert not store.create("a/1", b"again")
        assert store.link("b/1", to="a/1")
        assert not store.link("b/1", to="a/1")
        assert (store.get("a/1"), store.get("b/1"), store.has("b/1")) == (b"one", b"one", True)
        assert not others.has("a/1")

    assert [(key, others.get(key)) for key in others.keys("")] == [("a/1", b"one"), ("b/1", b"one")]
    assert not list((tmp_path / ".staging").iterdir())


def test_a_listing_within_has_all_that_was_created(store: FolderStore) -> None:
    with store.together():
        store.create("a/1", b"one")
        assert store.keys("a") == ["a/1"]
        store.create("a/2", b"two")
        store.delete("a/2")
        store.replace("a/1", b"")
        assert store.create("a/3", b"three")

    assert [(info.key, info.size) for info in store.list("")] == [("a/1", 0), ("a/3", 5)]


def create_all(store: FolderStore, *keys: str, end: Callable[[], object]) -> None:
    with store.together():
        for key in keys:
            store.create(key, b"mine")
        end()


def test_who_was_second_is_told_and_what_came_after_is_not_there(
    store: FolderStore, tmp_path: Path
) -> None:
    def others() -> None:
        FolderStore(tmp_path).create("b", b"theirs")

    with pytest.raises(LostRaceError, match="another run at work on the same was faster"):
        create_all(store, "a", "b", "c", end=others)

    assert [(key, store.get(key)) for key in store.keys("")] == [("a", b"mine"), ("b", b"theirs")]
    assert not list((tmp_path / ".staging").iterdir())
    assert store.create("c", b"mine")  # one by one again


def test_what_was_created_before_an_error_counts(store: FolderStore) -> None:
    with pytest.raises(ZeroDivisionError):
        create_all(store, "a", end=lambda: 1 / 0)

    assert store.get("a") == b"mine"


def test_no_file_has_a_name_before_it_is_on_the_disk(
    store: FolderStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[list[str]] = []
    monkeypatch.setattr(
        "os.fsync", lambda _: synced.append([each.name for each in tmp_path.glob("[ab]")])
    )

    with store.together():
        store.create("a", b"one")
        store.create("b", b"two")

    assert synced == [[], []]
    store.replace("a", b"")  # nothing is nothing, whether it is on the disk or not
    assert len(synced) == 2
