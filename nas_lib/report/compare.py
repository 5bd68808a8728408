"""Searches beside each other, at equal budgets (Zoph & Le 2017, section 4.2, figure 6).

Searches of the same identity but for the seed are repetitions of one experiment: they form a
group, with the mean and standard error over them.
"""

from __future__ import annotations

import json
import math
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from statistics import fmean, stdev

from nas_lib.config_file import identity, identity_settings
from nas_lib.report import curves
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
        is_accuracy: Whether all scores are accuracies.
        entries: The searches, in the order given.
        groups: In the order of their first searches.
        differences: Of every other group from random search.
        warnings: Sentences on what makes the comparison less than fair.
    """

    budget: int
    checkpoints: tuple[int, ...]
    is_accuracy: bool
    entries: tuple[Entry, ...]
    groups: tuple[Group, ...]
    differences: tuple[Difference, ...]
    warnings: tuple[str, ...]


def compare(views: Sequence[SearchView], *, num_checkpoints: int = 20) -> Comparison:
    """Compare searches at the budget of the one that has the fewest counted children.

    Args:
        views: At least one search.
        num_checkpoints: How often along the budget the curves are read.
    """
    budget = min(sum(row.counts for row in view.rows) for view in views)
    marks = (round(budget * i / num_checkpoints) for i in range(1, num_checkpoints + 1))
    checkpoints = tuple(sorted({mark for mark in marks if mark > 0}))
    labels = _labels(views)
    entries = [_entry(view, label, checkpoints) for view, label in zip(views, labels, strict=True)]
    groups = _groups(entries)
    return Comparison(
        budget=budget,
        checkpoints=checkpoints,
        is_accuracy=all(view.is_accuracy for view in views),
        entries=tuple(entries),
        groups=groups,
        differences=_differences(groups, entries),
        warnings=tuple(_warnings(views)),
    )


def _entry(view: SearchView, label: str, checkpoints: Sequence[int]) -> Entry:
    rows = curves.by_time(view.rows)
    best = curves.winner(rows)
    return Entry(
        name=view.config.name,
        uri=view.uri,
        controller=view.config.controller.kind,
        seed=view.config.seed,
        group=label,
        num_children=sum(row.counts for row in rows),
        best=None if best is None else curves.score_of(best),
        curves=tuple(_read_curve(curves.top_k_mean(rows, k), k, checkpoints) for k in curves.TOPS),
    )


def _read_curve(values: Sequence[float | None], k: int, checkpoints: Sequence[int]) -> Curve:
    read = tuple(values[mark - 1] for mark in checkpoints)
    return Curve(k, read, (None,) * len(read))


def _labels(views: Sequence[SearchView]) -> list[str]:
    """Return each search's group: its controller's kind, with a number where that is not enough."""
    experiments: defaultdict[str, list[str]] = defaultdict(list)
    labels = []
    for view in views:
        alike = experiments[view.config.controller.kind]
        experiment = _experiment(view)
        if experiment not in alike:
            alike.append(experiment)
        number = alike.index(experiment)
        labels.append(view.config.controller.kind + (f" {number + 1}" if number else ""))
    return labels


def _experiment(view: SearchView) -> str:
    """Return what repetitions have in common."""
    return identity(view.config.model_copy(update={"seed": 0}), data_hash="")


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


# --- what makes a comparison unfair --------------------------------------------------------------


def _warnings(views: Sequence[SearchView]) -> Iterator[str]:
    differing = list(_differing_settings(views))
    if differing:
        yield (
            "The searches differ in more than their controllers, which makes the comparison "
            f"unfair: {'; '.join(differing)}."
        )
    seeds = {view.config.seed for view in views}  # another seed splits the same data otherwise
    data = {(view.config.seed, view.data and view.data.content_hash) for view in views}
    if len(data) > len(seeds):
        yield "Searches with the same seed were given different data."
    unfinished = [view.config.name for view in views if not view.finished]
    if unfinished:
        yield f"Not finished yet: {', '.join(unfinished)}."


def _differing_settings(views: Sequence[SearchView]) -> Iterator[str]:
    """Yield the settings of task, space and training whose values differ, with the values."""
    parts = [_conditions(view) for view in views]
    for name in sorted({name for part in parts for name in part}):
        values = list(dict.fromkeys(json.dumps(part.get(name)) for part in parts))
        if len(values) > 1:
            yield f"{name} is {' or '.join(values)}"


def _conditions(view: SearchView) -> dict[str, object]:
    return {
        name: value
        for name, value in identity_settings(view.config).items()
        if name.startswith(("task.", "space.", "children."))
    }
