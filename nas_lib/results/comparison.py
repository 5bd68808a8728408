"""Searches beside each other, at equal budgets.

Searches of the same identity but for the seed are repetitions of one experiment: they form a
group, with the mean and standard error over them. What a controller is worth is its group's
difference from random search; where there is none, groups are measured by one of themselves.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from nas_lib.results.differences import Difference, differences
from nas_lib.results.groups import Entry, Group, grouped
from nas_lib.results.labels import differing_settings, experiment, labels
from nas_lib.results.measure import OWN, Measure
from nas_lib.results.view import SearchView
from nas_lib.results.yardsticks import (
    COMMON,
    Quantity,
    Yardstick,
    with_later,
    yardstick_of,
)

_BASE = "random"  # the kind of controller that others are measured by
_CONDITIONS = ("task.", "space.", "children.")  # parts that all searches should have in common


@dataclass(frozen=True)
class Comparison:
    """What searches come to at equal budgets.

    Attributes:
        procedure: The kind of procedure whose yardstick it is.
        budget: What every search has used of it, counted children or epochs of shared weights, but
            for those that have no more to propose.
        checkpoints: Where along the budget the curves are read; the last is the budget.
        measure: What the scores are; where the searches have different ones, just scores.
        quantities: What the figures are, by name.
        entries: The searches, in the order given.
        groups: In the order of their first searches.
        base: The label of the group that others are measured by, random search where there is
            one; empty where there is no other group.
        differences: Of every other group from that.
        warnings: Sentences on what makes the comparison less than fair.
    """

    procedure: str
    budget: int
    checkpoints: tuple[int, ...]
    measure: Measure
    quantities: dict[str, Quantity]
    entries: tuple[Entry, ...]
    groups: tuple[Group, ...]
    base: str
    differences: tuple[Difference, ...]
    warnings: tuple[str, ...]

    @property
    def base_is_random(self) -> bool:
        """Whether the others are measured by random search."""
        return any(group.label == self.base and group.controller == _BASE for group in self.groups)


def compare(
    views: Sequence[SearchView], *, num_checkpoints: int | None = None, base: int = 0
) -> Comparison:
    """Compare searches at the budget of the one that has used the least.

    One that has nothing new to propose has used whatever it has left: it stays where it ended.
    Searches of several procedures are compared by their children.

    Args:
        views: At least one search.
        num_checkpoints: How often along the budget the curves are read; None for as often as is
            usual for the procedure.
        base: Of a search, by whose group the others are measured where none is random search.
    """
    kinds = {view.config.search.kind for view in views}
    kind = kinds.pop() if len(kinds) == 1 else COMMON
    yardstick = yardstick_of(kind)
    budget = _equal_budget(views, yardstick)
    is_equal = all(view.ended_early or yardstick.budget(view) == budget for view in views)
    yardstick = with_later(yardstick, views, is_equal=is_equal)
    checkpoints = _checkpoints(budget, num_checkpoints or yardstick.num_checkpoints or budget)
    groups = labels([view.config for view in views])
    entries = [
        _entry(view, label, yardstick, checkpoints)
        for view, label in zip(views, groups, strict=True)
    ]
    members: defaultdict[str, list[Entry]] = defaultdict(list)
    for entry in entries:
        members[entry.group].append(entry)
    measured_by = _base(members, groups[base])
    measure = _common_measure(views)
    results = [name for name, each in yardstick.quantities.items() if each.is_result]
    return Comparison(
        procedure=kind,
        budget=budget,
        checkpoints=checkpoints,
        measure=measure,
        quantities=dict(yardstick.quantities),
        entries=tuple(entries),
        groups=tuple(grouped(label, each) for label, each in members.items()),
        base=measured_by if len(members) > 1 else "",
        differences=tuple(
            differences(members, measured_by, results, checkpoints=checkpoints, measure=measure)
        ),
        warnings=tuple(_unfairness(views)),
    )


def _equal_budget(views: Sequence[SearchView], yardstick: Yardstick) -> int:
    """Return the least budget used, and the most where no search has anything more to propose."""
    used = [yardstick.budget(view) for view in views if not view.ended_early]
    return min(used) if used else max(map(yardstick.budget, views))


def _checkpoints(budget: int, num: int) -> tuple[int, ...]:
    marks = (round(budget * i / num) for i in range(1, num + 1))
    return tuple(sorted({mark for mark in marks if mark > 0}))


def _common_measure(views: Sequence[SearchView]) -> Measure:
    """Return what the searches' scores are; where they are different things, just scores."""
    measures = {view.measure for view in views}
    return measures.pop() if len(measures) == 1 else OWN


def _entry(view: SearchView, label: str, yardstick: Yardstick, checkpoints: Sequence[int]) -> Entry:
    curves = {
        name: tuple(curve[min(mark, len(curve)) - 1] if curve else None for mark in checkpoints)
        for name, curve in yardstick.curves(view).items()
    }
    ends = {name: curve[-1] if curve else None for name, curve in curves.items()}
    values = {**ends, **yardstick.values(view)}
    return Entry(
        name=view.config.name,
        uri=view.uri,
        controller=view.config.controller.kind,
        seed=view.config.seed,
        group=label,
        values={name: values.get(name) for name in yardstick.quantities},
        curves=curves,
    )


def _base(members: Mapping[str, Sequence[Entry]], otherwise: str) -> str:
    """Return the first group of random search, or else another."""
    random = (label for label, group in members.items() if group[0].controller == _BASE)
    return next(random, otherwise)


def _unfairness(views: Sequence[SearchView]) -> Iterator[str]:
    """Yield sentences on what makes a comparison of these searches less than fair."""
    kinds = dict.fromkeys(view.config.search.kind for view in views)
    yardsticks = [yardstick_of(kind) for kind in kinds]
    parts: tuple[str, ...] = _CONDITIONS
    if len(yardsticks) == 1:
        parts += yardsticks[0].conditions
    else:
        yield from (each.left_out for each in yardsticks if each.left_out)
    differing = list(_differing_settings(views, parts))
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


def _differing_settings(views: Sequence[SearchView], parts: tuple[str, ...]) -> Iterator[str]:
    """Yield the settings in these parts whose values differ, with the values."""
    settings = [_conditions(view, parts) for view in views]
    for name in sorted(differing_settings(settings)):
        values = dict.fromkeys(json.dumps(each.get(name)) for each in settings)
        yield f"{name} is {' or '.join(values)}"


def _conditions(view: SearchView, parts: tuple[str, ...]) -> dict[str, object]:
    return {
        name: value for name, value in experiment(view.config).items() if name.startswith(parts)
    }
