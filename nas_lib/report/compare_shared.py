"""Searches by shared weights beside each other: what they took, and what they found.

An equal budget is an equal number of epochs of shared weights. A controller that learns judges
architectures after each; random search scores more of them in the end, as many as cost the same
(`nas_lib.steps.shared.equal_budget_samples`).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from statistics import fmean, stdev
from typing import Literal

from nas_lib.records import ChildRow
from nas_lib.report.correlation import Correlation
from nas_lib.report.curves import score_of, winner
from nas_lib.report.derivation import best_kept, derivation
from nas_lib.report.experiments import common_measure, experiment_labels, unfairness
from nas_lib.report.measure import Measure
from nas_lib.report.shared_course import shared_course
from nas_lib.report.view import SearchView


@dataclass(frozen=True)
class Quantity:
    """A figure that every search has: its title in a column's head, and what sort of number."""

    title: str
    kind: Literal["count", "seconds", "score", "tau"]

    @property
    def is_result(self) -> bool:
        """Whether it tells what was found, and not what it took."""
        return self.kind in ("score", "tau")


QUANTITIES: Mapping[str, Quantity] = {
    "epochs": Quantity("Epochs", "count"),
    "training_s": Quantity("Training", "seconds"),
    "controller_s": Quantity("Steps", "seconds"),
    "judged": Quantity("Judged", "count"),
    "deriving_s": Quantity("Deriving", "seconds"),
    "best_shared": Quantity("Best shared", "score"),
    "best_kept": Quantity("Best kept", "score"),
    "best": Quantity("Best of all", "score"),
    "test": Quantity("Test", "score"),
    "tau_running": Quantity("Tau before", "tau"),
    "tau": Quantity("Tau", "tau"),
}
"""All of them, by their names in JSON."""


@dataclass(frozen=True)
class Mean:
    """Over the searches of a group.

    Attributes:
        value: The mean, None where one of them has no value.
        standard_error: Of the mean, None where there are fewer than two.
    """

    value: float | None
    standard_error: float | None = None

    @classmethod
    def of(cls, values: Sequence[float | None]) -> Mean:
        """Return that of these values."""
        known = [value for value in values if value is not None]
        if len(known) < len(values) or not known:
            return cls(None)
        error = stdev(known) / math.sqrt(len(known)) if len(known) > 1 else None
        return cls(fmean(known), error)

    def __sub__(self, other: Mean) -> Mean:
        """Return the difference of two independent means."""
        if self.value is None or other.value is None:
            return Mean(None)
        errors = (self.standard_error, other.standard_error)
        known = [error for error in errors if error is not None]
        return Mean(self.value - other.value, math.hypot(*known) if len(known) == 2 else None)


@dataclass(frozen=True)
class SharedEntry:
    """One search.

    Attributes:
        name: Its name.
        uri: Where its state lies.
        controller: Kind of its controller.
        seed: Its seed.
        group: Label of its group.
        values: Its figures, by their names in `QUANTITIES`.
        mean_scores: Of the architectures proposed after each epoch, with shared weights.
    """

    name: str
    uri: str
    controller: str
    seed: int
    group: str
    values: dict[str, float | None]
    mean_scores: tuple[float, ...]


@dataclass(frozen=True)
class SharedGroup:
    """Repetitions of one experiment.

    Attributes:
        label: What it is called.
        controller: Kind of its controller.
        num_searches: How many searches.
        means: Of their figures.
        mean_scores: Of each epoch that all of them have.
    """

    label: str
    controller: str
    num_searches: int
    means: dict[str, Mean]
    mean_scores: tuple[Mean, ...]


@dataclass(frozen=True)
class SharedDifference:
    """What one group found, minus what random search with shared weights found."""

    label: str
    means: dict[str, Mean]


