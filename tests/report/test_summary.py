"""A search in lines of text, as a table in the terminal, and as JSON."""

from __future__ import annotations

import io
import json
from dataclasses import replace

import pytest
from rich.console import Console
from synthetic import IMAGES, SMALLEST, START_S, WORDS, chain, row, search_view, shared_view

from nas_lib import report
from nas_lib.architecture import Architecture
from nas_lib.config import CustomSpaceConfig, OwnChildrenConfig, SearchConfig
from nas_lib.records import ChildRow, Problem, Status, TestReading
from nas_lib.report import leaderboard_json
from nas_lib.report.children import brief
from nas_lib.report.reporter import reporter_of
from nas_lib.report.summary import test_lines as lines_on_tests
from nas_lib.report.summary import winner_lines
from nas_lib.results import OWN, PERPLEXITY, SearchView


def printed(view: SearchView, top: int = 10, width: int = 120) -> str:
    console = Console(file=io.StringIO(), width=width)
    console.print(reporter_of(view).leaderboard(top))
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def view_of(*rows: ChildRow) -> SearchView:
    return SearchView("runs/x", SearchConfig(name="x"), rows=rows, num_children=12_800)


def own_view(*rows: ChildRow) -> SearchView:
    """Return a search in a space of the user's own."""
    config = SearchConfig(name="x", space=CustomSpaceConfig(object="mine:space"))
    return SearchView("runs/x", config, rows=rows)


class TestLeaderboardTable:
    def test_it_shows_the_best_child_with_all_its_figures(self) -> None:
        line = next(
            line for line in printed(view_of(row(0, 0.9875))).splitlines() if "r000" in line
        )
        assert line.split() == [
            *("1", "r000-000000-00", "98.75", "%", "0.9875", "1.00k", "100k", "2.0", "s", "3x3x24")
        ]

    def test_it_has_as_many_lines_as_asked_for(self) -> None:
        assert printed(search_view(60), top=7).count("r000-") == 7 + 1  # the caption names the best

    @pytest.mark.parametrize("width", [80, 200])
    def test_no_line_is_wider_than_the_terminal(self, width: int) -> None:
        text = printed(search_view(8, num_layers=20), width=width)
        assert max(map(len, text.splitlines())) <= width
        assert "r000-000001-00" in text

    def test_brackets_in_an_architecture_are_no_markup(self) -> None:
        strange = Architecture("mine", (), "[bold]op[/bold]")
        text = printed(own_view(row(0, architecture=strange)))
        assert "[bold]op[/bold]" in text

    @pytest.mark.parametrize(
        ("status", "shown"), [("diverged", "diverged"), ("timed_out", "timed out")]
    )
    def test_a_child_that_failed_shows_its_status_in_place_of_a_score(
        self, status: Status, shown: str
    ) -> None:
        assert shown in printed(view_of(row(0, status=status)))

    def test_a_search_without_children_has_an_empty_table(self) -> None:
        assert "no best child yet" in printed(view_of())


def test_the_headline_says_how_far_the_search_is_and_what_failed() -> None:
    rows = (row(0, 0.5), row(1, status="crashed"), row(2, status="out_of_memory"))
    assert reporter_of(view_of(*rows)).headline() == (
        "x: 3 of 12,800 children (1 out of memory, 1 crashed), "
        "best validation accuracy 50.00 % (r000-000000-00), not finished"
    )


def test_scores_of_a_users_own_evaluation_are_no_percentages() -> None:
    config = SearchConfig(name="x", children=OwnChildrenConfig(evaluate="mine:score"))
    view = replace(view_of(row(0, -3.25)), config=config, measure=OWN)
    assert "best score -3.25 (r000-000000-00)" in reporter_of(view).headline()


class TestJson:
    def test_it_survives_json(self) -> None:
        form = leaderboard_json(search_view(60), 5)
        assert json.loads(json.dumps(form)) == form

    def test_it_holds_the_whole_configuration_string(self) -> None:
        view = search_view(8, num_layers=20)
        first = leaderboard_json(view, 1)["leaderboard"][0]
        assert first["config"] in {each.architecture.config for each in view.rows}
        assert first["rank"] == 1

    @pytest.mark.parametrize("rows", [(), (row(0, status="crashed"),)])
    def test_without_a_trained_child_there_is_no_best(self, rows: tuple[ChildRow, ...]) -> None:
        form = leaderboard_json(view_of(*rows), 5)
        assert form["leaderboard"] == []
        assert form["search"]["best"] is None
        assert form["search"]["children"] == len(rows)


class TestReadings:
    def view_of(self, score: float, num_examples: int) -> SearchView:
        reading = TestReading("r000-000000-00", score, num_examples, START_S)
        return replace(view_of(row(0, 0.5)), test=(reading,), data=IMAGES)

    def test_a_reading_says_what_it_is(self) -> None:
        assert lines_on_tests(self.view_of(0.9876, 359)) == [
            "Test accuracy of r000-000000-00: 98.76 % of 359 images that the search never saw"
        ]

    def test_a_perplexity_is_no_percentage(self) -> None:
        view = replace(self.view_of(98.765, 1), measure=PERPLEXITY, data=WORDS)
        assert lines_on_tests(view) == [
            "Test perplexity of r000-000000-00: 98.765 on 1 word that the search never saw"
        ]

    def test_json_has_them_by_child(self) -> None:
        search = leaderboard_json(self.view_of(0.9876, 359), 5)["search"]
        assert search["test_scores"] == {"r000-000000-00": 0.9876}


def test_a_run_says_all_that_became_of_it() -> None:
    problems = (
        Problem("run-1", "train_child", "no luck", START_S),
        Problem("run-0", "train_child", "not this time", START_S),
    )
    view = replace(view_of(row(0, 0.5)), run="run-1", problems=problems)
    assert report.summary_lines(view) == [
        reporter_of(view).headline(),
        "This run, run-1, learned from 0 rounds; 1 problem noted.",
        "Winner r000-000000-00: conv 3x3x24/1x1 <- image",
    ]
    assert [problem.message for problem in view.run_problems] == ["no luck"]


def test_what_shared_weights_chose_is_told_from_what_chance_found() -> None:
    view = shared_view()
    rows = tuple(
        replace(each, reward=2.0) if each.id == "r000-000000-11" else each for each in view.rows
    )
    first, second = winner_lines(replace(view, rows=rows))
    assert first.startswith("Winner r000-000000-11, drawn at random: 96 filters | ")
    assert second.startswith("Best that the search chose, r000-000000-0")


def test_an_epoch_is_told_in_one_line() -> None:
    epoch = replace(
        shared_view().shared_epochs[0],
        epoch=3,
        train_loss=1.5,
        mean_score=0.25,
        metrics={"entropy": 4.5, "mean_reward": 0.125, "baseline": 0.1},
        seconds=30.0,
        controller_seconds=6.5,
    )
    begin = "shared weights, epoch 3: loss 1.5000, mean validation accuracy 25.00 %"
    assert report.epoch_text(epoch, shared_view().measure) == (
        f"{begin}, mean reward 0.1250, entropy 4.50, 36.5 s"
    )
    random = replace(epoch, metrics={})
    assert report.epoch_text(random, shared_view().measure) == f"{begin}, 36.5 s"


def test_an_architecture_is_its_sizes_where_its_space_is_known() -> None:
    text = "conv 3x5x36/1x1 <- image | conv 3x3x24/1x1 <- 1"
    assert brief(view_of(), chain(text)) == "3x5x36 3x3x24"
    assert brief(own_view(), SMALLEST) == "conv 3x3x24/1x1 <- image"
