"""A search by shared weights: its page, its tables in the terminal, its JSON."""

from __future__ import annotations

import io
import json
import xml.etree.ElementTree as ET
from dataclasses import replace

import pytest
from browser import page_of
from rich.console import Console
from synthetic import START_S, shared_view

from nas_lib.config import EnasMicroSpaceConfig, EnasRnnSpaceConfig, SharedSpaceConfig
from nas_lib.records import TestReading
from nas_lib.report import (
    SearchView,
    derivation_lines,
    headline,
    leaderboard_json,
    leaderboard_table,
    pace_line,
    run_sentence,
    search_page,
)
from nas_lib.report.derivation import derivation
from nas_lib.report.shared_charts import derivation_charts
from nas_lib.report.shared_course import shared_course
from nas_lib.report.tables import time_left_s

SVG = "{http://www.w3.org/2000/svg}"
SPACES: list[SharedSpaceConfig | None] = [None, EnasMicroSpaceConfig(), EnasRnnSpaceConfig()]


def printed(view: SearchView, top: int = 10, width: int = 120) -> str:
    console = Console(file=io.StringIO(), width=width)
    console.print(leaderboard_table(view, top))
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


class TestCourse:
    def test_it_sums_up_the_epochs(self):
        course = shared_course(shared_view())
        assert course is not None
        assert (course.epochs, course.num_epochs) == (12, 12)
        assert course.num_evaluations == 1200  # 12 * 100
        assert course.num_judged == 1220  # and 20 samples
        assert 12 * 30 < course.training_s < 12 * 31
        assert course.deriving_s == 12.5

    def test_the_epochs_left_take_as_long_as_the_latest(self):
        view = shared_view(derived=False)
        assert time_left_s(view) == 40.0  # one left, and one every 40 s
        assert time_left_s(replace(view, shared_epochs=view.shared_epochs[:10])) == 120.0

    def test_nobody_knows_what_comes_after_them_or_before_the_second(self):
        assert time_left_s(shared_view(num_trained=3)) is None
        assert time_left_s(shared_view(num_epochs=1, derived=False)) is None
        assert time_left_s(shared_view()) == 0.0


class TestPage:
    @pytest.mark.parametrize("space", SPACES)
    @pytest.mark.parametrize("controller", ["enas", "random"])
    def test_every_stage_of_a_search_has_one(self, space, controller):
        begun = shared_view(space=space, controller=controller, num_epochs=0, derived=False)
        assert "No epoch is finished yet." in page_of(begun).texts
        for stage in ({"derived": False}, {"num_trained": 0}, {"num_trained": 2}, {"probes": 0}):
            page = page_of(shared_view(space=space, controller=controller, **stage))
            assert "How the search went" in page.texts

    def test_epochs_stand_where_rounds_would(self):
        page = page_of(shared_view(num_trained=5))
        assert "of 12, of shared weights" in page.texts
        assert "of 12: 5 ok, 7 open" in page.texts  # 3 kept and 9 probes
        assert "1,200 while training, 20 samples at the end" in page.texts
        for absent in ("Rounds learned", "Throughput", "Reward of each round", "Depth"):
            assert absent not in page.texts

    def test_its_charts_are_over_epochs(self):
        page = page_of(shared_view())
        titles = ("Training loss", "Score with shared weights", "Reward", "Entropy", "Time")
        assert set(titles) <= set(page.texts)
        assert page.counts["figure"] == 8  # and learning rate, samples, scatter

    def test_random_search_has_no_chart_of_what_it_does_not_do(self):
        page = page_of(shared_view(controller="random"))
        assert page.counts["figure"] == 6
        assert "Entropy" not in page.texts
        assert "learns nothing" in page.text

    def test_both_rank_correlations_are_shown_and_judged(self):
        page = page_of(shared_view(probes=20))
        assert {"after refitting", "before refitting"} <= set(page.texts)
        assert "ranked alike, more than chance would have it" in page.texts
        assert "not distinguishable from 0" in page.texts
        assert "fewer than 20" not in page.text

    def test_too_few_networks_are_said_to_be_few(self):
        assert "fewer than 20, so a hint at most" in page_of(shared_view()).text

    def test_without_probes_nothing_is_said_of_them(self):
        page = page_of(shared_view(probes=0))
        assert "those drawn at random" not in page.texts
        assert "drawn uniformly at random" not in page.text

    def test_the_kept_are_compared_with_those_drawn_at_random(self):
        page = page_of(shared_view())
        assert "Kept: 3 networks, best " in page.text
        assert "Drawn at random, and trained alike: 9 networks, best " in page.text
        assert "There are more random ones, which helps the best of them" in page.text

    def test_the_winner_is_shown_with_its_shared_score(self):
        view = shared_view()
        assert "With shared weights" in page_of(view).texts
        assert "of 12" in page_of(view).text

    def test_a_language_model_has_a_perplexity(self):
        view = shared_view(space=EnasRnnSpaceConfig())
        page = page_of(view)
        assert "Validation perplexity" in page.texts
        assert "BatchNorm" not in page.text
        assert " %" not in "".join(each for each in page.texts if "Kept:" in each)

    def test_it_is_small(self):
        view = shared_view(310, probes=20)
        assert len(search_page(view).encode()) < 200_000


