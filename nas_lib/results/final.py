"""What a final training came to: networks at points of a grid, each trained by several seeds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean

from nas_lib.config import FinalsConfig
from nas_lib.config.final import Point, points
from nas_lib.records import ChildRow
from nas_lib.results.measure import Measure


@dataclass(frozen=True)
class Trial:
    """One training that there is to do.

    Attributes:
        network: Configuration string of the architecture.
        origin: What it was called before, empty where it was not.
        point: Of the grid: its settings that differ from those of all children.
        seed: Which of the seeds, from 0.
    """

    network: str
    origin: str
    point: Point
    seed: int


@dataclass(frozen=True)
class Contender:
    """A network at a point of the grid, with its seeds.

    Attributes:
        network: Configuration string of the architecture.
        origin: What it was called before, empty where it was not.
        point: Of the grid.
        rows: Its children so far, in the order of their seeds.
    """

    network: str
    origin: str
    point: Point
    rows: tuple[ChildRow, ...]

    @property
    def scores(self) -> tuple[float, ...]:
        """Of the seeds that have one."""
        return tuple(row.score for row in self.rows if row.score is not None)

    @property
    def mean(self) -> float | None:
        """The mean score, None where no seed has one."""
        return fmean(self.scores) if self.scores else None


def trials(settings: FinalsConfig) -> list[Trial]:
    """Return every training but the last one, in the order of the children."""
    origins = [*settings.origins, *[""] * len(settings.networks)]
    return [
        Trial(network, origin, point, seed)
        for network, origin in zip(settings.networks, origins, strict=False)
        for point in points(settings.grid)
        for seed in range(settings.seeds)
    ]


def contenders(settings: FinalsConfig, rows: Sequence[ChildRow]) -> list[Contender]:
    """Return networks at points of the grid, in the order of the settings.

    Args:
        settings: Of the final training.
        rows: Its children so far, by round and index, without the one that is trained last.
    """
    wanted = trials(settings)
    found = dict(enumerate(rows[: len(wanted)]))
    return [
        Contender(
            first.network,
            first.origin,
            first.point,
            tuple(
                found[number] for number in range(start, start + settings.seeds) if number in found
            ),
        )
        for start, first in list(enumerate(wanted))[:: settings.seeds]
    ]


def best_contender(found: Sequence[Contender], measure: Measure) -> Contender | None:
    """Return the one of the best mean score, of those with the most seeds that have one."""
    most = max((len(each.scores) for each in found), default=0)
    if not most:
        return None
    sign = 1 if measure.higher_is_better else -1
    able = [each for each in found if len(each.scores) == most]
    return max(able, key=lambda each: sign * (each.mean or 0.0))
