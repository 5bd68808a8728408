"""Rankings, counts and curves, against values worked out by hand."""

from __future__ import annotations

from dataclasses import replace

import pytest
from synthetic import row

from nas_lib.config import LoopConfig
from nas_lib.records import Learned
from nas_lib.report import curves

FOUR = [row(0, 0.5), row(1, 0.8), row(2, 0.6), row(3, 0.7)]


def learned(replica: int, number: int, created_s: float) -> Learned:
    return Learned(replica, number, "run", (1,), (0,), 1.0, 0.5, 0.5, created_s)


def test_best_so_far_never_falls():
    assert curves.best_so_far(FOUR) == [0.5, 0.8, 0.8, 0.8]


def test_the_mean_of_the_top_two_begins_with_the_second_child():
    # (0.5 + 0.8) / 2 = 0.65, (0.8 + 0.6) / 2 = 0.7, (0.8 + 0.7) / 2 = 0.75
    assert curves.top_k_mean(FOUR, 2) == [None, *map(pytest.approx, (0.65, 0.7, 0.75))]


def test_equal_scores_are_each_counted_in_the_mean():
    rows = [row(0, 0.5), row(1, 0.5), row(2, 0.9)]
    assert curves.top_k_mean(rows, 2) == [None, 0.5, pytest.approx(0.7)]  # (0.5 + 0.9) / 2


def test_a_diverged_child_uses_budget_but_has_no_score():
    rows = [row(0, status="diverged"), row(1, 0.5), row(2, status="out_of_memory")]
    assert curves.scores(rows) == [None, 0.5, None]
    assert curves.best_so_far(rows) == [None, 0.5, 0.5]


def test_crashed_and_missing_children_are_on_no_curve():
    rows = [row(0, status="crashed"), row(1, 0.5), row(2, status="missing")]
    assert curves.best_so_far(rows) == [0.5]


def test_a_child_without_a_measure_of_its_own_has_its_reward_as_score():
    assert curves.scores([row(0, None, reward=-3.5)]) == [-3.5]


def test_no_children_make_empty_curves():
    assert curves.best_so_far([]) == []
    assert curves.mean_reward([]) == []
    assert curves.leaderboard([]) == []
    assert curves.winner([]) is None
    assert curves.status_counts([]) == {}


def test_rows_are_put_in_the_order_of_rounds_whatever_their_replica():
    rows = [row(4), row(1), row(0)]  # with four children a round, number 4 is in round 1
    other = replace(row(2), id="r001-000000-00")
    ids = [each.id for each in curves.by_time([*rows, other])]
    assert ids == ["r000-000000-00", "r000-000000-01", "r001-000000-00", "r000-000001-00"]


def test_the_mean_reward_of_a_round_leaves_out_the_crashed():
    rows = [row(0, 0.4), row(1, status="diverged"), row(2, 0.8), row(3, status="crashed")]
    # (0.4 + 0 + 0.8) / 3 = 0.4
    assert curves.mean_reward([*rows, row(4, 0.7)]) == [
        (0, pytest.approx(0.4)),
        (1, pytest.approx(0.7)),
    ]


def test_the_mean_by_round_is_over_replicas_and_skips_rounds_without_a_value():
    values = [(1, 2.0), (0, None), (1, 4.0), (2, 5.0)]
    assert curves.mean_by_round(values) == [(1, 3.0), (2, 5.0)]  # (2 + 4) / 2 = 3


class TestLeaderboard:
    def test_the_highest_reward_comes_first(self):
        assert [each.score for each in curves.leaderboard(FOUR, 3)] == [0.8, 0.7, 0.6]

    def test_of_equal_rewards_the_smaller_network_comes_first_and_then_the_earlier_child(self):
        rows = [row(0, parameters=None), row(1, parameters=9), row(2, parameters=5)]
        rows.append(row(3, parameters=5))
        assert curves.leaderboard(rows) == [rows[2], rows[3], rows[1], rows[0]]

    def test_only_counted_children_are_on_it(self):
        rows = [row(0, status="crashed"), row(1, 0.1), row(2, status="missing")]
        assert curves.leaderboard(rows) == [rows[1]]

    def test_a_failed_child_stands_below_a_negative_reward(self):
        rows = [row(0, status="diverged"), row(1, None, reward=-2.0)]
        assert curves.leaderboard(rows) == [rows[1], rows[0]]
        assert curves.winner(rows) == rows[1]

    def test_a_failed_child_wins_nothing(self):
        assert curves.winner([row(0, status="diverged")]) is None


def test_statuses_are_counted_without_those_of_no_child():
    rows = [row(0), row(1, status="crashed"), row(2)]
    assert curves.status_counts(rows) == {"ok": 2, "crashed": 1}


def test_an_architecture_tried_again_is_found():
    other = row(1, config="conv 1x1x24/1x1 <- image")
    repeated = curves.repeated_architectures([row(0), other, row(2)])
    assert repeated == {row(0).architecture.id: 2}


class TestTimeLeft:
    def test_it_is_the_median_pause_times_the_rounds_left(self):
        # Pauses of 10, 20, 10 and 36000 s (a night): the median is 15 s; 10 - 5 rounds are left.
        ends = [0.0, 10.0, 30.0, 40.0, 36040.0]
        rounds = [learned(0, number, end) for number, end in enumerate(ends)]
        loop = LoopConfig(max_children=40, children_per_round=4)
        assert curves.time_left_s(rounds, loop) == 5 * 15.0

    def test_the_slowest_replica_decides(self):
        rounds = [learned(0, number, 10.0 * number) for number in range(3)]
        loop = LoopConfig(max_children=40, children_per_round=4, replicas=2)
        assert curves.time_left_s(rounds, loop) == 5 * 10.0  # replica 1 has its 5 rounds to do

    def test_after_one_round_nobody_knows(self):
        assert curves.time_left_s([learned(0, 0, 5.0)], LoopConfig()) is None
