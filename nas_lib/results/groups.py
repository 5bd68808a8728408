"""Searches of one experiment: a group, with the mean of each figure and its standard error."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean, stdev


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
        """Return that of these values: sum x_i / n, with the error s / sqrt(n).

        s is the sample's standard deviation, with n - 1 below: n is small here.
        """
        known = [value for value in values if value is not None]
        if len(known) < len(values) or not known:
            return cls(None)
        error = stdev(known) / math.sqrt(len(known)) if len(known) > 1 else None
        return cls(fmean(known), error)

    def __sub__(self, other: Mean) -> Mean:
        """Return the difference of two independent means: their errors add up in squares."""
        if self.value is None or other.value is None:
            return Mean(None)
        errors = (self.standard_error, other.standard_error)
        known = [error for error in errors if error is not None]
        return Mean(self.value - other.value, math.hypot(*known) if len(known) == 2 else None)


@dataclass(frozen=True)
class Entry:
    """One search.

    Attributes:
        name: Its name.
        uri: Where its state lies.
        controller: Kind of its controller.
        seed: Its seed.
        group: Label of its group.
        values: Its figures, by name.
        curves: What it came to at each checkpoint, by name.
    """

    name: str
    uri: str
    controller: str
    seed: int
    group: str
    values: dict[str, float | None]
    curves: dict[str, tuple[float | None, ...]]


@dataclass(frozen=True)
class Group:
    """Repetitions of one experiment.

    Attributes:
        label: What it is called.
        controller: Kind of its controller.
        num_searches: How many searches.
        means: Of their figures.
        curves: Of their curves, at each checkpoint.
    """

    label: str
    controller: str
    num_searches: int
    means: dict[str, Mean]
    curves: dict[str, tuple[Mean, ...]]


def grouped(label: str, members: Sequence[Entry]) -> Group:
    """Return the group of these searches."""
    first = members[0]
    return Group(
        label=label,
        controller=first.controller,
        num_searches=len(members),
        means={name: Mean.of([each.values[name] for each in members]) for name in first.values},
        curves={
            name: tuple(map(_mean, *(each.curves[name] for each in members)))
            for name in first.curves
        },
    )


def _mean(*values: float | None) -> Mean:
    return Mean.of(values)
