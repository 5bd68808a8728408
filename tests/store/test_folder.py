from __future__ import annotations

import os
import shutil
import signal
import threading
from pathlib import Path

import pytest

from nas_lib.store.folder import FolderStore


def test_reading_creates_no_folder(tmp_path: Path) -> None:
    store = FolderStore(tmp_path / "search")
    assert list(store.list("")) == []
    assert not (tmp_path / "search").exists()


def test_a_relative_folder_stays_where_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    store = FolderStore("runs/../search")
    monkeypatch.chdir("/")
    store.create("a", b"x")
    assert store.uri == str(tmp_path / "search")
    assert (tmp_path / "search" / "a").read_bytes() == b"x"


def test_what_a_killed_writer_left_is_no_object(tmp_path: Path) -> None:
    store = FolderStore(tmp_path)
    child = os.fork()
    if child == 0:
        os.link = lambda *_: os.kill(os.getpid(), signal.SIGKILL)  # it never gets its name
        try:
            store.create("rounds/000001", b"half")
        finally:
            os._exit(1)
    _, status = os.waitpid(child, 0)
    assert os.WTERMSIG(status) == signal.SIGKILL
    assert list(store.list("")) == []
    assert store.create("rounds/000001", b"whole")
    (leftover,) = store.leftovers()
    assert leftover.size == len(b"half")
    store.delete(leftover.key)
    assert store.leftovers() == []
    assert store.get("rounds/000001") == b"whole"


def test_keys_are_the_same_whatever_a_system_has_between_folders(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "rounds\\000001").touch()
    monkeypatch.setattr(os, "sep", "\\")  # as Windows has it

    assert FolderStore(tmp_path).keys("") == ["rounds/000001"]


def test_writers_leave_nothing_behind(tmp_path: Path) -> None:
    store = FolderStore(tmp_path)
    store.create("a", b"x")
    store.create("a", b"y")
    store.replace("a", b"z")
    assert list((tmp_path / ".staging").iterdir()) == []


def test_others_may_read_an_object_where_the_umask_lets_them(tmp_path: Path) -> None:
    mask = os.umask(0o022)
    try:
        FolderStore(tmp_path).create("a", b"x")
    finally:
        os.umask(mask)
    assert (tmp_path / "a").stat().st_mode & 0o777 == 0o644


def test_files_may_vanish_during_a_listing(tmp_path: Path) -> None:
    store = FolderStore(tmp_path)
    stop = threading.Event()

    def churn() -> None:
        while not stop.is_set():
            for number in range(20):
                folder = tmp_path / "churn" / str(number)
                folder.mkdir(parents=True)
                (folder / "file").touch()
            shutil.rmtree(tmp_path / "churn")

    store.create("z", b"x")
    thread = threading.Thread(target=churn)
    thread.start()
    try:
        for _ in range(200):
            assert list(store.list(""))[-1].key == "z"
    finally:
        stop.set()
        thread.join()
