"""Throughput, against values worked out by hand."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

import pytest
from synthetic import replicas_view, shared_view, update

from nas_lib.config import RoundsConfig
from nas_lib.records import Learned
from nas_lib.results.throughput import (
    Work,
    children_per_hour,
    epochs_left_s,
    judged_per_round,
    rounds_left,
    rounds_left_s,
    updates_per_s,
    updates_per_s_over_time,
    work_done,
)


def learned(*times_s: float, replica: int = 0, run: str = "run", first: int = 0) -> list[Learned]:
    """Return updates of one replica in one run, at these times."""
    return [
        Learned(replica, number, run, (1,), (0,), {}, time_s)
        for number, time_s in enumerate(times_s, start=first)
    ]


def test_the_first_round_of_a_run_is_neither_counted_nor_timed() -> None:
    assert work_done(learned(10, 14, 20)) == [Work(0, 0), Work(1, 4), Work(2, 10)]


def test_a_pause_between_two_runs_does_not_count() -> None:
    updates = learned(10, 14, 20) + learned(9_000, 9_004, run="next", first=3)
    # 2 rounds in 10 s, a first one, 1 round in 4 s
    assert work_done(updates)[-1] == Work(3, 14)
    assert updates_per_s(updates) == 3 / 14


def test_time_that_replicas_spend_side_by_side_counts_once() -> None:
    updates = learned(0, 10, 20) + learned(5, 15, 30, replica=1)
    # at 10 s, 15 s, 20 s and 30 s, always with one of the two under way since second 0
    assert work_done(updates)[2:] == [Work(1, 10), Work(2, 15), Work(3, 20), Work(4, 30)]


def test_time_in_which_all_replicas_rest_does_not_count() -> None:
    updates = learned(0, 10) + learned(50, 55, replica=1, run="other")
    assert work_done(updates)[-1] == Work(2, 15)  # 10 - 0 and 55 - 50


def test_replicas_in_step_have_the_pace_of_all_of_them() -> None:
    updates = [entry for k in range(4) for entry in learned(2, 4, 6, replica=k)]
    assert updates_per_s(updates) == 2.0  # four in two seconds


def test_the_order_of_the_updates_does_not_matter() -> None:
    updates = learned(0, 10, 20) + learned(5, 15, 30, replica=1)
    assert work_done(reversed(updates)) == work_done(updates)


@pytest.mark.parametrize("times_s", [(), (5.0,), (5.0, 5.0)])
def test_without_a_second_round_at_another_time_there_is_no_pace(
    times_s: tuple[float, ...],
) -> None:
    assert updates_per_s(learned(*times_s)) is None


def test_children_per_hour_are_those_of_the_updates() -> None:
    assert children_per_hour(0.5, 8) == 14_400  # 0.5 / s * 3600 s * 8


class TestOverTime:
    def test_each_stretch_has_its_own_pace(self) -> None:
        updates = learned(0, 2, 4, 8, 12)
        # one update in each of 2, 2, 4 and 4 seconds
        assert updates_per_s_over_time(updates, replicas=1) == [
            (2, 0.5),
            (3, 0.5),
            (4, 0.25),
            (5, 0.25),
        ]

    def test_a_stretch_has_an_update_of_each_replica(self) -> None:
        updates = [entry for k in range(4) for entry in learned(2, 4, 6, replica=k)]
        # of 12 updates the first four are not timed; the other two stretches took 2 s each
        assert updates_per_s_over_time(updates, replicas=4) == [(8, 2.0), (12, 2.0)]

    def test_a_long_search_has_a_short_curve(self) -> None:
        assert len(updates_per_s_over_time(learned(*range(5_000)), replicas=1)) == 29


class TestTimeLeft:
    def test_it_is_the_median_pause_times_the_rounds_left(self) -> None:
        # Pauses of 10, 20, 10 and 36000 s (a night): the median is 15 s.
        ends = [0.0, 10.0, 30.0, 40.0, 36040.0]
        assert rounds_left_s(learned(*ends), 5) == 5 * 15.0

    def test_after_one_round_nobody_knows(self) -> None:
        assert rounds_left_s(learned(5.0), 5) is None

    @pytest.mark.parametrize("repeats", ["reuse", "train"])
    def test_the_slowest_replica_decides_how_many_rounds_are_left(
        self, repeats: Literal["reuse", "train"]
    ) -> None:
        view = replicas_view(update(0, 0), update(0, 1), update(1, 0), replicas=2)
        search = RoundsConfig(max_children=80, children_per_round=4, replicas=2, repeats=repeats)
        assert rounds_left(view, search) == 9  # replica 1 has done one of its ten

    def test_repeats_make_more_rounds(self) -> None:
        view = replicas_view(update(0, 0), update(0, 1), replicas=1)
        first, *others = view.rows
        rows = (first, *(replace(row, repeat_of=first.id) for row in others[:4]), *others[4:])
        view = replace(view, rows=rows)
        search = RoundsConfig(max_children=40, children_per_round=4)
        # 8 - 4 children in two rounds, so two in each; 40 - 4 are left
        assert judged_per_round(view, search) == 2.0
        assert rounds_left(view, search) == 18


class TestEpochsLeft:
    def test_epochs_left_take_as_long_as_the_latest(self) -> None:
        epochs = shared_view(num_epochs=4, derived=False).shared_epochs  # one every 40 s
        assert epochs_left_s(epochs, 7) == 3 * 40.0
        assert epochs_left_s(epochs, 4) is None  # nobody knows what comes after them
        assert epochs_left_s(epochs[:1], 4) is None
