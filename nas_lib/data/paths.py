"""Paths that a user wrote, and what lies below them: looked at before anything is opened."""

from __future__ import annotations

import hashlib
import os
import stat
from pathlib import Path
from typing import Final

from nas_lib.errors import DataError, one_line

_KINDS: Final = (
    (stat.S_ISREG, "a file"),
    (stat.S_ISDIR, "a folder"),
    (stat.S_ISFIFO, "a pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)
_OF_SYSTEMS: Final = {
    "__macosx",
    "@eadir",  # of Synology, as the next two
    "#recycle",
    "#snapshot",
    "$recycle.bin",
    "system volume information",
    "thumbs.db",
    "desktop.ini",
    "lost+found",
}


def is_of_a_system(name: str) -> bool:
    """Say whether a file or folder is none of the user's: hidden, or left there by a system."""
    return name.startswith(".") or name.lower() in _OF_SYSTEMS


def entries(folder: Path) -> list[os.DirEntry[str]]:
    """Return what lies in a folder by name, but for what systems leave there.

    Raises:
        OSError: It cannot be listed.
    """
    with os.scandir(folder) as listed:
        found = [entry for entry in listed if not is_of_a_system(entry.name)]
    return sorted(found, key=lambda entry: entry.name)


def user_path(text: str | Path) -> Path:
    """Return the path; `~` is the home folder.

    Raises:
        DataError: Nobody knows that home folder, or it is empty, as of a variable that is unset.
    """
    if not str(text):
        raise DataError("expected a path, got an empty text")
    try:
        return Path(text).expanduser()
    except (RuntimeError, ValueError) as err:  # ValueError: a NUL in it
        raise DataError(f"{one_line(text)}: there is no such home folder") from err


def kind_of(path: Path) -> str:
    """Say what lies there without opening it: a file, a folder, a pipe, ..., or nothing.

    Raises:
        DataError: It cannot be looked at.
    """
    try:
        mode = path.stat().st_mode
    except (FileNotFoundError, NotADirectoryError):
        return "a link to nothing" if path.is_symlink() else "nothing"
    except (OSError, ValueError) as err:  # ValueError: a NUL in the path
        raise DataError(f"{one_line(path)}: cannot be looked at: {one_line(err)}") from err
    return next((kind for is_kind, kind in _KINDS if is_kind(mode)), "something else")


def is_there(text: str) -> bool:
    """Say whether there is anything at all at a path.

    Raises:
        DataError: It cannot be looked at.
    """
    try:
        path = user_path(text)
    except DataError:  # a home folder of another machine
        return False
    return kind_of(path) not in ("nothing", "a link to nothing")


def existing_folder(text: str | Path) -> Path:
    """Return the folder; `~` is the home folder.

    Raises:
        DataError: There is no folder.
    """
    return _expected("a folder", user_path(text))


def existing_file(text: str | Path) -> Path:
    """Return the file; `~` is the home folder. Pipes, sockets and devices are none.

    Raises:
        DataError: There is no file.
    """
    return _expected("a file", user_path(text))


def file_within(folder: Path, path: Path) -> Path:
    """Return a file that was found below the data's folder.

    Raises:
        DataError: It is none (a pipe, a device), or a link leads to it out of the folder.
    """
    return _within(folder, path, "a file")


def folder_within(folder: Path, path: Path) -> Path:
    """Return a folder that was found below the data's folder.

    Raises:
        DataError: It is none, or a link leads to it out of the data's folder.
    """
    return _within(folder, path, "a folder")


def leaves(folder: Path, path: Path) -> bool:
    """Say whether a path below the data's folder leads out of it, by a link on the way."""
    return not Path(os.path.realpath(path)).is_relative_to(os.path.realpath(folder))


def files_hash(text: str | Path) -> str:
    """Return a hash of names, sizes and times of what lies at a path: nothing is opened.

    It is quickly told, and says that files are those they were; where it differs they may still
    have the same content. Empty where there is nothing.

    Raises:
        DataError: It cannot be looked at.
    """
    root = user_path(text)
    if kind_of(root) in ("nothing", "a link to nothing"):
        return ""
    digest = hashlib.sha256(_traits(root, root))
    for folder, folders, files in os.walk(root):
        folders.sort()
        for name in sorted(files):
            digest.update(_traits(root, Path(folder, name)))
    return digest.hexdigest()


def _traits(root: Path, path: Path) -> bytes:
    try:
        found = path.stat() if path == root else path.lstat()
    except OSError:  # gone meanwhile
        return b""
    size_and_time = "" if stat.S_ISDIR(found.st_mode) else f"{found.st_size} {found.st_mtime_ns}"
    return os.fsencode(path.relative_to(root)) + f"\0{size_and_time}\0".encode()


def _within(folder: Path, path: Path, kind: str) -> Path:
    if leaves(folder, path):
        raise DataError(
            f"{one_line(path)}: is a link that leaves {one_line(folder)} and is not followed, put "
            f"{kind} itself there"
        )
    return _expected(kind, path)


def _expected(kind: str, path: Path) -> Path:
    if (found := kind_of(path)) != kind:
        raise DataError(f"{one_line(path)}: expected {kind}, got {found}")
    return path
