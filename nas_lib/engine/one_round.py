"""One round's children, or one of them, as a pod trains them or has them trained."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence

from nas_lib.engine.workers import Workers, train_all
from nas_lib.open_search import OpenSearch
from nas_lib.records import ChildId, ChildResult
from nas_lib.store import layout


def train_round(
    search: OpenSearch, children: Sequence[str], *, run: str, workers: Workers
) -> list[float]:
    """Train children of one round until all have ended, or enough have for the search.

    Args:
        search: The search.
        children: The children of one round that have no result.
        run: This run.
        workers: Who trains.

    Returns:
        Their rewards, in the order of the children; 0 for one without a result.

    Raises:
        NasError: A child could not be trained for no fault of its own.
    """
    replica = ChildId.parse(children[0]).replica
    patience = _Patience(search, children)
    train_all(
        workers,
        children,
        then=patience.note_end,
        beat=lambda: search.show_life(replica, run),
        beat_s=search.config.search.lease_s / 4,
        patience_s=patience.left_s,
    )
    results = (_result(search, child) for child in children)
    return [result.reward if result else 0.0 for result in results]


def train_one(
    search: OpenSearch, child: str, *, workers: Workers, beat: Callable[[], None]
) -> float:
    """Train one child until it has its result, and return its reward.

    Args:
        search: The search.
        child: Its id.
        workers: Who trains.
        beat: Is called again and again meanwhile.
    """
    train_all(
        workers,
        [child],
        then=lambda child: (),
        beat=beat,
        beat_s=search.config.search.lease_s / 4,
    )
    return search.store.read(ChildResult, layout.child_result(child)).reward


def _result(search: OpenSearch, child: str) -> ChildResult | None:
    return search.store.find(ChildResult, layout.child_result(child))


class _Patience:
    """How long a round waits for its last children."""

    def __init__(self, search: OpenSearch, children: Sequence[str]) -> None:
        settings = search.config.search
        self._search = search
        self._num_needed = math.inf if settings.wait_for is None else settings.wait_for
        self._judged_by = [
            child.repeat_of or child.id for child in search.store.proposed(children[0]).children
        ]
        self._left = set(children)
        self._grace_s = settings.grace_s
        self._over_s = math.inf
        self._begin_grace()

    def note_end(self, child: str) -> Sequence[str]:
        """Count a child that has a result, and its repeats; nothing follows on it."""
        if _result(self._search, child) is not None:
            self._left.discard(child)
            self._begin_grace()
        return ()

    def left_s(self) -> float:
        """Return how many seconds more it waits."""
        return self._over_s - time.monotonic()

    def _begin_grace(self) -> None:
        num_results = sum(child not in self._left for child in self._judged_by)
        if num_results >= self._num_needed and self._over_s == math.inf:
            self._over_s = time.monotonic() + self._grace_s