def test_an_overflowed_perplexity_does_not_stretch_a_chart():
    view = shared_view(space=EnasRnnSpaceConfig())
    assert view.derived is not None
    scores = (*view.derived.scores[:-1], 1e9)
    view = replace(view, derived=replace(view.derived, scores=scores))
    found = derivation(view)
    assert found is not None
    marks = [each.text for each in ET.fromstring(derivation_charts(view, found)).iter(f"{SVG}text")]
    assert not [text for text in marks if text and text.endswith("k")]


class TestTerminal:
    def test_before_there_are_children_the_latest_epochs_are_shown(self):
        view = shared_view(derived=False)
        text = printed(view, top=3)
        lines = [line.split()[0] for line in text.splitlines() if " s " in f"{line} "]
        assert lines == ["10", "11", "12"]
        assert "epoch 12 of 13 of shared weights, mean validation accuracy" in headline(view)

    def test_it_has_no_epochs_before_the_first(self):
        view = shared_view(num_epochs=0, derived=False)
        assert headline(view) == "shared: epoch 0 of 1 of shared weights, not finished"
        assert "Epoch" in printed(view)

    def test_the_shared_score_stands_beside_that_from_scratch(self):
        view = shared_view()
        found = derivation(view)
        assert found is not None
        first = next(row for row in found.rows if row.trained_rank == 1)
        (line,) = [line for line in printed(view, top=1).splitlines() if line.startswith(" 1 ")]
        assert f"{100 * first.trained_score:.2f} %" in line
        assert f"{100 * first.shared_score:.2f} %" in line

    @pytest.mark.parametrize("derived", [True, False])
    def test_no_line_is_wider_than_the_terminal(self, derived):
        text = printed(shared_view(derived=derived), width=80)
        assert max(map(len, text.splitlines())) <= 80

    def test_children_are_counted_once_there_are_any(self):
        assert headline(shared_view(num_trained=0)) == (
            "shared: epoch 12 of 12 of shared weights, 0 of 12 children, no best child yet, "
            "not finished"
        )

    def test_what_shared_weights_took_is_in_one_line(self):
        assert pace_line(shared_view()).startswith("Shared weights: epoch 12 of 12, 6 min ")
        assert "1,220 architectures judged, 12.5 s of deriving." in pace_line(shared_view())

    def test_what_was_derived_is_in_a_few_lines(self):
        lines = list(derivation_lines(shared_view(probes=20)))
        assert lines[0].startswith("Kendall's tau over all derived networks, after refitting: 0.")
        assert "(23 networks)" in lines[0]
        assert any(line.startswith("Kept: 3 networks") for line in lines)
        assert list(derivation_lines(shared_view(derived=False))) == []

    def test_a_run_says_how_many_epochs_it_trained(self):
        view = replace(shared_view(), run="run-1")
        assert run_sentence(view) == (
            "This run, run-1, trained shared weights for 12 epochs; no step failed."
        )


class TestJson:
    @pytest.mark.parametrize("stage", [{}, {"derived": False}, {"num_trained": 1}])
    def test_it_survives_json(self, stage):
        form = leaderboard_json(shared_view(**stage), 5)
        assert json.loads(json.dumps(form)) == form

    def test_it_has_the_derived_networks_and_their_correlation(self):
        view = shared_view()
        shared = leaderboard_json(view, 5)["shared"]
        found = derivation(view)
        assert found is not None
        assert shared["epochs"] == 12
        assert shared["derived"]["tau"]["own"]["tau"] == found.all.own.tau
        assert shared["derived"]["tau"]["running"]["num"] == 12
        assert [each["probe"] for each in shared["derived"]["networks"]] == [False] * 3 + [True] * 9
        assert leaderboard_json(view, 5)["search"]["max_children"] == 12

    def test_without_shared_weights_there_is_none(self):
        view = shared_view()
        config = view.config.model_copy(update={"shared": None})
        plain = replace(view, config=config, shared_epochs=(), derived=None)
        assert leaderboard_json(plain, 5)["shared"] is None


def test_the_test_reading_of_the_best_derived_network_is_shown():
    view = shared_view()
    best = max(view.rows, key=lambda row: row.reward)
    reading = TestReading(best.id, 0.9123, 360, START_S)
    assert "91.23 %" in page_of(replace(view, test=(reading,))).texts
