"""Searches beside each other, at equal budgets (Zoph & Le 2017, section 4.2, figure 6).

Searches of the same identity but for the seed are repetitions of one experiment: they form a
group, with the mean and standard error over them.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from statistics import fmean, stdev

from nas_lib.report import curves
from nas_lib.report.compare_shared import SharedComparison, compare_shared
from nas_lib.report.experiments import common_measure, experiment_labels, unfairness
from nas_lib.report.measure import Measure
from nas_lib.report.view import SearchView

Values = tuple[float | None, ...]


@dataclass(frozen=True)
class Curve:
    """The mean of the best `k` scores at each checkpoint, None before there are k scores.

    Attributes:
        k: How many of the best.
        values: One value per checkpoint.
        standard_error: Over the searches of a group, None where there are fewer than two.
    """

    k: int
    values: Values
    standard_error: Values


@dataclass(frozen=True)
class Entry:
    """One search.

    Attributes:
        name: Its name.
        uri: Where its state lies.
        controller: Kind of its controller.
        seed: Its seed.
        group: Label of its group.
        num_children: Its counted children.
        best: The best score of all of them.
        curves: One per k in `TOPS`, up to the common budget.
    """

    name: str
    uri: str
    controller: str
    seed: int
    group: str
    num_children: int
    best: float | None
    curves: tuple[Curve, ...]


@dataclass(frozen=True)
class Group:
    """Repetitions of one experiment: the mean over its searches."""

    label: str
    controller: str
    num_searches: int
    curves: tuple[Curve, ...]


@dataclass(frozen=True)
class Difference:
    """The curves of one group minus those of the group of random search."""

    label: str
    curves: tuple[Curve, ...]


@dataclass(frozen=True)
class Comparison:
    """What searches come to at equal budgets.

    Attributes:
        budget: Counted children that every search has.
        checkpoints: Numbers of children at which the curves are read, the last is the budget.
        measure: What the scores are; where the searches have different ones, just scores.
        entries: The searches, in the order given.
        groups: In the order of their first searches.
        differences: Of every other group from random search.
        warnings: Sentences on what makes the comparison less than fair.
    """

    budget: int
    checkpoints: tuple[int, ...]
    measure: Measure
    entries: tuple[Entry, ...]
    groups: tuple[Group, ...]
    differences: tuple[Difference, ...]
    warnings: tuple[str, ...]


def compare(
    views: Sequence[SearchView], *, num_checkpoints: int = 20
) -> Comparison | SharedComparison:
    """Compare searches at the budget of the one that has the fewest counted children.

    Where all of them have shared weights, these are the budget, and children only what came out.

    Args:
        views: At least one search.
        num_checkpoints: How often along the budget the curves are read.
    """
    if all(view.config.shared is not None for view in views):
        return compare_shared(views)
    budget = min(sum(row.counts for row in view.rows) for view in views)
    marks = (round(budget * i / num_checkpoints) for i in range(1, num_checkpoints + 1))
    checkpoints = tuple(sorted({mark for mark in marks if mark > 0}))
    labels = experiment_labels(views)
    entries = [_entry(view, label, checkpoints) for view, label in zip(views, labels, strict=True)]
    groups = _groups(entries)
    return Comparison(
        budget=budget,
        checkpoints=checkpoints,
        measure=common_measure(views),
        entries=tuple(entries),
        groups=groups,
        differences=_differences(groups, entries),
        warnings=tuple(unfairness(views)),
    )


def _entry(view: SearchView, label: str, checkpoints: Sequence[int]) -> Entry:
    rows = curves.by_time(view.rows)
    best = curves.winner(rows)
    higher = view.measure.higher_is_better
    return Entry(
        name=view.config.name,
        uri=view.uri,
        controller=view.config.controller.kind,
        seed=view.config.seed,
        group=label,
        num_children=sum(row.counts for row in rows),
        best=None if best is None else curves.score_of(best),
        curves=tuple(
            _read_curve(curves.top_k_mean(rows, k, higher_is_better=higher), k, checkpoints)
            for k in curves.TOPS
        ),
    )


def _read_curve(values: Sequence[float | None], k: int, checkpoints: Sequence[int]) -> Curve:
    read = tuple(values[mark - 1] for mark in checkpoints)
    return Curve(k, read, (None,) * len(read))


def _groups(entries: Sequence[Entry]) -> tuple[Group, ...]:
    members: dict[str, list[Entry]] = {}
    for entry in entries:
        members.setdefault(entry.group, []).append(entry)
    return tuple(
        Group(
            label=label,
            controller=group[0].controller,
            num_searches=len(group),
            curves=tuple(map(_mean_curve, *(entry.curves for entry in group))),
        )
        for label, group in members.items()
    )


def _mean_curve(*members: Curve) -> Curve:
    """Return the mean of the searches' curves; None where one of them has no value yet."""
    columns = list(zip(*(curve.values for curve in members), strict=True))
    values, errors = [], []
    for column in columns:
        known = [value for value in column if value is not None]
        complete = len(known) == len(column)
        values.append(fmean(known) if complete else None)
        errors.append(stdev(known) / math.sqrt(len(known)) if complete and len(known) > 1 else None)
    return Curve(members[0].k, tuple(values), tuple(errors))


def _differences(groups: Sequence[Group], entries: Sequence[Entry]) -> tuple[Difference, ...]:
    random = [group for group in groups if group.controller == "random"]
    others = [group for group in groups if group.controller != "random"]
    return tuple(
        Difference(
            label=f"{other.label} minus {base.label}",
            curves=_paired(entries, other, base) or tuple(map(_minus, other.curves, base.curves)),
        )
        for other, base in product(others, random)
    )


def _paired(entries: Sequence[Entry], other: Group, base: Group) -> tuple[Curve, ...]:
    """Return the mean difference seed by seed, nothing where the groups have other seeds.

    Searches of one seed have the same data and split, so their difference varies less.
    """
    mine, theirs = (
        {entry.seed: entry.curves for entry in entries if entry.group == group.label}
        for group in (other, base)
    )
    if mine.keys() != theirs.keys() or len(mine) != other.num_searches:
        return ()
    pairs = [tuple(map(_minus, mine[seed], theirs[seed])) for seed in mine]
    return tuple(map(_mean_curve, *pairs))


def _minus(curve: Curve, base: Curve) -> Curve:
    """Return the difference of two independent means."""
    return Curve(
        curve.k,
        tuple(
            None if a is None or b is None else a - b
            for a, b in zip(curve.values, base.values, strict=True)
        ),
        tuple(
            None if a is None or b is None else math.hypot(a, b)
            for a, b in zip(curve.standard_error, base.standard_error, strict=True)
        ),
    )
