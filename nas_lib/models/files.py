"""Files that a model is to be used on: those that a user named, and those in named folders."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from nas_lib.data.allowance import Allowance
from nas_lib.data.data_file import DataFile
from nas_lib.data.decoding import decoded
from nas_lib.data.paths import existing_file, is_of_a_system, kind_of, user_path
from nas_lib.errors import DataError, one_line
from nas_lib.tasks.images.readers.npz_archive import NpzArchive, listed
from nas_lib.training.machine import memory_limit_mb

STDIN: Final = Path("-")
"""Stands for what is written to standard input."""
_ARRAYS: Final = (".npy", ".npz")


@dataclass(frozen=True)
class FoundFile:
    """A file to use a model on.

    Attributes:
        path: Where it lies; `STDIN` for standard input.
        is_named: Whether the user named it, and not only a folder above it.
    """

    path: Path
    is_named: bool = True

    @property
    def is_array(self) -> bool:
        """Whether it holds images as numpy stores arrays; in folders these may be anything."""
        return self.is_named and self.path.suffix.lower() in _ARRAYS


def find_files(names: Sequence[str | Path]) -> list[FoundFile]:
    """Return the files of these names, and all that lie in those that are folders, however deep.

    In folders nothing is looked at that is hidden or left there by a system, and no link to
    another folder is followed.

    Raises:
        DataError: A folder cannot be listed, or holds nothing.
    """
    found: list[FoundFile] = []
    for name in names:
        path = user_path(name)
        if path != STDIN and kind_of(path) == "a folder":
            within = [FoundFile(each, is_named=False) for each in _within(path)]
            if not within:
                raise DataError(f"{one_line(path)}: expected files in this folder, got none")
            found += within
        else:
            found.append(FoundFile(path))
    return found


def _within(root: Path) -> Iterator[Path]:
    def refuse(err: OSError) -> None:
        where = one_line(err.filename or root)
        raise DataError(f"{where}: cannot be listed: {one_line(err.strerror or err)}") from err

    for folder, folders, files in os.walk(root, onerror=refuse):
        folders[:] = sorted(name for name in folders if not is_of_a_system(name))
        yield from (Path(folder, name) for name in sorted(files) if not is_of_a_system(name))


def read_array(path: Path, num_channels: int) -> npt.NDArray[Any]:
    """Return the array in a file of numpy's; of an archive the only one that may be images.

    Raises:
        DataError: There is none, or the file is damaged.
    """
    path = existing_file(path)
    if path.suffix.lower() == ".npz":
        return _from_archive(path, num_channels)
    try:
        array: npt.NDArray[Any] = np.load(path, mmap_mode="r", allow_pickle=False)
        return array
    except (OSError, ValueError, EOFError) as err:
        raise DataError(
            f"{one_line(path)}: expected an array as numpy stores it: {one_line(err)}"
        ) from err


def _from_archive(path: Path, num_channels: int) -> npt.NDArray[Any]:
    archive = NpzArchive(path, one_line(path), _allowance())
    fitting = {
        name: header
        for name, header in archive.headers.items()
        if (len(header.shape) == 4 and header.shape[-1] == num_channels)
        or (len(header.shape) == 3 and num_channels == 1)
    }
    if len(fitting) != 1:
        raise DataError(
            f"{one_line(path)}: expected one array of images [N, H, W, {num_channels}], got "
            f"{listed(fitting) or archive.listed()}"
        )
    return archive.read(next(iter(fitting)))


def read_text(path: Path) -> str:
    """Return the text in a file, unpacked where it is packed.

    Raises:
        DataError: It cannot be read, or is no text.
    """
    path = existing_file(path)
    num_bytes = path.stat().st_size
    where, place = one_line(path), one_line(path.parent)
    name = PurePosixPath(path.name)
    file = DataFile(name, where, place, num_bytes, lambda: path.open("rb"), _allowance())
    return "".join(decoded(file))


def _allowance() -> Allowance:
    return Allowance(memory_limit_mb() * 2**20 // 2)
