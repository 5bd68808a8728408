"""Kendall's tau, against values worked out by hand and against SciPy's."""

from __future__ import annotations

import math
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import kendalltau

from nas_lib.results.agreement import Correlation, kendall_tau

PAIRS = st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6)), min_size=2, max_size=25)


def split(pairs: Sequence[tuple[int, int]]) -> tuple[list[int], list[int]]:
    return [x for x, _ in pairs], [y for _, y in pairs]


class TestTau:
    def test_one_swapped_pair_of_four_things(self) -> None:
        # Of 6 pairs one is turned round: (5 - 1) / 6
        assert kendall_tau([1, 2, 3, 4], [1, 3, 2, 4]) == pytest.approx(4 / 6)

    def test_the_same_and_the_reverse_order(self) -> None:
        assert kendall_tau([1, 2, 3], [10, 20, 99]) == 1
        assert kendall_tau([1, 2, 3], [3, 2, 1]) == -1

    def test_ties_in_one_score(self) -> None:
        # (1,1)-(1,2) is tied in x; the other two pairs agree: 2 / sqrt(2 * 3)
        assert kendall_tau([1, 1, 2], [1, 2, 3]) == pytest.approx(2 / math.sqrt(6))

    def test_ties_in_both(self) -> None:
        # Pairs: x ties 1-2, y ties 3-4, four agree: 4 / sqrt((6 - 1) * (6 - 1))
        assert kendall_tau([1, 1, 2, 3], [1, 2, 3, 3]) == pytest.approx(4 / 5)

    @pytest.mark.parametrize("scores", [([], []), ([1.0], [2.0]), ([1.0, 2.0], [5.0, 5.0])])
    def test_where_nothing_is_in_any_order_there_is_none(
        self, scores: tuple[list[float], list[float]]
    ) -> None:
        assert kendall_tau(*scores) is None

    def test_scores_must_be_paired(self) -> None:
        with pytest.raises(ValueError, match="shorter"):
            kendall_tau([1, 2], [1])

    @given(PAIRS)
    def test_it_is_scipys(self, pairs: list[tuple[int, int]]) -> None:
        xs, ys = split(pairs)
        expected = kendalltau(xs, ys).statistic
        assert (kendall_tau(xs, ys) is None) == math.isnan(expected)
        if not math.isnan(expected):
            assert kendall_tau(xs, ys) == pytest.approx(expected)

    @given(PAIRS)
    def test_it_is_of_the_order_alone_and_turns_with_it(self, pairs: list[tuple[int, int]]) -> None:
        xs, ys = split(pairs)
        tau = kendall_tau(xs, ys)
        assert kendall_tau(ys, xs) == tau
        assert kendall_tau([x**3 + 5 for x in xs], ys) == tau
        assert kendall_tau([-x for x in xs], ys) == (None if tau is None else -tau)


class TestCorrelation:
    def test_its_standard_error_under_independence(self) -> None:
        # sqrt(2 (2 * 25 + 5) / (9 * 25 * 24)) = sqrt(110 / 5400)
        assert Correlation(25, 0.5).standard_error == pytest.approx(0.142725, abs=1e-6)
        assert Correlation(1, None).standard_error is None

    def test_it_is_distinguishable_beyond_1_96_standard_errors(self) -> None:
        assert Correlation(25, 0.29).is_distinguishable  # 1.96 * 0.1427 = 0.2797
        assert Correlation(25, -0.29).is_distinguishable
        assert not Correlation(25, 0.27).is_distinguishable
        assert not Correlation(25, None).is_distinguishable

    def test_two_things_prove_nothing(self) -> None:
        assert not Correlation.of([1, 2], [1, 2]).is_distinguishable

    def test_fewer_than_twenty_are_few(self) -> None:
        assert Correlation(19, 1.0).is_few
        assert not Correlation(20, 1.0).is_few
