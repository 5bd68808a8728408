"""Standings: what architectures come to by all their trainings. Pure functions.

The best of many children had luck besides, so the best are trained again with other seeds. An
architecture that was stands by the mean score of all its trainings; one of whose trainings fewer
failed comes before, as the mean of the lucky ones flatters it. All of those come before all others,
which stand by their one score: what was seen once does not beat what was seen again.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from statistics import fmean

from nas_lib.records import ChildId, ChildRow
from nas_lib.results.intervals import Seeds
from nas_lib.results.ranking import leaderboard, score_of


@dataclass(frozen=True)
class Standing:
    """An architecture with its trainings.

    Attributes:
        row: The child that stands for it: of those whose weights are kept the one with the best
            reward.
        first: The child by which it was found.
        trainings: All of them that count, in order of time.
    """

    row: ChildRow
    first: ChildRow
    trainings: tuple[ChildRow, ...]

    @property
    def seeds(self) -> Seeds:
        """The scores of those that have one."""
        return Seeds(tuple(score for row in self.trainings if (score := score_of(row)) is not None))

    @property
    def is_confirmed(self) -> bool:
        """Whether it was trained again."""
        return any(row.confirms is not None for row in self.trainings)

    @property
    def num_failed(self) -> int:
        """How many of its trainings did not come to their end."""
        return sum(row.status != "ok" for row in self.trainings)


def standings(
    rows: Iterable[ChildRow], *, higher_is_better: bool = True, kept: Collection[str] = ()
) -> list[Standing]:
    """Return all architectures that have a counted child, the best first.

    One that was not trained again is there once for each child of it that was explored, as in
    `leaderboard`.

    Args:
        rows: Children.
        higher_is_better: Whether higher scores are better.
        kept: Those whose weights are kept.
    """
    found = list(rows)
    again = {row.architecture.id for row in found if row.confirms is not None and row.counts}
    confirmed = (row for row in found if row.architecture.id in again)
    others = (row for row in found if row.architecture.id not in again)
    return [
        *by_mean(confirmed, higher_is_better=higher_is_better, kept=kept),
        *(Standing(row, row, (row,)) for row in leaderboard(others)),
    ]


def by_mean(
    rows: Iterable[ChildRow], *, higher_is_better: bool, kept: Collection[str] = ()
) -> list[Standing]:
    """Return architectures that have a score, each once, the best mean first.

    Of equal means the smaller network comes first.

    Args:
        rows: Children.
        higher_is_better: Whether higher scores are better.
        kept: Those whose weights are kept.
    """
    sign = -1.0 if higher_is_better else 1.0
    groups: defaultdict[str, list[ChildRow]] = defaultdict(list)
    for row in rows:
        if row.counts and not row.is_repeat:
            groups[row.architecture.id].append(row)
    found = [_standing(group, kept) for group in groups.values() if any(map(_has_score, group))]

    def key(each: Standing) -> tuple[int, float, float, str]:
        sizes = [row.num_parameters for row in each.trainings if row.num_parameters is not None]
        mean = sign * fmean(each.seeds.scores)
        return each.num_failed, mean, min(sizes, default=math.inf), each.first.id

    return sorted(found, key=key)


def _standing(group: Sequence[ChildRow], kept: Collection[str]) -> Standing:
    trainings = sorted(group, key=lambda row: (row.confirms is not None, _time(row)))
    scored = list(filter(_has_score, trainings))
    with_weights = [row for row in scored if row.id in kept]
    return Standing(
        row=max(with_weights or scored, key=lambda row: row.reward),  # the first of equal ones
        first=trainings[0],
        trainings=tuple(trainings),
    )


def _has_score(row: ChildRow) -> bool:
    return score_of(row) is not None


def _time(row: ChildRow) -> tuple[int, ChildId]:
    child = ChildId.parse(row.id)
    return child.round, child
