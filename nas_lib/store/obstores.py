"""Stores that obstore carries: this process's memory, and (in `network.py`) those of clouds."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import suppress
from functools import cache
from typing import TYPE_CHECKING

import obstore
from obstore.exceptions import AlreadyExistsError
from obstore.store import MemoryStore as MemoryClient

from nas_lib.errors import ObjectNotFoundError
from nas_lib.store.failures import explained
from nas_lib.store.objects import ObjectInfo, check_key, check_size

if TYPE_CHECKING:
    from obstore import ObjectMeta
    from obstore.store import ObjectStore as Client


class ObstoreStore(ABC):
    """What memory and the stores of clouds have in common."""

    concurrency = 1

    def __init__(self, uri: str) -> None:
        self.uri = uri

    @property
    @abstractmethod
    def _client(self) -> Client: ...

    def get(self, key: str, *, at_most: int | None = None) -> bytes:
        """Return the object."""
        with explained("read", key, self.uri):
            found = obstore.get(self._client, check_key(key))
            check_size(key, found.meta["size"], at_most)
            return bytes(found.bytes())

    def has(self, key: str) -> bool:
        """Return whether there is such an object."""
        with explained("read", key, self.uri):
            try:
                obstore.head(self._client, check_key(key))
            except FileNotFoundError:
                return False
            return True

    def create(self, key: str, data: bytes) -> bool:
        """Store the object if there is none; return whether it did."""
        with explained("write", key, self.uri):
            try:
                obstore.put(self._client, check_key(key), data, mode="create")
            except AlreadyExistsError:
                return False
            return True

    def replace(self, key: str, data: bytes) -> None:
        """Store the object, in place of any other."""
        with explained("write", key, self.uri):
            obstore.put(self._client, check_key(key), data, use_multipart=False)

    def delete(self, key: str) -> None:
        """Remove the object, if there is one."""
        with suppress(ObjectNotFoundError), explained("delete", key, self.uri):
            obstore.delete(self._client, check_key(key))

    def list(self, prefix: str) -> Iterator[ObjectInfo]:
        """Return what lies below this prefix, sorted by key."""
        return self._list(prefix, after="")

    def keys(self, prefix: str, *, after: str = "") -> Sequence[str]:
        """Return the keys of what lies below this prefix and after this key, sorted."""
        return [info.key for info in self._list(prefix, after=after)]

    def _list(self, prefix: str, *, after: str) -> Iterator[ObjectInfo]:
        with explained("list", prefix, self.uri):
            pages = obstore.list(
                self._client,
                prefix and check_key(prefix),
                offset=after or None,
                chunk_size=1000,
            )
            infos = [info_of(meta) for page in pages for meta in page]
        return iter(sorted(infos, key=lambda info: info.key))

    def leftovers(self) -> Sequence[ObjectInfo]:
        """Return nothing: what is not written as a whole is not there."""
        return ()

    def get_many(self, keys: Sequence[str], *, at_most: int | None = None) -> Sequence[bytes]:
        """Return several objects, in the order of the keys."""
        return [self.get(key, at_most=at_most) for key in keys]


def info_of(meta: ObjectMeta) -> ObjectInfo:
    """Return what obstore tells of an object, as an entry of a listing."""
    return ObjectInfo(
        key=meta["path"],
        size=meta["size"],
        version=meta["e_tag"] or "",
        modified_s=meta["last_modified"].timestamp(),
    )


class MemoryStore(ObstoreStore):
    """Objects that end with the process; the same ones for all who use the same name in it."""

    def __init__(self, name: str) -> None:
        super().__init__(f"memory://{name}")

    @property
    def _client(self) -> MemoryClient:
        return _memory(self.uri)


@cache
def _memory(uri: str) -> MemoryClient:
    del uri  # only says which one
    return MemoryClient()
