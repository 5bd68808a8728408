"""How sure a score is: over seeds, over examples, and where two means can be told apart.

All intervals are at 95 %. Over seeds they are Student's: three seeds are few, and their spread is
known as badly. An accuracy on n examples has Wilson's interval, which stays within [0, 1] and is
right for few examples and near 100 % too.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist, fmean, stdev, variance

CONFIDENCE = 0.95

_Z = NormalDist().inv_cdf((1 + CONFIDENCE) / 2)  # 1.96
_STEPS = 400  # of Simpson's rule: errors below 1e-9
_HALVINGS = 60  # of a right angle: to the last bit


@dataclass(frozen=True)
class Interval:
    """From the lower to the upper end."""

    low: float
    high: float

    @classmethod
    def around(cls, middle: float, half: float) -> Interval:
        """Return that of this width on both sides."""
        return cls(middle - half, middle + half)

    @property
    def half(self) -> float:
        """Half its width."""
        return (self.high - self.low) / 2

    def holds(self, value: float) -> bool:
        """Say whether a value is in it."""
        return self.low <= value <= self.high


@dataclass(frozen=True)
class Seeds:
    """The scores of one network, a seed each."""

    scores: tuple[float, ...] = ()

    @property
    def mean(self) -> float | None:
        """Their mean, None where there is none."""
        return fmean(self.scores) if self.scores else None

    @property
    def spread(self) -> float | None:
        """The sample's standard deviation, None for fewer than two."""
        return stdev(self.scores) if len(self.scores) > 1 else None

    @property
    def interval(self) -> Interval | None:
        """Student's interval of the mean at 95 %, None for fewer than two."""
        return over_seeds(self.scores)


def over_seeds(scores: Sequence[float]) -> Interval | None:
    """Return Student's interval of the mean, None for fewer than two scores.

    mean +- t s / sqrt(n) with the sample's standard deviation s, and t at n - 1 degrees of freedom.
    """
    if len(scores) < 2:
        return None
    error = math.sqrt(variance(scores) / len(scores))
    return Interval.around(fmean(scores), student_t(len(scores) - 1) * error)


def of_difference(ones: Sequence[float], others: Sequence[float]) -> Interval | None:
    """Return Welch's interval of the mean of ones less that of others.

    None for fewer than two scores of either, and where all of each are equal: on few examples they
    often are, and how far others would lie apart is not known then.

    With the squared errors e = s^2 / n of both means, it is the difference +- t sqrt(e1 + e2), at
    (e1 + e2)^2 / (e1^2 / (n1 - 1) + e2^2 / (n2 - 1)) degrees of freedom (Welch 1947). It is not
    paired: networks that have a seed in common have no weight in common.
    """
    if min(len(ones), len(others)) < 2:
        return None
    squares = [variance(each) / len(each) for each in (ones, others)]
    difference, total = fmean(ones) - fmean(others), sum(squares)
    if total == 0:
        return None
    shares = [square / total for square in squares]  # of 1: squares of tiny numbers would be 0
    freedom = 1 / sum(
        share**2 / (len(each) - 1) for share, each in zip(shares, (ones, others), strict=True)
    )
    return Interval.around(difference, student_t(freedom) * math.sqrt(total))


def over_examples(accuracy: float, num: int) -> Interval | None:
    """Return Wilson's interval of a share of this many examples, None for none (Wilson 1927)."""
    if num < 1:
        return None
    square = _Z**2 / num
    middle = (accuracy + square / 2) / (1 + square)
    half = math.sqrt(square * (accuracy * (1 - accuracy) + square / 4)) / (1 + square)
    return Interval(max(0.0, middle - half), min(1.0, middle + half))


def student_t(freedom: float) -> float:
    """Return what |T| exceeds one time in twenty, T of Student's distribution.

    With T = sqrt(freedom) tan(a), the angle a has a density in proportion to
    cos(a)^(freedom - 1): the integral over that is halved until it holds.

    Args:
        freedom: Degrees of freedom, at least 1; no whole number in Welch's interval.
    """
    whole = (
        math.sqrt(math.pi) / 2 * math.exp(math.lgamma(freedom / 2) - math.lgamma((freedom + 1) / 2))
    )
    low, high = 0.0, math.pi / 2
    for _ in range(_HALVINGS):
        angle = (low + high) / 2
        if _integral(freedom - 1, angle) < CONFIDENCE * whole:
            low = angle
        else:
            high = angle
    return math.sqrt(freedom) * math.tan(low)


def _integral(power: float, angle: float) -> float:
    """Return the integral of cos(a)^power from 0 to an angle, by Simpson's rule."""
    step = angle / _STEPS
    inner = (
        (4 if number % 2 else 2) * math.cos(number * step) ** power for number in range(1, _STEPS)
    )
    return step / 3 * math.fsum([1.0, *inner, max(math.cos(angle), 0.0) ** power])
