"""Where replicas stand, and how stale their gradients were."""

from __future__ import annotations

from typing import cast

import pytest
from synthetic import replicas_view, update

from nas_lib.config import RoundsConfig
from nas_lib.results import ReplicaSummary, SearchView, Staleness, replica_summaries
from nas_lib.results.replicas import slowest


def summaries_of(view: SearchView) -> list[ReplicaSummary]:
    return replica_summaries(view, cast(RoundsConfig, view.config.search))


def test_staleness_is_the_mean_over_shards_and_updates_and_the_most() -> None:
    updates = [update(0, 0, staleness=(1, 3)), update(0, 1, staleness=(0, 7), conflicts=2)]
    # ((1 + 3) / 2 + (0 + 7) / 2) / 2 = 2.75
    assert Staleness.of(updates) == Staleness(mean=2.75, max=7, conflicts=2)


class TestSummaries:
    def test_a_replica_that_has_not_begun_is_there_too(self) -> None:
        assert summaries_of(replicas_view(replicas=1)) == [
            ReplicaSummary(
                replica=0,
                rounds=0,
                children=0,
                children_left=None,
                quiet_s=None,
                recent_reward=None,
                staleness=None,
                holder="",
            )
        ]

    def test_the_children_of_the_open_round_that_are_done_count(self) -> None:
        view = replicas_view(update(0, 0), update(0, 1), open_rounds={0: 3, 1: 0})
        first, second = summaries_of(view)
        assert (first.children, first.children_left) == (9, 3)  # 2 * 4 + 4 - 3
        assert (second.children, second.children_left) == (4, 0)

    def test_it_is_quiet_since_its_last_update(self) -> None:
        first, second = summaries_of(replicas_view(update(0, 4), update(1, 7), update(0, 3)))
        assert (first.quiet_s, second.quiet_s) == (360.0, 180.0)  # 600 - 4 * 60, 600 - 7 * 60

    def test_another_machines_fast_clock_makes_no_negative_time(self) -> None:
        first, _ = summaries_of(replicas_view(update(0, 11)))
        assert first.quiet_s == 0.0

    def test_the_reward_is_that_of_the_last_five_rounds_with_a_counted_child(self) -> None:
        rewards = [0.9, 0.1, 0.2, None, 0.4, 0.5]
        updates = [update(0, number, reward=reward) for number, reward in enumerate(rewards)]
        first, _ = summaries_of(replicas_view(*updates))
        assert first.recent_reward == pytest.approx(0.3)  # (0.1 + 0.2 + 0.4 + 0.5) / 4

    def test_the_slowest_comes_first_and_of_equals_the_quietest(self) -> None:
        view = replicas_view(update(0, 0), update(1, 5), update(2, 4), replicas=4)
        assert [each.replica for each in slowest(summaries_of(view))] == [3, 0, 2, 1]
