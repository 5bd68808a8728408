"""This machine's copies of prepared data: files that are known by the hash of what they hold."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

from nas_lib.cache import cache_folder
from nas_lib.data.blobs import BlobInfo
from nas_lib.errors import CorruptStateError, StoreError

_GIB: Final = 2**30


@dataclass(frozen=True)
class LocalData:
    """This machine's copies of prepared data, all that a search may see or all for the test.

    Attributes:
        blob: Everything of small data, of large data what is small.
        shards: The rest of large data, in the order of its rows.
    """

    blob: Path
    shards: tuple[Path, ...] = ()


def copies_folder() -> Path:
    """Return where copies lie: in `$NAS_CACHE`, by default `~/.cache/nas`.

    Raises:
        ConfigError: There is no place for a cache.
    """
    return cache_folder() / "data"


def require_space(num_bytes: int, what: str) -> None:
    """Refuse what the disk of the copies has no room for, before any of it is made.

    Args:
        num_bytes: How much it takes.
        what: What takes it, for the error.

    Raises:
        StoreError: There is too little.
    """
    folder = copies_folder()
    existing = next((each for each in (folder, *folder.parents) if each.exists()), folder)
    with written(folder):
        _, _, free = shutil.disk_usage(existing)
    if num_bytes > free:
        raise StoreError(
            f"{what} takes {_gib(num_bytes)} GiB on the disk of {folder}, which has {_gib(free)} "
            "GiB left: make room, or let NAS_CACHE name a folder with some"
        )


def cached_blobs(fetch: Callable[[str, int], bytes], infos: Mapping[str, BlobInfo]) -> list[Path]:
    """Return the paths of local files with these blobs, as `cached_blob` does, one by one.

    Args:
        fetch: Returns the blob of a key and of at most so many bytes.
        infos: What each is recognised by, by its key.

    Raises:
        StoreError: The disk has too little room for those that are missing.
    """
    missing = [info for key, info in infos.items() if not _is_whole(_path(info, key), info)]
    require_space(sum(info.num_bytes for info in missing), "a copy of the prepared data")
    return [
        cached_blob(partial(fetch, key, info.num_bytes), info, key) for key, info in infos.items()
    ]


def cached_blob(fetch: Callable[[], bytes], info: BlobInfo, key: str) -> Path:
    """Return the path of a local file with this blob, fetching it if there is none.

    Many processes may call this at once: a file appears whole or not at all, and one of another
    length than it should have is replaced.

    Args:
        fetch: Returns the blob; called only where it is needed.
        info: What the blob is recognised by.
        key: Where it lies in the store; the file has the same name.

    Raises:
        CorruptStateError: What was fetched is not this blob.
        ConfigError: There is no place for a cache.
        StoreError: It cannot be written.
    """
    path = _path(info, key)
    if _is_whole(path, info):
        return path
    data = fetch()
    found = BlobInfo.of(data)
    if found != info:
        raise CorruptStateError(f"stored object {key} is damaged: expected {info}, got {found}")
    with written(path):
        _write_whole(path, data)
    return path


@contextmanager
def written(path: Path) -> Iterator[None]:
    """Turn what a disk refuses into a sentence that says how to name another one."""
    try:
        yield
    except StoreError:  # it is one of ours already
        raise
    except OSError as err:
        raise StoreError(
            f"cannot write {path} (set NAS_CACHE to another folder): {err.strerror}"
        ) from err


def _path(info: BlobInfo, key: str) -> Path:
    return copies_folder() / info.sha256 / Path(key).name


def _is_whole(path: Path, info: BlobInfo) -> bool:
    """Say whether the file is there, of its length, and ours to read."""
    try:
        return path.stat().st_size == info.num_bytes and os.access(path, os.R_OK)
    except OSError:
        return False


def _write_whole(path: Path, data: bytes) -> None:
    """Write the file elsewhere first; only the finished file gets this name."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=path.parent) as folder:
        part = Path(folder) / path.name
        with part.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())  # else a power cut could leave its length without its content
        part.replace(path)


def _gib(num_bytes: int) -> str:
    return f"{num_bytes / _GIB:,.1f}"
