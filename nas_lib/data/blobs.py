"""Prepared data as blobs: what they are known by, and this machine's copies of them."""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import numpy.typing as npt
from pydantic.dataclasses import dataclass as checked_dataclass
from safetensors.numpy import save

from nas_lib.cache import cache_folder
from nas_lib.errors import CorruptStateError, StoreError
from nas_lib.records import STRICT, Count

Arrays = Mapping[str, npt.NDArray[Any]]


@checked_dataclass(frozen=True, config=STRICT)
class BlobInfo:
    """How to recognise a blob: its SHA-256 in hexadecimal digits, and its length."""

    sha256: str
    num_bytes: Count

    @classmethod
    def of(cls, data: bytes) -> BlobInfo:
        """Return what these bytes are recognised by."""
        return cls(sha256=hashlib.sha256(data).hexdigest(), num_bytes=len(data))


@checked_dataclass(frozen=True, config=STRICT)
class Manifest:
    """What was prepared, without the data; each task's says more.

    Attributes:
        content_hash: Of all arrays and what their indices stand for; not of where they came from.
        source: What was read, for people.
        num_train: Training examples.
        num_valid: Examples for the reward.
        num_test: Test examples.
        search_blob: The training and validation examples, all that a search may see.
        test_blob: The test examples.
        search_shards: Of large data, the rows of what does not lie in `search_blob`, in order;
            empty where that has all.
        test_shards: Likewise of the test.
        notices: A sentence on each thing that a user would not guess: what was left out, or taken
            for something else than its name says. Not part of the content.
    """

    content_hash: str
    source: str
    num_train: Count
    num_valid: Count
    num_test: Count
    search_blob: BlobInfo
    test_blob: BlobInfo
    search_shards: tuple[BlobInfo, ...] = field(default=(), kw_only=True)
    test_shards: tuple[BlobInfo, ...] = field(default=(), kw_only=True)
    notices: tuple[str, ...] = field(default=(), kw_only=True)


M = TypeVar("M", bound=Manifest)


@dataclass(frozen=True)
class Prepared:
    """Data ready for a search; the blobs are safetensors files (see `nas_lib.data.tensors`).

    Attributes:
        manifest: What they are.
        search_blob: What a search may see.
        test_blob: What is for the test.
        search_shards: Of large data, this machine's copies of the shards.
        test_shards: Likewise.
    """

    manifest: Manifest
    search_blob: bytes
    test_blob: bytes
    search_shards: tuple[Path, ...] = ()
    test_shards: tuple[Path, ...] = ()


@dataclass(frozen=True)
class LocalData:
    """This machine's copies of prepared data, all that a search may see or all for the test.

    Attributes:
        blob: Everything of small data, of large data what is small.
        shards: The rest of large data, in the order of its rows.
    """

    blob: Path
    shards: tuple[Path, ...] = ()


def prepared(
    manifest: Callable[..., Manifest], search: Arrays, test: Arrays, *, names: Sequence[str]
) -> Prepared:
    """Serialise arrays, and complete what is said of them.

    Args:
        manifest: Makes the manifest of content hash and blobs.
        search: All that a search may see.
        test: What is for the test.
        names: What the indices in them stand for: classes, or words.
    """
    search_blob, test_blob = save(dict(search)), save(dict(test))
    return Prepared(
        manifest(
            content_hash=_content_hash({**search, **test}, names),
            search_blob=BlobInfo.of(search_blob),
            test_blob=BlobInfo.of(test_blob),
        ),
        search_blob,
        test_blob,
    )


def _content_hash(arrays: Arrays, names: Sequence[str]) -> str:
    """Hash the arrays themselves: a blob's header could change with the library that writes it."""
    digest = hashlib.sha256(json.dumps(names).encode())
    for name, array in arrays.items():
        digest.update(f"{name} {array.dtype} {array.shape}".encode())
        digest.update(array.reshape(-1).data)
    return digest.hexdigest()


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
        ConfigError: There is no place for a cache.
        StoreError: It cannot be written.
    """
    path = cache_folder() / "data" / info.sha256 / Path(key).name
    if _is_whole(path, info.num_bytes):
        return path
    data = fetch()
    found = BlobInfo.of(data)
    if found != info:
        raise CorruptStateError(f"stored object {key} is damaged: expected {info}, got {found}")
    try:
        _write_whole(path, data)
    except OSError as err:
        raise StoreError(
            f"cannot write {path} (set NAS_CACHE to another folder): {err.strerror}"
        ) from err
    return path


def _is_whole(path: Path, num_bytes: int) -> bool:
    """Say whether the file is there, of this length, and ours to read."""
    try:
        return path.stat().st_size == num_bytes and os.access(path, os.R_OK)
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
