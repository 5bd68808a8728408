"""A search by shared weights: its page, its tables in the terminal, its JSON."""

from __future__ import annotations

import io
import json
import xml.etree.ElementTree as ET
from dataclasses import replace
from typing import Any, Literal

import pytest
from browser import page_of
from rich.console import Console
from synthetic import START_S, EnasSpaceConfig, search_view, shared_view

from nas_lib.config import EnasMicroSpaceConfig, EnasRnnSpaceConfig
from nas_lib.records import TestReading
from nas_lib.report import leaderboard_json, search_page
from nas_lib.report.derived import derived_charts, judgement, mode_names
from nas_lib.report.reporter import reporter_of
from nas_lib.report.summary import time_left_s
from nas_lib.results import Correlation, SearchView, derivation, shared_progress

SVG = "{http://www.w3.org/2000/svg}"
SPACES: list[EnasSpaceConfig | None] = [None, EnasMicroSpaceConfig(), EnasRnnSpaceConfig()]


def printed(view: SearchView, top: int = 10, width: int = 120) -> str:
    console = Console(file=io.StringIO(), width=width)
    console.print(reporter_of(view).leaderboard(top))
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


class TestProgress:
    def test_it_sums_up_the_epochs(self) -> None:
        progress = shared_progress(shared_view())
        assert progress.epochs == 12
        assert progress.num_evaluations == 1200  # 12 * 100
        assert progress.num_judged == 1220  # and 20 samples
        assert 12 * 30 < progress.training_s < 12 * 31
        assert progress.deriving_s == 12.5

    def test_the_epochs_left_take_as_long_as_the_latest(self) -> None:
        view = shared_view(derived=False)
        assert time_left_s(view) == 40.0  # one left, and one every 40 s
        assert time_left_s(replace(view, shared_epochs=view.shared_epochs[:10])) == 120.0

    def test_nobody_knows_what_comes_after_them_or_before_the_second(self) -> None:
        assert time_left_s(shared_view(num_trained=3)) is None
        assert time_left_s(shared_view(num_epochs=1, derived=False)) is None
        assert time_left_s(shared_view()) == 0.0


class TestPage:
    @pytest.mark.parametrize("space", SPACES)
    @pytest.mark.parametrize("controller", ["enas", "random"])
    def test_every_stage_of_a_search_has_one(
        self, space: EnasSpaceConfig | None, controller: str
    ) -> None:
        begun = shared_view(space=space, controller=controller, num_epochs=0, derived=False)
        assert "No epoch is finished yet." in page_of(begun).texts
        stages: list[dict[str, Any]] = [
            *({"derived": False}, {"num_trained": 0}, {"num_trained": 2}, {"probes": 0})
        ]
        for stage in stages:
            page = page_of(shared_view(space=space, controller=controller, **stage))
            assert "How the search went" in page.texts

    def test_epochs_stand_where_rounds_would(self) -> None:
        page = page_of(shared_view(num_trained=5))
        assert "of 12, of shared weights" in page.texts
        assert "of 12: 5 ok, 7 open" in page.texts  # 3 kept and 9 probes
        assert "1,200 while training, 20 samples at the end" in page.texts
        for absent in ("Rounds learned", "Throughput", "Reward of each round", "Depth"):
            assert absent not in page.texts

    def test_its_charts_are_over_epochs(self) -> None:
        page = page_of(shared_view())
        titles = ("Training loss", "Score with shared weights", "Reward", "Entropy", "Time")
        assert set(titles) <= set(page.texts)
        assert page.counts["figure"] == 8  # and learning rate, samples, scatter

    def test_random_search_has_no_chart_of_what_it_does_not_do(self) -> None:
        page = page_of(shared_view(controller="random"))
        assert page.counts["figure"] == 6
        assert "Entropy" not in page.texts
        assert "learns nothing" in page.text

    def test_both_rank_correlations_are_shown_and_judged(self) -> None:
        page = page_of(shared_view(probes=20))
        assert {"after refitting", "before refitting"} <= set(page.texts)
        assert "ranked alike, more than chance would have it" in page.texts
        assert "not distinguishable from 0" in page.texts
        assert "fewer than 20" not in page.text

    def test_too_few_networks_are_said_to_be_few(self) -> None:
        assert "fewer than 20, so a hint at most" in page_of(shared_view()).text

    def test_without_probes_nothing_is_said_of_them(self) -> None:
        page = page_of(shared_view(probes=0))
        assert "those drawn at random" not in page.texts
        assert "drawn uniformly at random" not in page.text

    def test_the_kept_are_compared_with_those_drawn_at_random(self) -> None:
        page = page_of(shared_view())
        assert "Kept: 3 networks, best " in page.text
        assert "Drawn at random, and trained alike: 9 networks, best " in page.text
        assert "There are more random ones, which helps the best of them" in page.text

    def test_the_winner_is_shown_with_its_shared_score(self) -> None:
        view = shared_view()
        assert "With shared weights" in page_of(view).texts
        assert "of 12" in page_of(view).text

    def test_a_language_model_has_a_perplexity(self) -> None:
        view = shared_view(space=EnasRnnSpaceConfig())
        page = page_of(view)
        assert "Validation perplexity" in page.texts
        assert "BatchNorm" not in page.text
        assert " %" not in "".join(each for each in page.texts if "Kept:" in each)

    def test_it_is_small(self) -> None:
        view = shared_view(310, probes=20)
        assert len(search_page(view).encode()) < 200_000


