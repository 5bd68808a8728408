"""Throughput: how much a search does in the time in which it is at work, and what time is left.

A search may rest for days between two runs, and that is nobody's pace. So the time counts in which
a round was under way whose beginning is known: the same run had learned from the replica's round
before. The first round of each replica in a run is in neither the time nor the number of rounds.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median

from nas_lib.config import RoundsConfig
from nas_lib.records import ChildId, Learned, SharedEpoch
from nas_lib.results.view import SearchView

_MAX_POINTS = 30  # of a curve, so that each is a mean over many rounds
_RECENT = 20  # rounds, or epochs, whose pace is expected to go on


@dataclass(frozen=True)
class Work:
    """What was done until one moment.

    Attributes:
        num_rounds: Rounds whose beginning and end are known.
        active_s: Seconds in which at least one of them was under way.
    """

    num_rounds: int = 0
    active_s: float = 0.0

    def __sub__(self, earlier: Work) -> Work:
        """Return what was done since then."""
        return Work(self.num_rounds - earlier.num_rounds, self.active_s - earlier.active_s)

    @property
    def rounds_per_s(self) -> float | None:
        """The pace, None where no time went by."""
        return self.num_rounds / self.active_s if self.active_s > 0 else None


def work_done(
    learned: Iterable[Learned], began_s: Mapping[tuple[int, int], float] | None = None
) -> list[Work]:
    """Return what was done by each update of the controller, in order of time.

    Args:
        learned: The updates, in any order.
        began_s: When a run's first rounds began, by replica and round, where anybody asked.
    """
    done = Work()
    marks = []
    num_under_way, before_s = 0, 0.0
    for at_s, change in sorted(_changes(learned, began_s or {})):
        passed_s = at_s - before_s if num_under_way else 0.0
        done = Work(done.num_rounds + (change < 0), done.active_s + passed_s)
        num_under_way, before_s = num_under_way + change, at_s
        if change <= 0:
            marks.append(done)
    return marks


def _changes(
    learned: Iterable[Learned], began_s: Mapping[tuple[int, int], float]
) -> Iterator[tuple[float, int]]:
    """Yield when a round began (1) or ended (-1), and an update whose beginning is unknown (0)."""
    last_s: dict[tuple[str, int], float] = {}
    for entry in sorted(learned, key=lambda entry: entry.created_s):
        known_s = began_s.get((entry.replica, entry.round))
        start_s = last_s.get((entry.run, entry.replica), known_s)
        last_s[entry.run, entry.replica] = entry.created_s
        if start_s is not None:
            yield start_s, 1
        yield entry.created_s, 0 if start_s is None else -1


def children_per_hour(pace: float, a_round: float) -> float:
    """Return the children in an hour at this many updates in a second, of so many children."""
    return 3600 * pace * a_round


def judged_per_round(view: SearchView, search: RoundsConfig) -> float:
    """Return how many children a round has that are no repeats, on average so far."""
    num_judged = sum(_num_judged(view).values())
    num_rounds = len(view.learned)
    if search.repeats == "train" or not num_judged or not num_rounds:
        return search.children_per_round
    return num_judged / num_rounds


def rounds_left(view: SearchView, search: RoundsConfig) -> int:
    """Return how many rounds the slowest replica still has, with as many repeats as before."""
    if search.repeats == "train":
        num_learned = Counter(entry.replica for entry in view.learned)
        to_explore = search.rounds - min(num_learned[each] for each in range(search.replicas))
        return max(0, to_explore) + _rounds_again(view, search)
    num_judged = _num_judged(view)
    num_left = max(search.share(each) - num_judged[each] for each in range(search.replicas))
    to_explore = max(0, math.ceil(num_left / judged_per_round(view, search)))
    return to_explore + _rounds_again(view, search)


def _rounds_again(view: SearchView, search: RoundsConfig) -> int:
    """Return how many rounds are left in which the best are trained again."""
    return math.ceil(max(0, view.num_again - len(view.again)) / search.children_per_round)


def _num_judged(view: SearchView) -> Counter[int]:
    """Return how many children of each replica's learned rounds are no repeats."""
    learned = {(entry.replica, entry.round) for entry in view.learned}
    children = (ChildId.parse(row.id) for row in view.judged)
    return Counter(child.replica for child in children if (child.replica, child.round) in learned)


def updates_per_s(learned: Iterable[Learned]) -> float | None:
    """Return the mean pace of the whole search, None before a replica did two rounds in a run."""
    marks = work_done(learned)
    return marks[-1].rounds_per_s if marks else None


def updates_per_s_over_time(
    learned: Iterable[Learned], *, replicas: int
) -> list[tuple[int, float | None]]:
    """Return the pace of each stretch of the search, by the number of updates at its end.

    Args:
        learned: The updates, in any order.
        replicas: A stretch is at least so many updates, for all replicas may learn at once.
    """
    marks = work_done(learned)
    last_untimed = sum(mark.num_rounds == 0 for mark in marks) - 1
    stretch = max(replicas, math.ceil(len(marks) / _MAX_POINTS))
    return [
        (end + 1, (marks[end] - marks[end - stretch]).rounds_per_s)
        for end in range(last_untimed + stretch, len(marks), stretch)
    ]


def rounds_left_s(learned: Iterable[Learned], num_left: int) -> float | None:
    """Return the seconds that so many rounds will take at the pace of the latest ones.

    The median pause between two rounds of a replica counts, so that a night in which the search
    stood still does not. None before any replica has done two rounds.
    """
    ends: defaultdict[int, list[float]] = defaultdict(list)
    for entry in learned:
        ends[entry.replica].append(entry.created_s)
    gaps = [gap for times in ends.values() for gap in _recent_gaps(times)]
    return num_left * median(gaps) if gaps else None


def epochs_left_s(epochs: Sequence[SharedEpoch], num_epochs: int) -> float | None:
    """Return the seconds that the epochs left will take at the pace of the latest ones.

    None before two are done, and once all are: what comes then has another pace.
    """
    gaps = _recent_gaps([each.created_s for each in epochs])
    num_left = num_epochs - len(epochs)
    return num_left * median(gaps) if gaps and num_left > 0 else None


def _recent_gaps(times: Iterable[float]) -> list[float]:
    """Return the pauses between the latest of these moments, in seconds."""
    latest = sorted(times)[-_RECENT - 1 :]
    return [later - earlier for earlier, later in pairwise(latest)]
