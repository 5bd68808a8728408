"""Where replicas stand, as values and as the terminal shows it."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping, Sequence

import pytest
from rich.console import Console

from nas_lib.config import LoopConfig, SearchConfig
from nas_lib.records import Learned
from nas_lib.report import (
    SearchView,
    leaderboard_json,
    pace_line,
    replica_summaries,
    replicas_table,
)
from nas_lib.report.replicas import ReplicaSummary, Staleness, slowest


def update(
    replica: int,
    number: int,
    *,
    staleness: Sequence[int] = (0, 0),
    reward: float | None = 0.5,
    conflicts: int = 0,
) -> Learned:
    """Return an update that was made `number` minutes after the search began."""
    return Learned(
        replica=replica,
        round=number,
        run="run",
        versions=(1, 1),
        staleness=tuple(staleness),
        entropy=1.0,
        baseline=0.5,
        mean_reward=reward,
        created_s=60.0 * number,
        conflicts=conflicts,
    )


def view_of(
    *updates: Learned,
    replicas: int = 2,
    open_rounds: Mapping[int, int] | None = None,
    holders: Mapping[int, str] | None = None,
) -> SearchView:
    loop = LoopConfig(max_children=40 * replicas, children_per_round=4, replicas=replicas)
    return SearchView(
        "runs/x",
        SearchConfig(name="x", search=loop),
        learned=updates,
        open_rounds=open_rounds or {},
        holders=holders or {},
        seen_s=600.0,
    )


def printed(view: SearchView, width: int = 120) -> list[str]:
    console = Console(file=io.StringIO(), width=width)
    console.print(replicas_table(view))
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue().splitlines()


def test_staleness_is_the_mean_over_shards_and_updates_and_the_most():
    updates = [update(0, 0, staleness=(1, 3)), update(0, 1, staleness=(0, 7), conflicts=2)]
    # ((1 + 3) / 2 + (0 + 7) / 2) / 2 = 2.75
    assert Staleness.of(updates) == Staleness(mean=2.75, max=7, conflicts=2)


class TestSummaries:
    def test_a_replica_that_has_not_begun_is_there_too(self):
        assert replica_summaries(view_of(replicas=1)) == [
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

    def test_the_children_of_the_open_round_that_are_done_count(self):
        view = view_of(update(0, 0), update(0, 1), open_rounds={0: 3, 1: 0})
        first, second = replica_summaries(view)
        assert (first.children, first.children_left) == (9, 3)  # 2 * 4 + 4 - 3
        assert (second.children, second.children_left) == (4, 0)

    def test_it_is_quiet_since_its_last_update(self):
        first, second = replica_summaries(view_of(update(0, 4), update(1, 7), update(0, 3)))
        assert (first.quiet_s, second.quiet_s) == (360.0, 180.0)  # 600 - 4 * 60, 600 - 7 * 60

    def test_another_machines_fast_clock_makes_no_negative_time(self):
        first, _ = replica_summaries(view_of(update(0, 11)))
        assert first.quiet_s == 0.0

    def test_the_reward_is_that_of_the_last_five_rounds_with_a_counted_child(self):
        rewards = [0.9, 0.1, 0.2, None, 0.4, 0.5]
        updates = [update(0, number, reward=reward) for number, reward in enumerate(rewards)]
        first, _ = replica_summaries(view_of(*updates))
        assert first.recent_reward == pytest.approx(0.3)  # (0.1 + 0.2 + 0.4 + 0.5) / 4

    def test_the_slowest_comes_first_and_of_equals_the_quietest(self):
        view = view_of(update(0, 0), update(1, 5), update(2, 4), replicas=4)
        assert [each.replica for each in slowest(replica_summaries(view))] == [3, 0, 2, 1]


class TestTable:
    def test_it_has_a_line_for_each_of_a_few_replicas(self):
        view = view_of(
            update(0, 0, staleness=(1, 2), conflicts=3),
            open_rounds={0: 1},
            holders={0: "run ab (process 7 on [host])"},
        )
        lines = [line.split() for line in printed(view)]
        assert [
            *("0", "1", "7", "1", "10", "min", "0", "s", "0.5000", "1.5", "2", "3"),
            *("run", "ab", "(process", "7", "on", "[host])"),
        ] in lines
        assert ["1", "0", "0", *("-",) * 7] in lines
        assert ["2", "replicas,", "1", "at", "work;", "rounds", "0", "to", "1", "of", "10"] in lines

    def test_of_400_replicas_it_shows_the_five_slowest(self):
        updates = [update(replica, 0) for replica in range(400) if replica != 77]
        lines = printed(view_of(*updates, replicas=400))
        assert lines[3].split()[:2] == ["77", "0"]
        assert len(lines) == 3 + 5 + 2  # blank, head, rule; the rows; blank, caption
        assert "400 replicas, 0 at work; rounds 0 to 1 of 10; shown are the 5 slowest" in lines[-1]

    def test_all_figures_have_room_in_80_columns(self):
        view = view_of(*(update(0, number, staleness=(99, 100)) for number in range(9)))
        lines = printed(view, width=80)
        assert max(map(len, lines)) <= 80
        assert "0       9        36     -  2 min 0 s  0.5000   99.5  100      0" in lines[3]


class TestPaceLine:
    def test_it_says_throughput_and_staleness(self):
        view = view_of(update(0, 0), update(0, 2, staleness=(1, 3), conflicts=1))
        # 4 children in two minutes; the means of two updates are 0 and 2
        assert pace_line(view) == (
            "Throughput: 120 children/h (0.5 updates/min). Staleness: mean 1.0, max 3; 1 lost race."
        )

    def test_before_the_second_round_it_says_why_there_is_none(self):
        assert pace_line(view_of(update(0, 0), update(1, 0))) == (
            "Throughput: not known before a run's second round."
        )


def test_json_has_the_pace_and_every_replica():
    updates = [update(replica, number) for replica in range(20) for number in range(3)]
    form = leaderboard_json(view_of(*updates, replicas=20, open_rounds={3: 2}), 5)
    assert json.loads(json.dumps(form)) == form
    assert form["search"]["updates_per_minute"] == 20.0
    assert form["search"]["children_per_hour"] == 4_800.0  # 20 * 60 * 4
    assert form["search"]["staleness"] == {"mean": 0.0, "max": 0, "conflicts": 0}
    assert form["search"]["open_children"] == 2
    assert [each["children"] for each in form["replicas"]][:5] == [12, 12, 12, 14, 12]
