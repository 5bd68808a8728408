"""What a final training came to: its networks with their seeds, and which of them won.

A contender is a network at one point of the grid, trained by several seeds. What is chosen is
chosen by validation scores; test scores say what to expect.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from statistics import fmean
from typing import cast

from nas_lib.config import FinalsConfig
from nas_lib.config.final import Point, points
from nas_lib.records import ChildId, ChildRow, TestReading
from nas_lib.results.intervals import Seeds
from nas_lib.results.measure import Measure
from nas_lib.results.ranking import score_of
from nas_lib.results.view import SearchView


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
        num_seeds: How often it is trained.
        rows: Its children so far, in the order of their seeds.
        test: What was read of the test set for them.
    """

    network: str
    origin: str
    point: Point
    num_seeds: int
    rows: tuple[ChildRow, ...] = ()
    test: tuple[TestReading, ...] = ()

    @property
    def valid(self) -> Seeds:
        """Validation scores, of the seeds that were trained to their end."""
        return Seeds(tuple(score for row in self.rows if (score := score_of(row)) is not None))

    @property
    def tested(self) -> Seeds:
        """Test scores."""
        return Seeds(tuple(reading.score for reading in self.test))

    @property
    def measured(self) -> dict[str, Seeds]:
        """Test scores by other measures than the task's, by what these are called."""
        scores: dict[str, list[float]] = {}
        for reading in self.test:
            for metric in reading.metrics:
                scores.setdefault(metric.name, []).append(metric.value)
        return {name: Seeds(tuple(each)) for name, each in scores.items()}

    @property
    def is_done(self) -> bool:
        """Whether each of its seeds has a result."""
        return len(self.rows) == self.num_seeds

    @property
    def num_failed(self) -> int:
        """How many of them were not trained to their end."""
        return sum(row.status != "ok" for row in self.rows)


@dataclass(frozen=True)
class Outcome:
    """What a final training has come to.

    Attributes:
        view: The final training.
        contenders: All of them, in the order of the settings.
        ranked: Those that have a score, the best first.
        winner: The best of them, None until all are trained.
        retrained: What came of the winner on training and validation data, None as long as nothing.
        reading: Its test score, None where nobody has read it.
    """

    view: SearchView
    contenders: tuple[Contender, ...]
    ranked: tuple[Contender, ...]
    winner: Contender | None
    retrained: ChildRow | None
    reading: TestReading | None

    @property
    def settings(self) -> FinalsConfig:
        """What was to be trained, and how."""
        return cast(FinalsConfig, self.view.config.search)

    @property
    def best_of_each(self) -> tuple[Contender, ...]:
        """The best point of each network, the best network first."""
        return tuple(best_of_each(self.ranked))

    @property
    def at_edges(self) -> dict[str, tuple[Contender, ...]]:
        """The networks whose best point has the smallest or largest number of a grid's setting.

        By the setting, once all are trained: beyond what was tried they may be better.
        """
        if self.winner is None:
            return {}
        ends = {name: _ends(values) for name, values in self.settings.grid.items()}
        found = {
            name: tuple(each for each in self.best_of_each if each.point[name] in values)
            for name, values in ends.items()
        }
        return {name: best for name, best in found.items() if best}

    @property
    def handed_on(self) -> ChildRow | None:
        """The child whose network is handed on: trained on all data, or else its best seed.

        None until there is a winner.
        """
        if self.winner is None:
            return None
        if self.retrained is not None and self.retrained.status == "ok":
            return self.retrained
        return self.best_seed(self.winner)

    @property
    def score_handed_on(self) -> TestReading | None:
        """The test score of the network that is handed on, None where nobody has read it."""
        row = self.handed_on
        return next((each for each in self.view.test if row and each.child == row.id), None)

    def best_seed(self, contender: Contender) -> ChildRow:
        """Return the seed with the best score, of a contender that has one."""
        scores = {row: score for row in contender.rows if (score := score_of(row)) is not None}
        best = self.view.measure.best(scores.values())
        return next(row for row, score in scores.items() if score == best)


