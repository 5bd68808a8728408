"""Paths of users: what lies there is found out without opening it."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from nas_lib.data.paths import (
    existing_file,
    existing_folder,
    file_within,
    files_hash,
    is_of_a_system,
    is_there,
    leaves,
)
from nas_lib.errors import DataError


@pytest.fixture
def listening(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.chdir(tmp_path)  # the path of a socket may have no more than 107 bytes
    with socket.socket(socket.AF_UNIX) as bound:
        bound.bind("s")
        yield tmp_path / "s"


def test_a_home_folder_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "data").mkdir()
    assert existing_folder("~/data") == tmp_path / "data"


def test_an_empty_path_is_not_the_folder_that_one_is_in() -> None:
    with pytest.raises(DataError, match="expected a path, got an empty text"):
        existing_folder("")


def test_a_home_folder_of_nobody_is_named() -> None:
    with pytest.raises(DataError, match="~nobody-has-this-name/x: there is no such home folder"):
        existing_folder("~nobody-has-this-name/x")


def test_what_systems_leave_in_folders_is_known() -> None:
    left = (
        "._1.png",
        ".DS_Store",
        "__MACOSX",
        "@eaDir",
        "Thumbs.db",
        "desktop.ini",
        ".git",
        "#recycle",
    )
    assert all(map(is_of_a_system, left))
    assert not any(map(is_of_a_system, ("1.png", "MACOSX", "thumbs", "_x")))


def test_what_is_there_is_said_without_an_error(tmp_path: Path) -> None:
    (tmp_path / "broken").symlink_to("nowhere")
    places = (tmp_path, tmp_path / "nothing", tmp_path / "broken", "~nobody-has-this-name/x")
    assert [is_there(str(place)) for place in places] == [True, False, False, False]


def test_a_pipe_is_refused_and_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for expect, word in ((existing_file, "a file"), (existing_folder, "a folder")):
        with pytest.raises(DataError, match=f"pipe: expected {word}, got a pipe"):
            expect(str(tmp_path / "pipe"))


def test_a_device_is_refused_and_not_read() -> None:
    with pytest.raises(DataError, match="/dev/zero: expected a file, got a device"):
        existing_file("/dev/zero")


def test_a_link_to_a_device_is_a_device(tmp_path: Path) -> None:
    (tmp_path / "data").symlink_to("/dev/zero")
    with pytest.raises(DataError, match="got a device"):
        existing_file(tmp_path / "data")


def test_a_socket_is_refused(listening: Path) -> None:
    with pytest.raises(DataError, match="expected a file, got a socket"):
        existing_file(listening)


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("x" * 300, "cannot be looked at"),
        ("a\0b", "cannot be looked at"),
        ("file/below", "got nothing"),
        ("nothing", "got nothing"),
        ("broken", "got a link to nothing"),
        ("ring", "cannot be looked at"),
    ],
)
def test_what_is_no_file_is_said(tmp_path: Path, path: str, message: str) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "broken").symlink_to("nowhere")
    (tmp_path / "ring").symlink_to("ring")
    with pytest.raises(DataError, match=message):
        existing_file(tmp_path / path)


def test_a_link_within_the_folder_is_followed(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "file").touch()
    (tmp_path / "link").symlink_to("a/file")
    assert file_within(tmp_path, tmp_path / "link") == tmp_path / "link"


def test_a_folder_may_be_a_link_itself(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "file").touch()
    (tmp_path / "data").symlink_to("real")
    assert not leaves(tmp_path / "data", tmp_path / "data" / "file")


@pytest.mark.parametrize("way", ["file", "folder/secret"])
def test_a_link_that_leaves_the_folder_is_refused_unread(tmp_path: Path, way: str) -> None:
    data = tmp_path / "data"
    data.mkdir()
    (tmp_path / "secret").touch()
    (data / "file").symlink_to(tmp_path / "secret")
    (data / "folder").symlink_to(tmp_path)
    with pytest.raises(DataError, match=f"{way}: is a link that leaves"):
        file_within(data, data / way)


class TestFilesHash:
    """Whether files are those that were read before is told without opening them."""

    @pytest.fixture
    def folder(self, tmp_path: Path) -> Path:
        for name in ("b/2", "b/10", "a/1"):
            path = tmp_path / "data" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("x")
            os.utime(path, ns=(1, 1))
        return tmp_path / "data"

    def test_a_folder_that_moved_has_the_same(self, folder: Path) -> None:
        before = files_hash(folder)
        assert files_hash(folder.rename(folder.with_name("moved"))) == before

    def test_every_change_gives_another(self, folder: Path) -> None:
        found = [files_hash(folder)]
        (folder / "a/1").rename(folder / "a/3")
        found.append(files_hash(folder))
        (folder / "b/2").unlink()
        found.append(files_hash(folder))
        os.utime(folder / "a/3", ns=(1, 2))
        found.append(files_hash(folder))
        (folder / "a/3").write_text("xx")
        os.utime(folder / "a/3", ns=(1, 2))
        found.append(files_hash(folder))
        assert len({*found}) == len(found)

    def test_a_file_that_moved_has_the_same_and_nothing_has_none(self, folder: Path) -> None:
        before = files_hash(folder / "a/1")
        assert files_hash((folder / "a/1").rename(folder / "a/moved")) == before
        assert files_hash(folder / "a/1") == ""

    def test_pipes_and_links_that_lead_in_circles_are_not_followed(self, folder: Path) -> None:
        os.mkfifo(folder / "pipe")
        (folder / "circle").symlink_to(folder)
        assert files_hash(folder) == files_hash(folder)