def test_an_overflowed_perplexity_does_not_stretch_a_chart() -> None:
    view = shared_view(space=EnasRnnSpaceConfig())
    assert view.derived is not None
    scores = (*view.derived.scores[:-1], 1e9)
    view = replace(view, derived=replace(view.derived, scores=scores))
    found = derivation(view)
    assert found is not None
    svg = f"<div>{derived_charts(view, found)}</div>"
    marks = [each.text for each in ET.fromstring(svg).iter(f"{SVG}text")]
    assert not [text for text in marks if text and text.endswith("k")]


class TestTerminal:
    def test_before_there_are_children_the_latest_epochs_are_shown(self) -> None:
        view = shared_view(derived=False)
        text = printed(view, top=3)
        lines = [line.split()[0] for line in text.splitlines() if " s " in f"{line} "]
        assert lines == ["10", "11", "12"]
        assert (
            "epoch 12 of 13 of shared weights, mean validation accuracy"
            in reporter_of(view).headline()
        )

    def test_it_has_no_epochs_before_the_first(self) -> None:
        view = shared_view(num_epochs=0, derived=False)
        assert (
            reporter_of(view).headline() == "shared: epoch 0 of 1 of shared weights, not finished"
        )
        assert "Epoch" in printed(view)

    def test_the_shared_score_stands_beside_that_from_scratch(self) -> None:
        view = shared_view()
        found = derivation(view)
        assert found is not None
        first = next(row for row in found.rows if row.trained_rank == 1)
        (line,) = [line for line in printed(view, top=1).splitlines() if line.startswith(" 1 ")]
        assert f"{100 * first.trained_score:.2f} %" in line
        assert f"{100 * first.shared_score:.2f} %" in line

    @pytest.mark.parametrize("derived", [True, False])
    def test_no_line_is_wider_than_the_terminal(self, derived: bool) -> None:
        text = printed(shared_view(derived=derived), width=80)
        assert max(map(len, text.splitlines())) <= 80

    def test_children_are_counted_once_there_are_any(self) -> None:
        assert reporter_of(shared_view(num_trained=0)).headline() == (
            "shared: epoch 12 of 12 of shared weights, 0 of 12 children, no best child yet, "
            "not finished"
        )

    def test_what_shared_weights_took_is_in_one_line(self) -> None:
        assert (
            reporter_of(shared_view())
            .pace_line()
            .startswith("Shared weights: epoch 12 of 12, 6 min ")
        )
        assert (
            "1,220 architectures judged, 12.5 s of deriving."
            in reporter_of(shared_view()).pace_line()
        )

    def test_what_was_derived_is_in_a_few_lines(self) -> None:
        lines = list(reporter_of(shared_view(probes=20)).findings())
        assert lines[0].startswith("Kendall's tau over all derived networks, after refitting: 0.")
        assert "(23 networks)" in lines[0]
        assert any(line.startswith("Kept: 3 networks") for line in lines)
        assert list(reporter_of(shared_view(derived=False)).findings()) == []

    def test_a_run_says_how_many_epochs_it_trained(self) -> None:
        view = replace(shared_view(), run="run-1")
        assert reporter_of(view).run_sentence() == (
            "This run, run-1, trained shared weights for 12 epochs; no problem noted."
        )


