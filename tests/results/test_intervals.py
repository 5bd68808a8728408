"""How sure a score is, against tables and values worked out by hand."""

from __future__ import annotations

import math

import pytest

from nas_lib.results.intervals import (
    of_difference,
    over_examples,
    over_seeds,
    student_t,
)


@pytest.mark.parametrize(
    ("freedom", "t"),
    [(1, 12.7062), (2, 4.3027), (3, 3.1824), (10, 2.2281), (30, 2.0423), (10_000, 1.9602)],
)
def test_students_t_is_that_of_the_tables(freedom: float, t: float) -> None:
    assert student_t(freedom) == pytest.approx(t, abs=5e-5)


def test_between_whole_degrees_of_freedom_it_lies_between_their_values() -> None:
    assert student_t(3) < student_t(2.5) < student_t(2)


def test_the_interval_of_three_seeds_is_students() -> None:
    # mean 0.8, s = 0.1: 0.8 +- 4.3027 x 0.1 / sqrt(3) = 0.8 +- 0.24841
    found = over_seeds([0.7, 0.8, 0.9])
    assert found is not None
    assert (found.low, found.high) == pytest.approx((0.55159, 1.04841), abs=1e-5)
    assert found.half == pytest.approx(0.24841, abs=1e-5)


def test_of_one_seed_nothing_is_known() -> None:
    assert over_seeds([0.7]) is None
    assert over_seeds([]) is None
    assert of_difference([0.7], [0.6, 0.65]) is None


def test_the_difference_of_two_means_has_welchs_interval() -> None:
    # means 0.8 and 0.5; e1 = 0.01 / 3, e2 = 0.02 / 2 = 0.01 (s2^2 = 2 x 0.1^2 / 1)
    # freedom = (0.013333)^2 / (0.0033333^2 / 2 + 0.01^2 / 1) = 1.6842, t = 5.1762 at that
    found = of_difference([0.7, 0.8, 0.9], [0.4, 0.6])
    assert found is not None
    freedom = (0.04 / 3) ** 2 / ((0.01 / 3) ** 2 / 2 + 0.01**2)
    half = student_t(freedom) * math.sqrt(0.04 / 3)
    assert freedom == pytest.approx(1.6842, abs=1e-4)
    assert (found.low, found.high) == pytest.approx((0.3 - half, 0.3 + half))


def test_equal_spreads_have_the_degrees_of_freedom_of_both_together() -> None:
    # e1 = e2, n = 3: freedom 4, t = 2.7764; half = 2.7764 x sqrt(2 x 0.01 / 3) = 0.22670
    found = of_difference([0.7, 0.8, 0.9], [0.4, 0.5, 0.6])
    assert found is not None
    assert found.half == pytest.approx(0.2267, abs=1e-4)
    assert found.holds(0.3)
    assert not found.holds(0.0)


def test_scores_without_any_spread_do_not_say_how_far_others_would_lie_apart() -> None:
    assert of_difference([0.75, 0.75], [0.5, 0.5]) is None


def test_tiny_spreads_do_not_vanish_when_they_are_squared() -> None:
    found = of_difference([1.0, 1.0 + 1e-12], [0.5, 0.5])
    assert found is not None
    assert found.half > 0


@pytest.mark.parametrize(
    ("accuracy", "num", "low", "high"),
    [
        # z^2 = 3.8415; (0.5 + 0.19207) / 1.38415 = 0.5; half = sqrt(0.38415 x (0.25 + 0.096)) / ..
        (0.5, 10, 0.23659, 0.76341),
        (1.0, 100, 0.96301, 1.0),  # 100 / (100 + 3.8415)
        (0.0, 100, 0.0, 0.03699),
    ],
)
def test_an_accuracy_on_so_many_examples_has_wilsons_interval(
    accuracy: float, num: int, low: float, high: float
) -> None:
    found = over_examples(accuracy, num)
    assert found is not None
    assert (found.low, found.high) == pytest.approx((low, high), abs=1e-5)


def test_of_no_examples_nothing_is_known() -> None:
    assert over_examples(0.0, 0) is None
