"""Rankings, counts and curves, against values worked out by hand."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from synthetic import chain, row

from nas_lib.records import Learned
from nas_lib.results import ranking

FOUR = [row(0, 0.5), row(1, 0.8), row(2, 0.6), row(3, 0.7)]


def learned(replica: int, number: int, metrics: dict[str, float]) -> Learned:
    return Learned(replica, number, "run", (1,), (0,), metrics, created_s=0.0)


def test_best_so_far_never_falls() -> None:
    assert ranking.best_so_far(FOUR) == [0.5, 0.8, 0.8, 0.8]


def test_the_mean_of_the_top_two_begins_with_the_second_child() -> None:
    # (0.5 + 0.8) / 2 = 0.65, (0.8 + 0.6) / 2 = 0.7, (0.8 + 0.7) / 2 = 0.75
    assert ranking.top_k_mean(FOUR, 2) == [None, *map(pytest.approx, (0.65, 0.7, 0.75))]


def test_equal_scores_are_each_counted_in_the_mean() -> None:
    rows = [row(0, 0.5), row(1, 0.5), row(2, 0.9)]
    assert ranking.top_k_mean(rows, 2) == [None, 0.5, pytest.approx(0.7)]  # (0.5 + 0.9) / 2


def test_a_diverged_child_uses_budget_but_has_no_score() -> None:
    rows = [row(0, status="diverged"), row(1, 0.5), row(2, status="out_of_memory")]
    rows.append(row(3, status="timed_out"))
    assert ranking.scores(rows) == [None, 0.5, None, None]
    assert ranking.best_so_far(rows) == [None, 0.5, 0.5, 0.5]


def test_crashed_and_missing_children_are_on_no_curve() -> None:
    rows = [row(0, status="crashed"), row(1, 0.5), row(2, status="missing")]
    assert ranking.best_so_far(rows) == [0.5]


def test_a_child_that_learnt_what_it_would_be_judged_by_has_no_score_and_never_wins() -> None:
    learnt_all, failed = row(0, None), row(1, status="diverged")
    rows = [learnt_all, failed, row(2, 0.0), row(3, 0.5)]
    assert ranking.scores(rows) == [None, None, 0.0, 0.5]
    assert ranking.leaderboard(rows) == [rows[3], rows[2], learnt_all, failed]
    assert ranking.best_so_far(rows, higher_is_better=False) == [None, None, 0.0, 0.0]
    assert ranking.winner([learnt_all, failed]) is None


def test_no_children_make_empty_curves() -> None:
    assert ranking.best_so_far([]) == []
    assert ranking.mean_reward([]) == []
    assert ranking.leaderboard([]) == []
    assert ranking.winner([]) is None
    assert ranking.status_counts([]) == {}


def test_rows_are_put_in_the_order_of_rounds_whatever_their_replica() -> None:
    rows = [row(4), row(1), row(0)]  # with four children a round, number 4 is in round 1
    other = replace(row(2), id="r001-000000-00")
    ids = [each.id for each in ranking.by_time([*rows, other])]
    assert ids == ["r000-000000-00", "r000-000000-01", "r001-000000-00", "r000-000001-00"]


def test_the_mean_reward_of_a_round_leaves_out_the_crashed() -> None:
    rows = [row(0, 0.4), row(1, status="diverged"), row(2, 0.8), row(3, status="crashed")]
    # (0.4 + 0 + 0.8) / 3 = 0.4
    assert ranking.mean_reward([*rows, row(4, 0.7)]) == [
        (0, pytest.approx(0.4)),
        (1, pytest.approx(0.7)),
    ]


def test_metrics_by_round_are_means_over_replicas_and_skip_rounds_without_a_value() -> None:
    updates = [
        learned(0, 1, {"baseline": 2.0, "entropy": 7.0}),
        learned(0, 0, {}),
        learned(1, 1, {"baseline": 4.0}),
        learned(0, 2, {"baseline": 5.0}),
    ]
    assert ranking.metrics_by_round(updates) == {
        "baseline": [(1, 3.0), (2, 5.0)],  # (2 + 4) / 2 = 3
        "entropy": [(1, 7.0)],
    }


class TestLeaderboard:
    def test_the_highest_reward_comes_first(self) -> None:
        assert [each.score for each in ranking.leaderboard(FOUR, 3)] == [0.8, 0.7, 0.6]

    def test_of_equal_rewards_the_smaller_network_comes_first_and_then_the_earlier_child(
        self,
    ) -> None:
        rows = [row(0, parameters=None), row(1, parameters=9), row(2, parameters=5)]
        rows.append(row(3, parameters=5))
        assert ranking.leaderboard(rows) == [rows[2], rows[3], rows[1], rows[0]]

    def test_only_counted_children_are_on_it(self) -> None:
        rows = [row(0, status="crashed"), row(1, 0.1), row(2, status="missing")]
        assert ranking.leaderboard(rows) == [rows[1]]

    def test_a_failed_child_stands_below_a_negative_reward(self) -> None:
        rows = [row(0, status="diverged"), row(1, -2.0)]
        assert ranking.leaderboard(rows) == [rows[1], rows[0]]
        assert ranking.winner(rows) == rows[1]

    def test_a_failed_child_wins_nothing(self) -> None:
        assert ranking.winner([row(0, status="diverged")]) is None


def test_statuses_are_counted_without_those_of_no_child() -> None:
    rows = [row(0), row(1, status="crashed"), row(2)]
    assert ranking.status_counts(rows) == {"ok": 2, "crashed": 1}


def test_an_architecture_tried_again_is_found() -> None:
    other = row(1, architecture=chain("conv 1x1x24/1x1 <- image"))
    repeated = ranking.repeated_architectures([row(0), other, row(2)])
    assert repeated == {row(0).architecture.id: 2}


class TestRanks:
    def test_equal_values_have_equal_ranks_and_none_has_none(self) -> None:
        values = [0.5, 0.9, None, 0.5, 0.1]
        assert ranking.ranks(values, higher_is_better=True) == [2, 1, None, 2, 4]
        assert ranking.ranks(values, higher_is_better=False) == [2, 4, None, 2, 1]

    @given(st.lists(st.integers(0, 5)))
    def test_a_rank_is_one_more_than_how_many_are_better(self, values: list[int]) -> None:
        for value, rank in zip(values, ranking.ranks(values, higher_is_better=True), strict=True):
            assert rank == 1 + sum(other > value for other in values)


def test_the_best_so_far_never_rises() -> None:
    rows = [
        row(number, score, status="ok" if score else "diverged")
        for number, score in enumerate((200, 150, None, 170, 110))
    ]
    assert ranking.best_so_far(rows, higher_is_better=False) == [200, 150, 150, 150, 110]
    # (200 + 150) / 2, then 170 in place of 200, then 110 in place of 170
    assert ranking.top_k_mean(rows, 2, higher_is_better=False) == [None, 175, 175, 160, 130]


@given(st.lists(st.floats(1, 1e6)), st.integers(1, 5))
def test_the_best_of_perplexities_are_the_best_of_their_negatives(
    scores: list[float], k: int
) -> None:
    negative = [row(number, -score) for number, score in enumerate(scores)]
    found = ranking.top_k_mean(
        [row(number, score) for number, score in enumerate(scores)], k, higher_is_better=False
    )
    assert found == [None if value is None else -value for value in ranking.top_k_mean(negative, k)]
