"""This machine's copies of prepared data, shared by all workers."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from pathlib import Path

from nas_lib.data.manifest import BlobInfo
from nas_lib.errors import CorruptStateError, StoreError


def cached_blob(fetch: Callable[[], bytes], info: BlobInfo, key: str) -> Path:
    """Return the path of a local file with this blob, fetching it if there is none.

    Many processes may call this at once: a file appears whole or not at all, and one of another
    length than it should have is replaced. It lies in `$NAS_CACHE` (by default `~/.cache/nas`).

    Args:
        fetch: Returns the blob; called only where it is needed.
        info: What the blob is recognised by.
        key: Where it lies in the store; the file has the same name.

    Raises:
        CorruptStateError: What was fetched is not this blob.
        StoreError: The cache cannot be written.
    """
    path = _cache_folder() / "data" / info.sha256 / Path(key).name
    if path.is_file() and path.stat().st_size == info.num_bytes:
        return path
    data = fetch()
    found = BlobInfo.of(data)
    if found != info:
        raise CorruptStateError(f"stored object {key} is damaged: expected {info}, got {found}")
    try:
        _write_whole(path, data)
    except OSError as err:
        raise StoreError(f"cannot write {path} (set NAS_CACHE to another folder): {err}") from err
    return path


def _cache_folder() -> Path:
    return Path(os.environ.get("NAS_CACHE") or "~/.cache/nas").expanduser()


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
