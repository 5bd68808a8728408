"""What a search's children come to: rankings, counts, and curves over time. Pure functions.

Curves have one value per counted child, in the order of the rows. Children that crashed or went
missing are not counted; those that diverged, or ran out of memory or of time, are, but have no
score to show.
Repeats of an architecture that was judged before are none of a ranking or a curve over children,
nor are children that train one again; `standings` counts those in.
"""

from __future__ import annotations

import heapq
import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from statistics import fmean
from typing import get_args

from nas_lib.records import ChildId, ChildRow, Learned, Status

TOPS = (1, 5, 15)
"""The paper compares searches by the mean of this many best children (figure 6)."""


def by_time(rows: Iterable[ChildRow]) -> list[ChildRow]:
    """Return the rows in the order of time: by round, in a round by replica and index."""

    def time(row: ChildRow) -> tuple[int, ChildId]:
        child = ChildId.parse(row.id)
        return child.round, child

    return sorted(rows, key=time)


def scores(rows: Iterable[ChildRow]) -> list[float | None]:
    """Return each counted child's score, None where it has none.

    Its training failed, or left no data to judge it by.
    """
    return [score_of(row) for row in rows if row.counts and row.is_explored]


def score_of(row: ChildRow) -> float | None:
    """Return the score of one child, as `scores` does."""
    return row.score if row.status == "ok" else None


def leaderboard(rows: Iterable[ChildRow], top: int | None = None) -> list[ChildRow]:
    """Return the best counted children, the best first, all of them if `top` is None.

    Of equal rewards the smaller network comes first. A child that nothing was left to judge by
    comes after every other, and one whose training failed after that, whatever the scale of the
    rewards.
    """
    return sorted((row for row in rows if row.counts and row.is_explored), key=_rank)[:top]


def winner(rows: Iterable[ChildRow]) -> ChildRow | None:
    """Return the best child, None if there is none that was trained and judged."""
    explored = (row for row in rows if row.is_explored)
    judged = (row for row in explored if row.status == "ok" and not row.is_unjudged)
    return min(judged, key=_rank, default=None)


def _rank(row: ChildRow) -> tuple[bool, bool, float, float, str]:
    size = math.inf if row.num_parameters is None else row.num_parameters
    return row.status != "ok", row.is_unjudged, -row.reward, size, row.id


def ranks(values: Sequence[float | None], *, higher_is_better: bool) -> list[int | None]:
    """Return each value's rank, 1 for the best; equal values have the same, None has none."""
    known = sorted((v for v in values if v is not None), reverse=higher_is_better)
    first = {value: number for number, value in reversed(list(enumerate(known, start=1)))}
    return [None if value is None else first[value] for value in values]


def top_k_mean(
    rows: Iterable[ChildRow], k: int, *, higher_is_better: bool = True
) -> list[float | None]:
    """Return the mean of the best k scores so far, None as long as there are fewer than k.

    The paper compares searches by it, with k = 1, 5 and 15 (Zoph & Le 2017, figure 6).
    """
    sign = 1.0 if higher_is_better else -1.0
    best: list[float] = []  # a heap: the worst of the best is in front
    mean: float | None = None
    curve = []
    for score in scores(rows):
        if score is not None and (len(best) < k or sign * score > best[0]):
            push = heapq.heappush if len(best) < k else heapq.heapreplace
            push(best, sign * score)
            mean = sign * math.fsum(best) / k if len(best) == k else None
        curve.append(mean)
    return curve


def best_so_far(rows: Iterable[ChildRow], *, higher_is_better: bool = True) -> list[float | None]:
    """Return the best score so far."""
    return top_k_mean(rows, 1, higher_is_better=higher_is_better)


def mean_reward(rows: Iterable[ChildRow]) -> list[tuple[int, float]]:
    """Return the mean reward of each round's counted children."""
    counted = (row for row in rows if row.counts and row.confirms is None)
    return mean_by_round((ChildId.parse(row.id).round, row.reward) for row in counted)


def metrics_by_round(learned: Iterable[Learned]) -> dict[str, list[tuple[int, float]]]:
    """Return what each step of learning came to, by name: the mean over replicas, per round."""
    values: defaultdict[str, list[tuple[int, float]]] = defaultdict(list)
    for entry in learned:
        for name, value in entry.metrics.items():
            values[name].append((entry.round, value))
    return {name: mean_by_round(pairs) for name, pairs in values.items()}


def mean_by_round(values: Iterable[tuple[int, float]]) -> list[tuple[int, float]]:
    """Return the mean of the values of each round, over replicas and children.

    Args:
        values: Pairs of a round and a value.
    """
    by_round: defaultdict[int, list[float]] = defaultdict(list)
    for number, value in values:
        by_round[number].append(value)
    return [(number, fmean(by_round[number])) for number in sorted(by_round)]


def status_counts(rows: Iterable[ChildRow]) -> dict[Status, int]:
    """Return how many explored children ended with each status, without statuses of none."""
    counts = Counter(row.status for row in rows if row.is_explored)
    return {status: counts[status] for status in get_args(Status) if counts[status]}


def repeated_architectures(rows: Iterable[ChildRow]) -> dict[str, int]:
    """Return how often each architecture (by its id) was tried, without those tried once."""
    counts = Counter(row.architecture.id for row in rows)
    return {name: count for name, count in counts.most_common() if count > 1}
