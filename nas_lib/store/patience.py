"""Patience with a store that is away: how long to go on trying, and what is said meanwhile.

A store that has answered is waited for, NAS_STORE_PATIENCE_S seconds (600): it is being restarted,
or the network is. One that never has is given up at once: its address may be wrong.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import datetime, timedelta
from functools import cache
from threading import Lock

from nas_lib.errors import one_line
from nas_lib.store.environment import patience_s

_PAUSE_S = 1.0  # between two tries; each of them takes a while of its own
_SAID_EVERY_S = 60.0

_is_brief: ContextVar[bool] = ContextVar("_is_brief", default=False)


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

    def bears(self, err: Exception) -> bool:
        """Return whether to try again after this error, a moment later; say so now and then."""
        if not self.answered or _is_brief.get():
            return False
        with self._lock:
            may_go_on = self._note_failure(err)
        if may_go_on:
            self._pause()
        return may_go_on and not self._is_over

    def _note_failure(self, err: Exception) -> bool:
        now_s, most_s = time.monotonic(), patience_s()
        if self._since_s is None or now_s - self._failed_s > most_s:
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

    def _pause(self) -> None:
        try:
            time.sleep(_PAUSE_S)
        except KeyboardInterrupt:  # whoever ends the waiting does not want the next one either
            self._is_over = True
            raise


@cache
def patience_with(uri: str) -> Patience:
    """Return the patience that all in this process share with the store at this URI."""
    return Patience(uri)


@contextmanager
def without_patience() -> Iterator[None]:
    """Give a store up in here that is away: what is asked of it may as well be left out."""
    before = _is_brief.set(True)
    try:
        yield
    finally:
        _is_brief.reset(before)


def _say(line: str) -> None:
    print(f"nas: {one_line(line)}", file=sys.stderr, flush=True)
