"""What was taken for what, class by class and as a matrix."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nas_lib.results.confusion import (
    class_scores,
    frequent_mistakes,
    matrix,
    most_confused,
)

CONFUSION = ((0, 0, 8), (0, 2, 2), (1, 1, 10), (2, 0, 1), (2, 1, 3), (2, 2, 6))


def test_the_class_that_is_known_worst_comes_first() -> None:
    scores = class_scores(CONFUSION)
    assert [each.label for each in scores] == [2, 0, 1]
    assert [each.accuracy for each in scores] == [0.6, 0.8, 1.0]  # 6, 8 and 10 of 10
    assert [(each.taken_for, each.num_taken) for each in scores] == [(1, 3), (2, 2), (None, 0)]


def test_an_accuracy_has_wilsons_interval() -> None:
    best = class_scores(CONFUSION)[-1]
    # 10 of 10: from 1 / (1 + 1.96^2 / 10) = 1 / 1.384 to 1
    assert (best.interval.low, best.interval.high) == pytest.approx((0.7225, 1.0), abs=1e-4)


def test_of_mistakes_that_are_as_frequent_the_first_class_is_told() -> None:
    assert class_scores(((3, 0, 1), (3, 1, 1), (3, 3, 1)))[0].taken_for == 0


def test_all_others_are_one_row_and_one_column() -> None:
    kept = most_confused(CONFUSION, 3, most=2)
    assert kept == [2]  # in 1 + 3 + 2 mistakes; the others in 3 each
    assert matrix(CONFUSION, kept, 3) == [[6, 4], [2, 18]]


def test_frequent_mistakes_come_first() -> None:
    assert frequent_mistakes(CONFUSION, most=2) == ((2, 1, 3), (0, 2, 2))


@settings(max_examples=30)
@given(
    st.dictionaries(
        st.tuples(st.integers(0, 30), st.integers(0, 30)), st.integers(1, 9), max_size=60
    ),
    st.integers(2, 40),
)
def test_a_matrix_has_every_example_whatever_is_shown(
    pairs: dict[tuple[int, int], int], most: int
) -> None:
    confusion = tuple((*pair, num) for pair, num in sorted(pairs.items()))
    kept = most_confused(confusion, 31, most=most)
    rows = matrix(confusion, kept, 31)
    assert len(rows) == min(31, most)
    assert sum(map(sum, rows)) == sum(pairs.values())
    for place, label in enumerate(kept):
        assert sum(rows[place]) == sum(num for (true, _), num in pairs.items() if true == label)
