"""Whether a store keeps what was created first: all of a search's safety rests on that.

A server, or a proxy before it, that does not know `If-None-Match` overwrites in silence, and two
replicas then push the same version of a shard. `nas store init` lets writers race; every run asks
once, before its first write.
"""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

from nas_lib.errors import StoreError
from nas_lib.store import layout
from nas_lib.store.objects import ObjectStore

_WRITERS = 8
_PROBE = b"kfp-nas creates this object again and again: a store that lets it cannot hold a search\n"


def require_create_only(store: ObjectStore) -> None:
    """Refuse a store that lets the same object be created twice.

    The probe stays there: once it is, this takes a request. A folder and memory are not asked.

    Raises:
        StoreError: It does.
    """
    if store.concurrency == 1:  # near: no server is between us and it
        return
    if store.create(layout.PROBE, _PROBE) and store.create(layout.PROBE, _PROBE):
        store.delete(layout.PROBE)
        raise _not_create_only(store, "2 of 2")


def check_create_is_atomic(store: ObjectStore, num_races: int) -> None:
    """Let several writers create the same object at once, `num_races` times over.

    Raises:
        StoreError: More than one was told that it did, or the object is not the winner's.
    """
    with ThreadPoolExecutor(_WRITERS) as threads:
        for _ in range(num_races):
            _race(store, f"{layout.PROBE}-{uuid4().hex}", threads)


def _race(store: ObjectStore, key: str, threads: ThreadPoolExecutor) -> None:
    line = threading.Barrier(_WRITERS)

    def create(writer: int) -> bool:
        line.wait()
        return store.create(key, str(writer).encode())

    try:
        won = list(threads.map(create, range(_WRITERS)))
        winner = int(store.get(key))
    finally:
        store.delete(key)
    # A winner whose answer was lost was told that it lost; that is no fault of the store.
    if sum(won) > 1 or (any(won) and not won[winner]):
        raise _not_create_only(store, f"{sum(won)} of {_WRITERS}")


def _not_create_only(store: ObjectStore, who: str) -> StoreError:
    return StoreError(
        f"{store.uri} cannot hold a search: {who} writers were told that they created the same "
        "object, expected one (does it support If-None-Match?)"
    )