def _ends(values: Iterable[object]) -> tuple[float, ...]:
    """Return the smallest and the largest of different numbers, but for 0, which nothing is below.

    None where there are fewer than two: then the setting was not tried, or has no order.
    """
    numbers = {each for each in values if isinstance(each, int | float) and type(each) is not bool}
    ends = (min(numbers), max(numbers)) if len(numbers) > 1 else ()
    return tuple(each for each in ends if each != 0)


def trials(settings: FinalsConfig) -> list[Trial]:
    """Return every training but the last one, in the order of the children."""
    origins = [*settings.origins, *[""] * len(settings.networks)]
    return [
        Trial(network, origin, point, seed)
        for network, origin in zip(settings.networks, origins, strict=False)
        for point in points(settings.grid)
        for seed in range(settings.seeds)
    ]


def contenders(
    settings: FinalsConfig, rows: Iterable[ChildRow], test: Iterable[TestReading] = ()
) -> list[Contender]:
    """Return networks at points of the grid, in the order of the settings.

    Args:
        settings: Of the final training.
        rows: Its children so far.
        test: What was read of the test set.
    """
    by_id, read = {row.id: row for row in rows}, {reading.child: reading for reading in test}
    wanted, size = trials(settings), settings.children_per_round
    ids = [str(ChildId(0, *divmod(number, size))) for number in range(len(wanted))]
    found = []
    for start in range(0, len(wanted), settings.seeds):
        first, seeds = wanted[start], ids[start : start + settings.seeds]
        found.append(
            Contender(
                first.network,
                first.origin,
                first.point,
                settings.seeds,
                rows=tuple(by_id[each] for each in seeds if each in by_id),
                test=tuple(read[each] for each in seeds if each in read),
            )
        )
    return found


def ranked(found: Iterable[Contender], measure: Measure) -> list[Contender]:
    """Return those that have a score, the best mean validation score first.

    One of whose seeds more were trained to their end comes before: the mean of the lucky ones
    flatters it. Of equal means the smaller network comes first.
    """
    sign = -1 if measure.higher_is_better else 1

    def key(each: Contender) -> tuple[int, float, float]:
        sizes = [row.num_parameters for row in each.rows if row.num_parameters is not None]
        mean = sign * fmean(each.valid.scores)
        return -len(each.valid.scores), mean, min(sizes, default=math.inf)

    return sorted((each for each in found if each.valid.scores), key=key)


def best_of_each(ranking: Iterable[Contender]) -> list[Contender]:
    """Return the best point of each network, of contenders in this order."""
    first: dict[tuple[str, str], Contender] = {}
    for contender in ranking:
        first.setdefault((contender.network, contender.origin), contender)
    return list(first.values())


def best_contender(found: Iterable[Contender], measure: Measure) -> Contender | None:
    """Return the first of them as `ranked` has them, None where none has a score."""
    return next(iter(ranked(found, measure)), None)


def retrained_child(settings: FinalsConfig) -> str:
    """Return the id of the child that is the winner, trained once more."""
    return str(ChildId(0, math.ceil(len(trials(settings)) / settings.children_per_round), 0))


def outcome(view: SearchView) -> Outcome:
    """Return what a final training has come to."""
    settings = cast(FinalsConfig, view.config.search)
    found = contenders(settings, view.rows, view.test)
    best = ranked(found, view.measure)
    again = retrained_child(settings) if settings.retrain else ""
    return Outcome(
        view=view,
        contenders=tuple(found),
        ranked=tuple(best),
        winner=best[0] if best and all(each.is_done for each in found) else None,
        retrained=next((row for row in view.rows if row.id == again), None),
        reading=next((reading for reading in view.test if reading.child == again), None),
    )
