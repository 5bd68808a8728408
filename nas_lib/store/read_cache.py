"""A copy on this machine of objects that never change, for stores that are far away.

A search of 12,800 children is as many small objects, and in a cloud each is a request. They are
kept in one SQLite file in `$NAS_CACHE` (by default `~/.cache/nas`), which many processes may use
at once and which a kill leaves whole. The cache only ever saves time: where it cannot be used, the
store is read.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress

from nas_lib.cache import cache_folder
from nas_lib.errors import ConfigError
from nas_lib.store.objects import ObjectInfo, ObjectStore

_TABLE = """CREATE TABLE IF NOT EXISTS objects (
    store TEXT, key TEXT, version TEXT, data BLOB, PRIMARY KEY (store, key))"""
_UNUSABLE = (sqlite3.Error, OSError, ConfigError)  # ConfigError: no home folder


def read_immutable(
    store: ObjectStore, infos: Sequence[ObjectInfo], *, at_most: int | None = None
) -> list[bytes]:
    """Return objects that are written once, in the order of their infos.

    An object that was deleted and made anew has another version, and is read again.

    Raises:
        ObjectNotFoundError: One is gone since it was listed.
    """
    if store.concurrency == 1:  # it is near
        return list(store.get_many([info.key for info in infos], at_most=at_most))
    blobs = _recall(store.uri, infos)
    unknown = [info for info in infos if info not in blobs]
    keys = [info.key for info in unknown]
    fetched = dict(zip(unknown, store.get_many(keys, at_most=at_most), strict=True))
    _remember(store.uri, fetched)
    blobs |= fetched
    return [blobs[info] for info in infos]


def _recall(uri: str, infos: Sequence[ObjectInfo]) -> dict[ObjectInfo, bytes]:
    found: dict[ObjectInfo, bytes] = {}
    query = "SELECT data FROM objects WHERE store = ? AND key = ? AND version = ?"
    with suppress(*_UNUSABLE), _opened() as cache:
        for info in infos:
            row = cache.execute(query, (uri, info.key, info.version)).fetchone()
            if row is not None:
                found[info] = row[0]
    return found


def _remember(uri: str, blobs: Mapping[ObjectInfo, bytes]) -> None:
    rows = ((uri, info.key, info.version, data) for info, data in blobs.items())
    with suppress(*_UNUSABLE), _opened() as cache:
        cache.executemany("INSERT OR REPLACE INTO objects VALUES (?, ?, ?, ?)", rows)


@contextmanager
def _opened() -> Iterator[sqlite3.Connection]:
    """Yield the cache; what is written to it counts when this ends well."""
    folder = cache_folder()
    folder.mkdir(parents=True, exist_ok=True)
    with closing(sqlite3.connect(folder / "objects.sqlite", timeout=10)) as cache, cache:
        cache.execute("PRAGMA journal_mode = WAL")  # readers and a writer do not wait
        cache.execute(_TABLE)
        yield cache
