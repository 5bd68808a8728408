"""Objects under keys: a folder, this process's memory, or a cloud's (S3, MinIO, Google, Azure)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from nas_lib.errors import CorruptStateError, one_line


@dataclass(frozen=True)
class ObjectInfo:
    """One entry of a listing."""

    key: str
    size: int  # bytes
    version: str  # changes whenever the object does (S3's ETag; a folder's inode, time and size)
    modified_s: float  # seconds since 1970


class ObjectStore(Protocol):
    """What a search needs of a store. Keys are relative, `/`-separated, and may not leave it.

    Every method raises `StoreError` where the store cannot be reached, refuses, or is full; its
    message names the store and the key. A `ValueError` is a key that could leave the store.

    Attributes:
        uri: Where it is.
        concurrency: Requests that are worth having under way at once; 1 where it is near.
    """

    uri: str
    concurrency: int

    def get(self, key: str, *, at_most: int | None = None) -> bytes:
        """Return the object.

        Args:
            key: Its key.
            at_most: Bytes that such an object can have; a larger one is refused unread.

        Raises:
            ObjectNotFoundError: There is none.
            CorruptStateError: It is larger.
        """
        ...

    def has(self, key: str) -> bool:
        """Return whether there is such an object now. A listing may be late, this is not."""
        ...

    def create(self, key: str, data: bytes) -> bool:
        """Store the object if there is none under this key, atomically; return whether it did.

        False may also mean one's own object, where S3's first answer was lost and the client
        asked again: read the winner before going on.
        """
        ...

    def replace(self, key: str, data: bytes) -> None:
        """Store the object, in place of any other. For what is derived and may be made again."""
        ...

    def delete(self, key: str) -> None:
        """Remove the object; nothing happens if there is none."""
        ...

    def list(self, prefix: str) -> Iterator[ObjectInfo]:
        """Return what lies below this prefix (whole path segments; "" for all), sorted by key."""
        ...

    def keys(self, prefix: str, *, after: str = "") -> Sequence[str]:
        """Return the keys of what lies below this prefix, sorted.

        A folder finds them in a tenth of the time that `list` takes. S3 takes one request for what
        comes after a key, however much lies before it.

        Args:
            prefix: Whole path segments; "" for all.
            after: A key; only greater ones are returned.
        """
        ...

    def leftovers(self) -> Sequence[ObjectInfo]:
        """Return what killed writers left half-written: no objects, but `delete` removes them."""
        ...

    def get_many(self, keys: Sequence[str], *, at_most: int | None = None) -> Sequence[bytes]:
        """Return several objects in the order of the keys, fetched concurrently.

        Raises:
            ObjectNotFoundError: One is missing.
            CorruptStateError: One is larger than such an object can be.
        """
        ...


def check_size(key: str, size: int, at_most: int | None) -> None:
    """Refuse an object that is larger than it can be, before memory is taken for it.

    Raises:
        CorruptStateError: It is.
    """
    if at_most is not None and size > at_most:
        raise CorruptStateError(
            f"stored object {key} is damaged: expected at most {at_most:,} bytes, got {size:,}"
        )


def shown(text: str) -> str:
    """Return what a user wrote as a part of a sentence: quoted, and cut where it is long."""
    return one_line(repr(text), 100)


def check_key(key: str) -> str:
    """Return the key, refused if it could name anything outside its store.

    Raises:
        ValueError: A segment is empty, `.` or `..`.
    """
    if any(segment in ("", ".", "..") for segment in key.split("/")):
        raise ValueError(
            f"a key may not leave the store: expected a/relative/path, got {shown(key)}"
        )
    return key
