"""Heartbeats: who waits for the Jobs of a round shows that it is there, and they end without it.

A run that is terminated in Kubeflow's UI has no chance to delete its Jobs. So whoever waits for
them replaces one object once a minute, and the pods of the Jobs look at it. What counts is that it
changes, by the looking pod's own clock: no two machines' clocks are compared. A store that cannot
be read says nothing, and the five minutes begin anew.
"""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import count
from threading import Event, Thread

from pydantic.dataclasses import dataclass as checked_dataclass

from nas_lib.errors import NasError, ObjectNotFoundError
from nas_lib.records import STRICT, ChildId, Count, to_json
from nas_lib.store import layout
from nas_lib.store.search_store import MAX_RECORD, SearchStore

BEAT_S = 60.0
LOOK_S = 30.0
SILENT_S = 300.0


@checked_dataclass(frozen=True, config=STRICT)
class Heartbeat:
    """A run waits for the Jobs of a round."""

    run: str
    host: str
    number: Count  # of those that this process wrote


@contextmanager
def beating(store: SearchStore, child: str, run: str) -> Iterator[None]:
    """Show meanwhile that this run waits for the Jobs of a child's round.

    A thread of its own does so: whoever waits may have to wait for Kubernetes. What was shown is
    deleted where all went well, as no Job is left then.

    Raises:
        StoreError: The store cannot be written.
    """
    key, over = _key(child), Event()
    host = socket.gethostname()
    beats = (to_json(Heartbeat(run, host, number)) for number in count(1))
    store.objects.replace(key, next(beats))

    def beat() -> None:
        while not over.wait(BEAT_S):
            with suppress(NasError):  # the next one may get through
                store.objects.replace(key, next(beats))

    thread = Thread(target=beat, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
    thread.join(timeout=BEAT_S)
    store.objects.delete(key)


@contextmanager
def silence(store: SearchStore, child: str) -> Iterator[Event]:
    """Yield what is set once nobody has shown for long that a child's Job is waited for."""
    key, silent, over = _key(child), Event(), Event()
    listener = _Silence(store, key)

    def look() -> None:
        while not over.wait(LOOK_S):
            if listener.is_long():
                silent.set()
                return

    Thread(target=look, daemon=True).start()
    try:
        yield silent
    finally:
        over.set()


class _Silence:
    """How often in a row there was nothing new."""

    def __init__(self, store: SearchStore, key: str) -> None:
        self._store = store
        self._key = key
        self._last: bytes | None = None
        self._looks = 0

    def is_long(self) -> bool:
        """Look, and say whether nothing was new for long; each look stands for its own time.

        So a process that stood still, or waited for the store, has not waited for a heartbeat.
        """
        try:
            found = self._store.objects.get(self._key, at_most=MAX_RECORD)
        except ObjectNotFoundError:
            found = None
        except NasError:
            self._looks = 0
            return False
        is_new = found is not None and found != self._last
        self._last = found
        self._looks = 0 if is_new else self._looks + 1
        return self._looks * LOOK_S >= SILENT_S


def _key(child: str) -> str:
    which = ChildId.parse(child)
    return layout.heartbeat(which.replica, which.round)