@dataclass(frozen=True)
class SharedComparison:
    """Searches by shared weights.

    Attributes:
        measure: What the scores are; where the searches have different ones, just scores.
        entries: The searches, in the order given.
        groups: In the order of their first searches.
        differences: Of every other group from random search.
        warnings: Sentences on what makes the comparison less than fair.
    """

    measure: Measure
    entries: tuple[SharedEntry, ...]
    groups: tuple[SharedGroup, ...]
    differences: tuple[SharedDifference, ...]
    warnings: tuple[str, ...]


def compare_shared(views: Sequence[SearchView]) -> SharedComparison:
    """Compare searches that all have shared weights.

    Args:
        views: At least one search.
    """
    labels = experiment_labels(views)
    entries = [_entry(view, label) for view, label in zip(views, labels, strict=True)]
    members: dict[str, list[SharedEntry]] = {}
    for entry in entries:
        members.setdefault(entry.group, []).append(entry)
    return SharedComparison(
        measure=common_measure(views),
        entries=tuple(entries),
        groups=tuple(_group(label, each) for label, each in members.items()),
        differences=tuple(_differences(members)),
        warnings=tuple(unfairness(views)),
    )


def _entry(view: SearchView, label: str) -> SharedEntry:
    return SharedEntry(
        name=view.config.name,
        uri=view.uri,
        controller=view.config.controller.kind,
        seed=view.config.seed,
        group=label,
        values=_values(view),
        mean_scores=tuple(each.mean_score for each in view.shared_epochs),
    )


def _values(view: SearchView) -> dict[str, float | None]:
    """Return a search's figures, in the order of `QUANTITIES`."""
    course, derived, best = shared_course(view), derivation(view), winner(view.rows)
    chosen = best_kept(view)
    assert course is not None
    kept = None if derived is None else derived.kept_sample
    return {
        "epochs": course.epochs,
        "training_s": course.training_s,
        "controller_s": course.controller_s,
        "judged": course.num_judged,
        "deriving_s": course.deriving_s,
        "best_shared": None if derived is None else derived.rows[0].shared_score,
        "best_kept": None if kept is None else kept.best,
        "best": None if best is None else score_of(best),
        "test": None if chosen is None else _test_score(view, chosen),
        "tau_running": None if derived is None else _tau(derived.all.running),
        "tau": None if derived is None else _tau(derived.all.own),
    }


def _tau(correlation: Correlation | None) -> float | None:
    return None if correlation is None else correlation.tau


def _test_score(view: SearchView, best: ChildRow) -> float | None:
    for reading in view.test:
        if reading.child == best.id:
            return reading.accuracy if reading.perplexity is None else reading.perplexity
    return None


def _group(label: str, members: Sequence[SharedEntry]) -> SharedGroup:
    return SharedGroup(
        label=label,
        controller=members[0].controller,
        num_searches=len(members),
        means={name: Mean.of([each.values[name] for each in members]) for name in QUANTITIES},
        mean_scores=tuple(
            Mean.of(scores) for scores in zip(*(each.mean_scores for each in members), strict=False)
        ),
    )


def _differences(members: Mapping[str, Sequence[SharedEntry]]) -> Iterator[SharedDifference]:
    random = [label for label, group in members.items() if group[0].controller == "random"]
    others = [label for label in members if label not in random]
    for other, base in product(others, random):
        yield SharedDifference(
            f"{other} minus {base}",
            {
                name: _difference(name, members[other], members[base])
                for name, each in QUANTITIES.items()
                if each.is_result
            },
        )


def _difference(name: str, other: Sequence[SharedEntry], base: Sequence[SharedEntry]) -> Mean:
    """Return the mean difference, seed by seed where both have the same seeds.

    Searches of one seed have the same data and split, so their difference varies less.
    """
    mine, theirs = ({each.seed: each.values[name] for each in group} for group in (other, base))
    if mine.keys() != theirs.keys() or len(mine) != len(other) or len(theirs) != len(base):
        return Mean.of(list(mine.values())) - Mean.of(list(theirs.values()))
    return Mean.of([_minus(mine[seed], theirs[seed]) for seed in mine])


def _minus(one: float | None, other: float | None) -> float | None:
    return None if one is None or other is None else one - other
