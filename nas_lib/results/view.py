"""SearchView: a search at one moment, as plain data."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache, cached_property, lru_cache
from typing import Any, cast

from nas_lib.architecture import Architecture
from nas_lib.config import (
    ReferencesConfig,
    SearchConfig,
    SpaceConfig,
)
from nas_lib.records import (
    ChildRow,
    Derived,
    EpochMetrics,
    Learned,
    Problem,
    RunPlan,
    SharedEpoch,
    Speed,
    TestReading,
)
from nas_lib.results.measure import ACCURACY, Measure
from nas_lib.results.standings import Standing, standings
from nas_lib.results.succession import FreshStart, Succession
from nas_lib.spaces import Plan, PlannedSpace

_MAX_PLANS = 4096  # kept: a page and tables show the same architectures several times


@dataclass(frozen=True)
class DataSummary:
    """What the children were trained on.

    Attributes:
        content_hash: Equal for equal examples.
        sentence: What was prepared, in words.
        example: What one example is called, such as `image`.
        dtype: What numbers its images are, empty where there are none.
        class_names: In the order of the class indices, empty where nothing is classified.
        notices: A sentence on each thing in it that a user would not guess.
    """

    content_hash: str
    sentence: str
    example: str
    dtype: str = ""
    class_names: tuple[str, ...] = ()
    notices: tuple[str, ...] = ()


@dataclass(frozen=True)
class SearchView:
    """A search at one moment.

    Attributes:
        uri: Where its state lies.
        config: Its configuration.
        measure: What scores are.
        rows: The finished children, in any order.
        learned: What the controllers made of each round, in any order.
        open_rounds: How many children each replica's open round waits for, by replica: no repeats.
        holders: Which run is at work on a replica, and where; without those at rest.
        num_children: Children that there will be, as far as is known.
        num_again: Trainings that there will be of the best again, as far as is known.
        kept: The children whose weights are kept, if any are.
        finished: Whether the budget is used up, the stop rule met, or nothing new is proposed.
        ended_early: Why the search is over though its budget is not used; empty where it is not so.
        known: The children that are known architectures, which the search began with, by their ids.
        test: What was read of the test set so far, oldest first.
        problems: What the search's runs could not do, oldest first.
        data: What the children were trained on, None where there was no data to prepare.
        about_scores: Paragraphs on what scores and rewards are, and what they are taken on.
        shared_epochs: What each epoch of shared-weight training came to, in order.
        derived: What shared weights told, None as long as they have not.
        finals: Its final trainings, the oldest first.
        models: The ids of the models that it has exported.
        retrained: In a final training, the child that is the winner, trained once more; empty where
            there is none.
        curves: What each epoch of a child came to, by the child's id: of a final training, and in a
            report of those that it shows.
        began_s: On a page, when a replica's first round in a run began, by replica and round.
        speeds: Of a final training, how fast a child's network is, by the child's id.
        fresh: Of one of several searches on data that change, what it began with.
        succession: ... and whether its model took the place of the one in use, once that is known.
        lost_runs: What runs on Kubeflow planned that ended before they could report, oldest first.
        run_plan: What the run that asks planned, None where it did not, or no run asks.
        run: The run that asks, empty where no run does.
        seen_s: The moment, in seconds since 1970.
    """

    uri: str
    config: SearchConfig
    measure: Measure = ACCURACY
    rows: tuple[ChildRow, ...] = ()
    learned: tuple[Learned, ...] = ()
    open_rounds: Mapping[int, int] = field(default_factory=dict)
    holders: Mapping[int, str] = field(default_factory=dict)
    num_children: int = 0
    num_again: int = 0
    kept: frozenset[str] = frozenset()
    finished: bool = False
    ended_early: str = ""
    known: frozenset[str] = frozenset()
    test: tuple[TestReading, ...] = ()
    problems: tuple[Problem, ...] = ()
    data: DataSummary | None = None
    about_scores: tuple[str, ...] = ()
    shared_epochs: tuple[SharedEpoch, ...] = ()
    derived: Derived | None = None
    finals: tuple[SearchView, ...] = ()
    models: tuple[str, ...] = ()
    retrained: str = ""
    curves: Mapping[str, tuple[EpochMetrics, ...]] = field(default_factory=dict)
    began_s: Mapping[tuple[int, int], float] = field(default_factory=dict)
    speeds: Mapping[str, Speed] = field(default_factory=dict)
    fresh: FreshStart | None = None
    succession: Succession | None = None
    lost_runs: tuple[RunPlan, ...] = ()
    run_plan: RunPlan | None = None
    run: str = ""
    seen_s: float = field(default_factory=time.time)

    def __repr__(self) -> str:
        return f"SearchView({self.uri!r}, {len(self.rows):,} children)"

    @cached_property
    def judged(self) -> tuple[ChildRow, ...]:
        """The finished children that were explored: no repeats, and none trained again."""
        return tuple(row for row in self.rows if row.is_explored)

    @cached_property
    def again(self) -> tuple[ChildRow, ...]:
        """The finished children that train one of the best again."""
        return tuple(row for row in self.rows if row.confirms is not None)

    @property
    def how_far(self) -> str:
        """How many of its children are finished, and trainings of the best again, in words."""
        text = f"{len(self.judged):,} of {self.num_children:,} children"
        if not self.num_again:
            return text
        return f"{text}, {len(self.again):,} of {self.num_again:,} trainings of the best again"

    @cached_property
    def standings(self) -> tuple[Standing, ...]:
        """What the architectures come to by all their trainings, the best first."""
        higher = self.measure.higher_is_better
        return tuple(standings(self.compared, higher_is_better=higher, kept=self.kept))

    @property
    def best(self) -> Standing | None:
        """The best of them, None if there is none that was trained and judged."""
        first = next(iter(self.standings), None)
        return first if first is not None and first.seeds.scores else None

    @property
    def is_of_references(self) -> bool:
        """Whether its networks are known ones, and not what a search proposed."""
        return isinstance(self.config.space, ReferencesConfig)

    @cached_property
    def compared(self) -> tuple[ChildRow, ...]:
        """The finished children that have a rank: all but one that has learned validation data."""
        return tuple(row for row in self.rows if row.id != self.retrained)

    @property
    def num_repeats(self) -> int:
        """Children that have another one's verdict, as they have its architecture."""
        return sum(row.is_repeat for row in self.rows)

    @property
    def run_problems(self) -> tuple[Problem, ...]:
        """What the run that asks could not do, oldest first."""
        return tuple(problem for problem in self.problems if self.run and problem.run == self.run)

    @property
    def open_children(self) -> int:
        """Children that are proposed and have no result yet, without repeats."""
        return sum(self.open_rounds.values())

    def plan(self, architecture: Architecture) -> Plan | None:
        """Return what an architecture's tokens mean, None in a space of the user's own."""
        return _plan(self.config.space, architecture.tokens)


@lru_cache(maxsize=_MAX_PLANS)
def _plan(config: SpaceConfig, tokens: tuple[int, ...]) -> Plan | None:
    space = _planned_space(config)
    plan: Plan | None = None if space is None else space.plan(tokens)
    return plan


@cache
def _planned_space(config: SpaceConfig) -> PlannedSpace[Any] | None:
    return cast(PlannedSpace[Any], config.build()) if config.has_plans else None
