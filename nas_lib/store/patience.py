"""Patience with a store that is away: how long to go on trying, and what is said meanwhile.

A store that has answered is waited for, NAS_STORE_PATIENCE_S seconds (600): it is being restarted,
or the network is. One that never has is given up at once: its address may be wrong. Whoever is
stopped by a KeyboardInterrupt waits no more, nor with what is left to do on the way out.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import datetime, timedelta
from functools import cache
from threading import Event, Lock
from typing import TypeVar

from nas_lib.errors import StoreAwayError, one_line
from nas_lib.store.environment import patience_s

_PAUSE_S = 1.0  # between two tries; each of them takes a while of its own
_SAID_EVERY_S = 60.0
_AWAY_FOR_S = 30.0  # so long after a failure a store counts as away to whoever is stopped

_brief: ContextVar[Event | None] = ContextVar("_brief", default=None)
"""Is set where a store that is away is given up; threads have that of whoever waits for them."""

A = TypeVar("A")
T = TypeVar("T")


class Patience:
    """How this process bears that one store is away.

    Attributes:
        answered: Whether the store has ever answered, here or to whoever began this process.
    """

    def __init__(self, uri: str) -> None:
        """Begin before the first request to the store at this URI."""
        self.answered = False
        self._uri = uri
        self._lock = Lock()  # requests are made by many threads
        self._since_s: float | None = None  # when the store was first missed; None while it is here
        self._failed_s = 0.0
        self._said_s = 0.0
        self._is_over = False

    def note_answer(self) -> None:
        """Note that the store is here; say so if it was not."""
        if self.answered and self._since_s is None:
            return
        with self._lock:
            if self._since_s is not None and not self._is_over:
                _say(f"{self._uri} is back after {time.monotonic() - self._since_s:.0f} s")
            self.answered, self._since_s, self._is_over = True, None, False

    def bears(self, err: Exception, began_s: float) -> bool:
        """Return whether to try again after this error, a moment later; say so now and then.

        Args:
            err: Of a request.
            began_s: When that began; where nothing was asked for long before, patience is new.
        """
        if not self.answered or _is_brief():
            return False
        with self._lock:
            may_go_on = self._note_failure(err, began_s)
        if may_go_on:
            time.sleep(_PAUSE_S)
        return may_go_on and not self._is_over and not _is_brief()

    @contextmanager
    def at_an_end(self) -> Iterator[None]:
        """Ask once in here, and not even that if the store was away a moment ago.

        Raises:
            StoreAwayError: It was, or is.
        """
        if self._since_s is not None and time.monotonic() - self._failed_s < _AWAY_FOR_S:
            raise StoreAwayError(f"{self._uri} is away")
        try:
            yield
        except StoreAwayError:
            with self._lock:
                self._failed_s, self._is_over = time.monotonic(), True
                self._since_s = self._failed_s if self._since_s is None else self._since_s
            raise

    def _note_failure(self, err: Exception, began_s: float) -> bool:
        now_s, most_s = time.monotonic(), patience_s()
        if self._since_s is None or began_s - self._failed_s > most_s:
            self._since_s, self._is_over, self._said_s = now_s, most_s == 0, now_s
            if not self._is_over:
                until = datetime.now().astimezone() + timedelta(seconds=most_s)
                _say(f"{err}: trying again until {until:%H:%M:%S %Z}")
        self._failed_s = now_s
        self._is_over |= now_s - self._since_s >= most_s
        if not self._is_over and now_s - self._said_s >= _SAID_EVERY_S:
            self._said_s = now_s
            _say(f"{self._uri} is still away, for {now_s - self._since_s:.0f} s now")
        return not self._is_over


@cache
def patience_with(uri: str) -> Patience:
    """Return the patience that all in this process share with the store at this URI."""
    return Patience(uri)


@contextmanager
def without_patience() -> Iterator[None]:
    """Give a store up in here that is away: what is asked of it may as well be left out."""
    over = Event()
    over.set()
    before = _brief.set(over)
    try:
        yield
    finally:
        _brief.reset(before)


def at_once(work: Callable[[A], T], items: Sequence[A], *, num: int) -> list[T]:
    """Return the work's results in the order of the items, so many of them done at the same time.

    The threads have no more patience than whoever waits for them, and none once he is stopped.
    """
    over = _brief.get() or Event()
    if is_being_stopped():
        over.set()

    def work_in_thread(item: A) -> T:
        _brief.set(over)
        return work(item)

    with ThreadPoolExecutor(num) as threads:
        try:
            return list(threads.map(work_in_thread, items))
        except KeyboardInterrupt:
            over.set()
            raise


def is_being_stopped() -> bool:
    """Return whether this is done on the way out after a KeyboardInterrupt."""
    err = sys.exception()
    while err is not None and not isinstance(err, KeyboardInterrupt):
        err = err.__context__
    return err is not None


def _is_brief() -> bool:
    over = _brief.get()
    return over is not None and over.is_set()


def _say(line: str) -> None:
    print(f"nas: {one_line(line)}", file=sys.stderr, flush=True)
