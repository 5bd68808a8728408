"""What lies at a path, by names and first bytes: enough to tell formats apart, and quick."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from itertools import islice
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from nas_lib.data.allowance import Allowance
from nas_lib.data.data_file import readable, unpacked
from nas_lib.data.file_sets import open_files
from nas_lib.data.paths import entries, kind_of, user_path
from nas_lib.errors import DataError, one_line
from nas_lib.tasks.images.readers.pictures import picture_suffixes

_DEEPEST: Final = 3  # torchvision's root has MNIST/raw below it
_MOST: Final = 4_000  # names
_HEAD: Final = 2**16
_ZIP: Final = b"PK\x03\x04"


@dataclass(frozen=True, eq=False)
class Listing:
    """What was found at a path.

    Attributes:
        path: As the user wrote it.
        kind: Such as a file, a folder or nothing.
        allowance: How much memory may be taken.
        wanted: Settings that the user has said, by their places, such as `task.target`.
    """

    path: str
    kind: str
    allowance: Allowance
    wanted: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def of(
        cls, path: str, allowance: Allowance, wanted: Mapping[str, Any] = MappingProxyType({})
    ) -> Listing:
        """Look what lies there.

        Raises:
            DataError: It cannot be looked at.
        """
        return cls(path, kind_of(user_path(path)), allowance, wanted)

    @property
    def where(self) -> str:
        """The path, for errors."""
        return one_line(self.path)

    @property
    def place(self) -> Path:
        """Where that is."""
        return user_path(self.path)

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Files in a folder and below it, or in an archive; the first of them where they are many.

        None of a single file that is no archive.
        """
        if self.kind == "a folder":
            return tuple(islice(_in_folder(self.place, 0), _MOST))
        if self.kind != "a file" or self.is_npz:
            return ()
        try:
            with open_files(self.path, self.allowance) as files:
                return tuple(str(file.name) for file in files[:_MOST])
        except DataError:
            return ()

    @cached_property
    def head(self) -> bytes:
        """How a file begins, unpacked; nothing of a folder."""
        if self.kind != "a file":
            return b""
        with readable(self.where), self.place.open("rb") as raw, unpacked(raw) as file:
            return file.read(_HEAD)

    @property
    def is_npz(self) -> bool:
        """Whether it is a numpy archive."""
        return self.head.startswith(_ZIP) and b".npy" in self.head[:512]

    @property
    def is_text(self) -> bool:
        """Whether a file begins as a text does."""
        head = self.head
        if not head or (b"\0" in head and not head.startswith((b"\xff\xfe", b"\xfe\xff"))):
            return False
        try:
            head[: head.rfind(b"\n") + 1 or len(head)].decode("utf-8-sig")
        except UnicodeDecodeError:
            return head.startswith((b"\xff\xfe", b"\xfe\xff"))
        return True

    @cached_property
    def pictures(self) -> tuple[str, ...]:
        """The files among the names that are pictures by their suffix."""
        suffixes = tuple(picture_suffixes())
        return tuple(name for name in self.names if name.lower().endswith(suffixes))

    @property
    def texts(self) -> tuple[str, ...]:
        """Files that are texts by their name; the file itself where it is one."""
        if self.kind == "a file":
            return (self.path,) if self.is_text else ()
        return tuple(name for name in self.names if name.lower().endswith((".txt", ".tsv")))

    @property
    def base_names(self) -> tuple[str, ...]:
        """The names without folders, and without suffixes of packing."""
        found = (name.rpartition("/")[2] for name in self.names)
        return tuple(
            name.removesuffix(".gz").removesuffix(".bz2").removesuffix(".xz") for name in found
        )


def _in_folder(folder: Path, depth: int, within: str = "") -> Iterator[str]:
    """Yield names of files, those of a folder before those below it."""
    try:
        found = entries(folder)
    except OSError as err:
        raise DataError(f"{one_line(folder)}: cannot be listed: {one_line(err)}") from err
    folders = {entry.path: entry for entry in found if entry.is_dir(follow_symlinks=False)}
    yield from (within + entry.name for entry in found if entry.path not in folders)
    for entry in folders.values():
        if depth < _DEEPEST and os.access(entry.path, os.R_OK | os.X_OK):
            yield from _in_folder(Path(entry.path), depth + 1, f"{within}{entry.name}/")
