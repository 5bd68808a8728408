"""Tables in the terminal, their JSON forms, and the wording of numbers."""

from __future__ import annotations

import io
import json
from dataclasses import replace

import pytest
from rich.console import Console
from synthetic import row, search_view

from nas_lib.architecture import Architecture
from nas_lib.config import ChildrenConfig, SearchConfig
from nas_lib.report import SearchView, headline, leaderboard_json, leaderboard_table
from nas_lib.report.wording import (
    count_text,
    duration_text,
    num_layers,
    plural,
    score_text,
    short_config,
    time_text,
)


def printed(view: SearchView, top: int = 10, width: int = 120) -> str:
    console = Console(file=io.StringIO(), width=width)
    console.print(leaderboard_table(view, top))
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def view_of(*rows, **changes) -> SearchView:
    return SearchView("runs/x", SearchConfig(name="x"), rows=rows, **changes)


class TestLeaderboardTable:
    def test_it_shows_the_best_child_with_all_its_figures(self):
        line = next(
            line for line in printed(view_of(row(0, 0.9875))).splitlines() if "r000" in line
        )
        assert line.split() == [
            *("1", "r000-000000-00", "98.75", "%", "0.9875", "1.00k", "100k", "2.0", "s", "3x3x24")
        ]

    def test_it_has_as_many_lines_as_asked_for(self):
        assert printed(search_view(60), top=7).count("r000-") == 7 + 1  # the caption names the best

    @pytest.mark.parametrize("width", [80, 200])
    def test_no_line_is_wider_than_the_terminal(self, width):
        text = printed(search_view(8, num_layers=20), width=width)
        assert max(map(len, text.splitlines())) <= width
        assert "r000-000001-00" in text

    def test_brackets_in_an_architecture_are_no_markup(self):
        text = printed(view_of(row(0, config="[bold]op[/bold]", space="mine")))
        assert "[bold]op[/bold]" in text

    def test_a_diverged_child_shows_its_status_in_place_of_a_score(self):
        assert "diverged" in printed(view_of(row(0, status="diverged")))

    def test_a_search_without_children_has_an_empty_table(self):
        assert "no best child yet" in printed(view_of())


def test_the_headline_says_how_far_the_search_is_and_what_failed():
    rows = (row(0, 0.5), row(1, status="crashed"), row(2, status="out_of_memory"))
    assert headline(view_of(*rows)) == (
        "x: 3 of 12,800 children (1 out of memory, 1 crashed), "
        "best validation accuracy 50.00 % (r000-000000-00), not finished"
    )


def test_scores_of_a_users_own_evaluation_are_no_percentages():
    config = SearchConfig(name="x", children=ChildrenConfig(evaluate="mine:score"))
    view = replace(view_of(row(0, None, reward=-3.25)), config=config)
    assert "best score -3.25 (r000-000000-00)" in headline(view)


class TestJson:
    def test_it_survives_json(self):
        form = leaderboard_json(search_view(60), 5)
        assert json.loads(json.dumps(form)) == form

    def test_it_holds_the_whole_configuration_string(self):
        view = search_view(8, num_layers=20)
        first = leaderboard_json(view, 1)["leaderboard"][0]
        assert first["config"] in {each.architecture.config for each in view.rows}
        assert first["rank"] == 1

    @pytest.mark.parametrize("rows", [(), (row(0, status="crashed"),)])
    def test_without_a_trained_child_there_is_no_best(self, rows):
        form = leaderboard_json(view_of(*rows), 5)
        assert form["leaderboard"] == []
        assert form["search"]["best"] is None
        assert form["search"]["children"] == len(rows)


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (None, "-"),
        (0, "0"),
        (999, "999"),
        (1_000, "1.00k"),
        (12_345, "12.3k"),
        (999_499, "999k"),
        (999_600, "1.00M"),
        (1_234_567, "1.23M"),
        (2_500_000_000_000, "2500G"),
    ],
)
def test_counts_have_three_digits(count, text):
    assert count_text(count) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.04, "0.0 s"),
        (59.94, "59.9 s"),
        (60, "1 min 0 s"),
        (3_725, "1 h 2 min"),  # 3600 + 125
        (180_000, "2 d 2 h"),  # 2 * 86400 + 7200
    ],
)
def test_durations_have_two_units(seconds, text):
    assert duration_text(seconds) == text


def test_scores_read_as_percentages_with_their_errors():
    assert score_text(0.98765, is_accuracy=True) == "98.77 %"
    assert score_text(0.98765, is_accuracy=True, error=0.0012) == "98.77 \N{PLUS-MINUS SIGN} 0.12 %"
    assert score_text(12.3456789, is_accuracy=False) == "12.346"
    assert score_text(None, is_accuracy=True) == "-"


def test_one_child_is_no_children():
    assert plural(1, "child", "children") == "1 child"
    assert plural(1200, "child", "children") == "1,200 children"
    assert plural(0, "image") == "0 images"


def test_a_moment_is_given_in_utc():
    assert time_text(86_400 + 3_660) == "1970-01-02 01:01 UTC"


def test_a_short_configuration_keeps_the_sizes():
    config = "conv 3x5x36/1x1 <- image | max_pool 2x2/2x2 <- 1 | 3*conv 3x3x24/2x1 <- 1,2"
    assert short_config(Architecture("cnn", (), config)) == "3x5x36 pool 3*3x3x24/2x1"
    assert short_config(Architecture("mine", (), config)) == config


@pytest.mark.parametrize(
    ("space", "config", "short"),
    [
        ("enas-macro", "96 filters | conv3 | sep5 + 0 | max3 + 0,1", "96 filters: conv3 sep5 max3"),
        (
            "enas-micro",
            "6 cells, 8 filters | normal: sep3(0)+max3(1) | reduction: avg3(0)+identity(0)",
            "6 cells, 8 filters | normal: sep3+max3 | reduction: avg3+identity",
        ),
        (
            "enas-rnn",
            "80 units | tanh | relu(0) | tanh(1) | mean of 1,2",
            "80 units: tanh relu tanh",
        ),
    ],
)
def test_a_short_configuration_of_enas_keeps_operations_and_functions(space, config, short):
    assert short_config(Architecture(space, (), config)) == short


def test_layers_are_counted_where_a_space_has_them():
    assert num_layers(Architecture("enas-macro", (), "96 filters | conv3 | sep5 | max3")) == 3
    assert num_layers(Architecture("cnn", (), "a | b")) == 2
    assert num_layers(Architecture("enas-rnn", (), "80 units | tanh | mean of 0")) is None
