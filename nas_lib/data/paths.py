"""Paths that a user wrote."""

from __future__ import annotations

from pathlib import Path

from nas_lib.errors import DataError


def existing_folder(text: str) -> Path:
    """Return the folder; `~` is the home folder.

    Raises:
        DataError: There is no folder.
    """
    path = Path(text).expanduser()
    if not path.is_dir():
        raise DataError(f"{path}: expected a folder, got {_what_is(path)}")
    return path


def existing_file(text: str) -> Path:
    """Return the file; `~` is the home folder.

    Raises:
        DataError: There is no file.
    """
    path = Path(text).expanduser()
    if not path.is_file():
        raise DataError(f"{path}: expected a file, got {_what_is(path)}")
    return path


def _what_is(path: Path) -> str:
    if not path.exists():
        return "nothing"
    return "a folder" if path.is_dir() else "a file"
