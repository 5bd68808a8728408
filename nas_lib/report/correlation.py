"""Rank correlation: whether two ways of judging put the same things in the same order."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

FEW = 20
"""A correlation over fewer pairs than this says little: its standard error is above 0.16."""

_Z = 1.96  # of a normal variable's absolute value, one in twenty is larger


@dataclass(frozen=True)
class Correlation:
    """Kendall's tau of two scores.

    Attributes:
        num: How many things have both scores.
        tau: From -1, the reverse order, to 1, the same order; None where either score is the same
            for all of them.
    """

    num: int
    tau: float | None

    @classmethod
    def of(cls, xs: Sequence[float], ys: Sequence[float]) -> Correlation:
        """Return that of paired scores."""
        return cls(len(xs), kendall_tau(xs, ys))

    @property
    def standard_error(self) -> float | None:
        """Of tau where the scores have nothing to do with each other and no ties."""
        if self.num < 2:
            return None
        return math.sqrt(2 * (2 * self.num + 5) / (9 * self.num * (self.num - 1)))

    @property
    def is_few(self) -> bool:
        """Whether there are too few pairs for more than a hint."""
        return self.num < FEW

    @property
    def is_distinguishable(self) -> bool:
        """Whether so large a tau comes by chance less than one time in twenty."""
        error = self.standard_error
        return self.tau is not None and error is not None and abs(self.tau) > _Z * error


def kendall_tau(xs: Sequence[float], ys: Sequence[float]) -> float | None:
    """Return Kendall's tau-b: pairs in the same order less those in the other, as a share.

    A pair that is tied in x or y is in no order; tau-b divides by the geometric mean of the numbers
    of pairs that are untied in x and in y, so that -1 and 1 can be reached with ties too.

    Returns:
        A number in [-1, 1]; None where all of either are equal, or there are fewer than two.
    """
    surplus = untied_x = untied_y = 0
    for (x, y), (other_x, other_y) in combinations(zip(xs, ys, strict=True), 2):
        way_x, way_y = _sign(x, other_x), _sign(y, other_y)
        surplus += way_x * way_y
        untied_x += way_x != 0
        untied_y += way_y != 0
    if not untied_x or not untied_y:
        return None
    return surplus / math.sqrt(untied_x * untied_y)


def _sign(one: float, other: float) -> int:
    return (one > other) - (one < other)
