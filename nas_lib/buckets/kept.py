"""The copies of buckets that this machine keeps: what they are of, and how they are removed."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from nas_lib.buckets.copy import ADDRESS, all_copies
from nas_lib.buckets.lock import LOCK, held_if_free
from nas_lib.data.copies import written


@dataclass(frozen=True)
class KeptCopy:
    """A copy of what lies at an address.

    Attributes:
        uri: The address.
        root: The folder that has all of it.
        num_files: So many files.
        num_bytes: How long they are together, with those that were not fetched to their end.
        used_s: When somebody began to read it the last time.
    """

    uri: str
    root: Path
    num_files: int
    num_bytes: int
    used_s: float

    def remove(self) -> bool:
        """Remove it unless another process reads it; say whether it is gone.

        The lock stays, for those who wait for it.
        """
        with written(self.root), held_if_free(self.root) as is_free:
            if is_free:
                for path in self.root.iterdir():
                    if path.is_dir():
                        shutil.rmtree(path)
                    elif path.name != LOCK:
                        path.unlink()
        return is_free


def kept_copies() -> list[KeptCopy]:
    """Return all of them, in the order of their addresses.

    Raises:
        ConfigError: There is no place for a cache.
    """
    folder = all_copies()
    found = folder.iterdir() if folder.is_dir() else ()
    return sorted((_kept(each) for each in found if _is_copy(each)), key=lambda each: each.uri)


def _is_copy(root: Path) -> bool:
    """Say whether there is more of it than its lock."""
    return (root / LOCK).exists() and (root / "files").exists()


def _kept(root: Path) -> KeptCopy:
    files, parts = (
        [path.stat().st_size for path in _files(root / name)] for name in ("files", "parts")
    )
    return KeptCopy(
        _address(root),
        root,
        num_files=len(files),
        num_bytes=sum(files) + sum(parts),
        used_s=(root / LOCK).stat().st_mtime,
    )


def _address(root: Path) -> str:
    try:
        return (root / ADDRESS).read_text(encoding="utf-8")
    except FileNotFoundError:  # of a release that did not note it
        return str(root)


def _files(folder: Path) -> Iterator[Path]:
    for place, _, names in os.walk(folder):
        yield from (Path(place, name) for name in names)
