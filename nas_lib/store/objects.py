"""Objects under keys: a folder, this process's memory, or S3 (MinIO and others)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True)
class ObjectInfo:
    """One entry of a listing."""

    key: str
    size: int  # bytes
    version: str  # changes whenever the object does (S3's ETag; a folder's time and size)
    modified_s: float  # seconds since 1970


class ObjectStore(Protocol):
    """What a search needs of a store. Keys are relative, `/`-separated, and may not leave it.

    Every method raises `StoreError` where the store cannot be reached, refuses, or is full; its
    message names the store and the key.
    """

    uri: str

    def get(self, key: str) -> bytes:
        """Return the object.

        Raises:
            ObjectNotFoundError: There is none.
        """
        ...

    def create(self, key: str, data: bytes) -> bool:
        """Store the object if there is none under this key, atomically; return whether it did."""
        ...

    def replace(self, key: str, data: bytes) -> None:
        """Store the object, in place of any other. For what is derived and may be made again."""
        ...

    def delete(self, key: str) -> None:
        """Remove the object; nothing happens if there is none."""
        ...

    def list(self, prefix: str) -> Iterator[ObjectInfo]:
        """Yield what lies below this prefix (whole path segments), sorted by key."""
        ...

    def get_many(self, keys: list[str]) -> list[bytes]:
        """Return several objects in the order of the keys, fetched concurrently.

        Raises:
            ObjectNotFoundError: One is missing.
        """
        ...