class TestJson:
    @pytest.mark.parametrize("stage", [{}, {"derived": False}, {"num_trained": 1}])
    def test_it_survives_json(self, stage: dict[str, Any]) -> None:
        form = leaderboard_json(shared_view(**stage), 5)
        assert json.loads(json.dumps(form)) == form

    def test_it_has_the_derived_networks_and_their_correlation(self) -> None:
        view = shared_view()
        shared = leaderboard_json(view, 5)["shared"]
        found = derivation(view)
        assert found is not None
        assert shared["epochs"] == 12
        assert shared["derived"]["tau"]["own"]["tau"] == found.all.own.tau
        assert shared["derived"]["tau"]["running"]["num"] == 12
        assert [each["probe"] for each in shared["derived"]["networks"]] == [False] * 3 + [True] * 9
        assert leaderboard_json(view, 5)["search"]["max_children"] == 12

    def test_without_shared_weights_there_is_none(self) -> None:
        assert "shared" not in leaderboard_json(search_view(8), 5)


def test_the_test_reading_of_the_best_derived_network_is_shown() -> None:
    view = shared_view()
    best = max(view.rows, key=lambda row: row.reward)
    reading = TestReading(best.id, 0.9123, 360, START_S)
    assert "91.23 %" in page_of(replace(view, test=(reading,))).texts


class TestModes:
    @pytest.mark.parametrize(
        ("mode", "names"),
        [
            ("refit", ("after refitting", "before refitting")),
            ("batch", ("batch statistics", "running averages")),
            ("running", ("with shared weights", "")),
        ],
    )
    def test_scores_are_called_by_what_batch_norm_had(
        self, mode: Literal["refit", "batch", "running"], names: tuple[str, str]
    ) -> None:
        view = shared_view(batch_norm=mode)
        found = derivation(view)
        assert found is not None
        assert mode_names(mode, found.all) == names

    def test_without_batch_norm_there_is_one_score(self) -> None:
        view = shared_view(space=EnasRnnSpaceConfig())
        found = derivation(view)
        assert found is not None
        assert mode_names("refit", found.all) == ("with shared weights", "")


class TestJudgement:
    def agreement(self, order: list[int]) -> str:
        scores = [-index for index in range(len(order))]
        return judgement(Correlation.of(scores, [-place for place in order]))

    def test_the_same_order_of_many_is_more_than_chance(self) -> None:
        words = self.agreement(list(range(25)))
        assert words == "ranked alike, more than chance would have it"

    def test_the_reverse_order_is_said_to_be_that(self) -> None:
        assert "the other way round" in self.agreement(list(range(25))[::-1])

    def test_no_order_is_not_distinguishable_from_0(self) -> None:
        shuffled = [index * 7 % 25 for index in range(25)]
        assert self.agreement(shuffled) == "not distinguishable from 0"

    def test_few_are_said_to_be_few(self) -> None:
        assert self.agreement(list(range(19))).endswith("; fewer than 20, so a hint at most")

    def test_one_network_is_nothing_to_rank(self) -> None:
        assert self.agreement([0]) == "nothing to rank"
