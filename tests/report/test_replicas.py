"""Where replicas stand, as the terminal shows it."""

from __future__ import annotations

import io
import json

from rich.console import Console
from synthetic import replicas_view, search_view, update

from nas_lib.report import leaderboard_json, terminal_parts
from nas_lib.report.reporter import reporter_of
from nas_lib.results import SearchView


def printed(view: SearchView, width: int = 120) -> list[str]:
    console = Console(file=io.StringIO(), width=width)
    console.print(next(terminal_parts(view, 10)))
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue().splitlines()


class TestTable:
    def test_it_has_a_line_for_each_of_a_few_replicas(self) -> None:
        view = replicas_view(
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

    def test_of_400_replicas_it_shows_the_five_slowest(self) -> None:
        updates = [update(replica, 0) for replica in range(400) if replica != 77]
        lines = printed(replicas_view(*updates, replicas=400))
        assert lines[3].split()[:2] == ["77", "0"]
        assert len(lines) == 3 + 5 + 2  # blank, head, rule; the rows; blank, caption
        assert "400 replicas, 0 at work; rounds 0 to 1 of 10; shown are the 5 slowest" in lines[-1]

    def test_all_figures_have_room_in_80_columns(self) -> None:
        view = replicas_view(*(update(0, number, staleness=(99, 100)) for number in range(9)))
        lines = printed(view, width=80)
        assert max(map(len, lines)) <= 80
        assert "0       9        36     -  2 min 0 s  0.5000   99.5  100      0" in lines[3]


def test_one_replica_has_no_table() -> None:
    tables = [part for part in terminal_parts(search_view(8), 10) if not isinstance(part, str)]
    assert len(tables) == 1


class TestPaceLine:
    def test_it_says_throughput_and_staleness(self) -> None:
        view = replicas_view(update(0, 0), update(0, 2, staleness=(1, 3), conflicts=1))
        # 4 children in two minutes; the means of two updates are 0 and 2
        assert reporter_of(view).pace_line() == (
            "Throughput: 120 children/h (0.5 updates/min). Staleness: mean 1.0, max 3; 1 lost race."
        )

    def test_before_the_second_round_it_says_why_there_is_none(self) -> None:
        assert reporter_of(replicas_view(update(0, 0), update(1, 0))).pace_line() == (
            "Throughput: not known before a run's second round."
        )


def test_json_has_the_pace_and_every_replica() -> None:
    updates = [update(replica, number) for replica in range(20) for number in range(3)]
    form = leaderboard_json(replicas_view(*updates, replicas=20, open_rounds={3: 2}), 5)
    assert json.loads(json.dumps(form)) == form
    assert form["search"]["updates_per_minute"] == 20.0
    assert form["search"]["children_per_hour"] == 4_800.0  # 20 * 60 * 4
    assert form["search"]["staleness"] == {"mean": 0.0, "max": 0, "conflicts": 0}
    assert form["search"]["open_children"] == 2
    assert [each["children"] for each in form["replicas"]][:5] == [12, 12, 12, 14, 12]
