"""How long a child may take, and when one takes so much longer than others that it is said.

The time is that of one attempt, from the beginning of its process: a child that waits for a worker,
a node or a queue takes none, and what was trained before a checkpoint does not count again.
"""

from __future__ import annotations

import signal
import threading
import time
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from statistics import median

from nas_lib.open_search import OpenSearch
from nas_lib.records import ChildId, ChildResult, ChildRow, Proposed, Rewarded
from nas_lib.store import layout

_FEWEST = 5  # results without which nobody knows how long children take
_FACTOR, _LEAST_S = 10, 600.0  # an automatic limit: so many times the median, and at least this
_LONG_FACTOR, _LONG_S = 5, 60.0  # what is said to take long
_MOST = 100  # results that count, the newest
_MOST_ROUNDS = 5  # read back for so many results
_FRESH_S = 300.0  # how long what was read counts: others may have finished children since


class TimeIsUpError(BaseException):
    """A child has taken as long as it may; no evaluation should catch it."""


def automatic_limit_s(finished_s: Sequence[float]) -> float | None:
    """Return how long a child may take where others took so long; None if they are too few."""
    if len(finished_s) < _FEWEST:
        return None
    if _FACTOR * max(finished_s) <= _LEAST_S:
        return _LEAST_S  # and nothing is sorted, where children take no time
    return max(_LEAST_S, _FACTOR * median(finished_s))


@contextmanager
def time_limit(limit_s: float | None) -> Iterator[None]:
    """Interrupt what is done in here after so many seconds.

    Only Python can be interrupted, and only the main thread: elsewhere there is no limit.

    Raises:
        TimeIsUpError: It was.
    """
    if limit_s is None or threading.current_thread() is not threading.main_thread():
        yield
        return

    def ring(*_: object) -> None:
        raise TimeIsUpError

    began_s = time.monotonic()
    handler = signal.signal(signal.SIGALRM, ring)
    left_s, interval_s = signal.setitimer(signal.ITIMER_REAL, limit_s)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, handler or signal.SIG_DFL)
        if left_s:  # a timer of somebody else's goes on
            left_s = max(1e-3, left_s - (time.monotonic() - began_s))
            signal.setitimer(signal.ITIMER_REAL, left_s, interval_s)


class TimeLimits:
    """Those of a search's children.

    How long others took is asked of the store only once a child takes long: of the replica's newest
    rounds, and of the child's own.
    """

    def __init__(self, search: OpenSearch) -> None:
        """Know nothing yet."""
        self._search = search
        self._setting = search.config.children.timeout_s
        self._finished_s: dict[int, deque[float]] = {}  # of a replica's newest children
        self._read_s: dict[int, float] = {}  # when
        self._next_factor: dict[str, float] = {}  # at which a child is spoken of again

    def note(self, result: ChildResult) -> None:
        """Note how long a child took."""
        finished_s = self._finished_s.get(ChildId.parse(result.id).replica)
        if finished_s is not None:  # else it is found in the store, if that is ever needed
            finished_s.extend(_seconds([result]))

    def limit_s(self, child: str) -> float | None:
        """Return how long a child may take, None where there is no limit."""
        if self._setting == "auto":
            return automatic_limit_s(self._others_s(child))
        return self._setting

    def excess(self, child: str, seconds: float) -> str:
        """Say that a child has taken longer than it may; empty if it has not."""
        if self._setting == "auto" and seconds < _LEAST_S:
            return ""
        limit_s = self.limit_s(child)
        return "" if limit_s is None or seconds < limit_s else self.words(limit_s)

    def words(self, limit_s: float) -> str:
        """Say that a child took longer than this limit."""
        why = f"{_FACTOR} times as long as others, " if self._setting == "auto" else ""
        return f"took longer than {_text(limit_s)} ({why}children.timeout_s)"

    def remark(self, child: str, seconds: float) -> str:
        """Say that a child takes far longer than others, once and whenever that doubled."""
        others_s = self._others_s(child) if seconds >= _LONG_S else ()
        if not others_s:
            return ""
        factor = seconds / max(median(others_s), 1e-3)
        if factor < self._next_factor.get(child, _LONG_FACTOR):
            return ""
        self._next_factor[child] = 2 * factor
        limit_s = self.limit_s(child)
        end = "no limit" if limit_s is None else f"ended after {_text(limit_s)}"
        times = f"{factor:,.0f} times as long as others"
        return f"{child} has run for {_text(seconds)}, {times} ({end}: children.timeout_s)"

    def _others_s(self, child: str) -> Sequence[float]:
        replica = ChildId.parse(child).replica
        if time.monotonic() - self._read_s.get(replica, -_FRESH_S) >= _FRESH_S:
            stored_s = _stored_s(self._search, child)
            self._finished_s[replica] = deque(stored_s, maxlen=_MOST)
            self._read_s[replica] = time.monotonic()
        return self._finished_s[replica]


def _stored_s(search: OpenSearch, child: str) -> list[float]:
    """Return how long children of the newest rounds took, and those of the child's own round."""
    store, which = search.store, ChildId.parse(child)
    proposed = store.find(Proposed, layout.round_state(which.replica, which.round, "proposed"))
    ids = [each.id for each in proposed.children] if proposed else []
    results = (store.find(ChildResult, layout.child_result(each)) for each in ids)
    found = _seconds([result for result in results if result is not None])
    for number in range(which.round - 1, max(-1, which.round - 1 - _MOST_ROUNDS), -1):
        if len(found) >= _FEWEST:
            break
        rewarded = store.find(Rewarded, layout.round_state(which.replica, number, "rewarded"))
        found += _seconds(rewarded.rows if rewarded else ())
    return found


def _text(seconds: float) -> str:
    return f"{seconds:,.0f} s" if seconds >= 10 else f"{seconds:g} s"


def _seconds(results: Sequence[ChildResult | ChildRow]) -> list[float]:
    """Return how long those took that came to their end; a repeat took no time."""
    return [result.seconds for result in results if result.status == "ok" and result.seconds > 0]
