"""A store that counts what it is asked for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from threading import Lock

from nas_lib.errors import ObjectNotFoundError
from nas_lib.store.objects import ObjectInfo, ObjectStore


class CountedStore:
    """Passes everything on, and counts requests by kind and the bytes of their contents.

    Attributes:
        counts: Requests: `get`, `get, none there`, `create`, `create, too late`, `replace`,
            `delete`, `list`, `head`; and `bytes read`, `bytes written`. Names of keys do not count.
    """

    def __init__(self, store: ObjectStore) -> None:
        self.uri = store.uri
        self.concurrency = store.concurrency
        self.counts: Counter[str] = Counter()
        self._store = store
        self._lock = Lock()  # shards are pushed by several threads

    def get(self, key: str, *, at_most: int | None = None) -> bytes:
        """Return the object."""
        try:
            data = self._store.get(key, at_most=at_most)
        except ObjectNotFoundError:
            self._count("get, none there")
            raise
        self._count("get", read=len(data))
        return data

    def has(self, key: str) -> bool:
        """Say whether there is such an object."""
        found = self._store.has(key)
        self._count("head")
        return found

    def create(self, key: str, data: bytes) -> bool:
        """Store the object if there is none; return whether it did."""
        created = self._store.create(key, data)
        self._count("create" if created else "create, too late", written=len(data))
        return created

    def replace(self, key: str, data: bytes) -> None:
        """Store the object, in place of any other."""
        self._store.replace(key, data)
        self._count("replace", written=len(data))

    def delete(self, key: str) -> None:
        """Remove the object, if there is one."""
        self._store.delete(key)
        self._count("delete")

    def list(self, prefix: str) -> Iterator[ObjectInfo]:
        """Return what lies below this prefix, sorted by key."""
        self._count("list")
        return self._store.list(prefix)

    def keys(self, prefix: str, *, after: str = "") -> Sequence[str]:
        """Return the keys of what lies below this prefix and after this key, sorted."""
        self._count("list")
        return self._store.keys(prefix, after=after)

    def leftovers(self) -> Sequence[ObjectInfo]:
        """Return what killed writers left half-written."""
        self._count("list")
        return self._store.leftovers()

    def get_many(self, keys: Sequence[str], *, at_most: int | None = None) -> Sequence[bytes]:
        """Return several objects, in the order of the keys."""
        blobs = self._store.get_many(keys, at_most=at_most)
        for data in blobs:
            self._count("get", read=len(data))
        return blobs

    def _count(self, kind: str, *, read: int = 0, written: int = 0) -> None:
        with self._lock:
            self.counts += Counter({kind: 1, "bytes read": read, "bytes written": written})
