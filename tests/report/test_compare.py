"""Searches beside each other: in the terminal, as JSON, and on a page."""

from __future__ import annotations

import io
import json
import xml.etree.ElementTree as ET
from dataclasses import replace
from typing import Any

import pytest
from browser import Page
from rich.console import Console
from synthetic import WORDS, final_view, four_shared, row, search_view, shared_view

from nas_lib.config import (
    EnasRnnSpaceConfig,
    RandomConfig,
    ReinforceConfig,
    SearchConfig,
    TextTaskConfig,
)
from nas_lib.report import compare_json, compare_page, compare_plot, compare_table
from nas_lib.results import ACCURACY, OWN, PERPLEXITY, Comparison, Measure, SearchView, compare
from nas_lib.results.measure import BITS

SVG = "{http://www.w3.org/2000/svg}"
TITLES = ["Best so far", "Mean of the best 5", "Mean of the best 15"]


def view_of(*scores: float, name: str = "a", **config: Any) -> SearchView:
    """Return a finished search with these scores."""
    return SearchView(
        uri=f"runs/{name}",
        config=SearchConfig(name=name, **config),
        rows=tuple(row(number, score) for number, score in enumerate(scores)),
        finished=True,
    )


def printed(comparison: Comparison, width: int = 160) -> str:
    console = Console(file=io.StringIO(), width=width)
    console.print(compare_table(comparison))
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def svg_texts(picture: str) -> list[str]:
    return [text.text or "" for text in ET.fromstring(picture).iter(f"{SVG}text")]


class TestRounds:
    def test_warnings_are_printed_with_the_table_and_on_the_page(self) -> None:
        comparison = compare([replace(view_of(0.5, name="slow"), finished=False)])
        assert "Not finished yet: slow." in printed(comparison, width=120)
        assert "Not finished yet: slow." in compare_page(comparison)

    def test_the_table_has_a_line_per_search_and_one_for_the_mean_of_several(self) -> None:
        views = [view_of(0.5 + seed / 10, name=f"a{seed}", seed=seed) for seed in range(2)]
        text = printed(compare(views), width=120)
        assert [line.split()[0] for line in text.splitlines() if "auto" in line] == [
            *("a0", "a1", "mean")
        ]
        assert "55.00 \N{PLUS-MINUS SIGN} 5.00 %" in text  # (50 + 60) / 2; 7.07 / sqrt(2)
        assert "Best of all" not in text  # at equal budgets it is the top 1

    def test_at_unequal_budgets_the_best_of_all_is_no_top_1(self) -> None:
        text = printed(compare([view_of(0.5, 0.7), view_of(0.6, name="b")]))
        assert "Best of all" in text
        assert "70.00 %" in text

    def test_the_difference_from_random_search_has_a_line_and_a_direction(self) -> None:
        text = printed(compare([view_of(0.5), view_of(0.3, name="b", controller=RandomConfig())]))
        (line,) = [line for line in text.splitlines() if "difference" in line]
        assert " ".join(line.split()) == (
            "difference auto (gaussian-process) minus random 20.00 % - -"
        )
        assert "Differences of scores are good for the controller where they are above 0." in text

    def test_the_json_form_survives_json(self) -> None:
        comparison = compare([search_view(60), search_view(40, controller="random")])
        form = compare_json(comparison)
        assert json.loads(json.dumps(form)) == form
        assert form["budget"] == 39  # of the 40 one crashed; the one that diverged counts

    def test_a_search_without_children_leaves_nothing_to_compare(self) -> None:
        comparison = compare([view_of(0.5), view_of(name="empty")])
        assert "Nothing can be compared" in printed(comparison)
        assert "Nothing can be compared" in compare_page(comparison)

    def test_the_page_draws_each_top_and_the_difference(self) -> None:
        views = [
            search_view(60, seed=seed, controller=kind)
            for kind in ("reinforce", "random")
            for seed in (0, 1)
        ]
        html = compare_page(compare(views))
        page = Page(html)
        assert page.open == []
        assert page.links == []
        assert html.count("<figure>") == 4
        assert "Reinforce minus random" in html
        assert html.count("<polygon") == 3 * 2 + 3  # a band for each line
        assert "stays above 0 by more than the standard error" in page.text

    def test_the_page_says_what_controllers_are_measured_by(self) -> None:
        fast, slow = (ReinforceConfig(learning_rate=rate) for rate in (0.2, 0.1))
        random = Page(
            compare_page(compare([view_of(0.5), view_of(0.3, controller=RandomConfig())]))
        )
        first = Page(
            compare_page(compare([view_of(0.5, controller=fast), view_of(controller=slow)]))
        )
        alone = Page(compare_page(compare([view_of(0.5)])))
        assert "measured by random, which proposes every network" in random.text
        assert "measured by reinforce, learning_rate 0.2: one is worth" in first.text
        assert "measured by" not in alone.text

    def test_what_final_trainings_came_to_is_shown_and_explained(self) -> None:
        final = final_view((0.9, 0.9), test=[(0.7, 0.8)])
        comparison = compare([replace(view_of(0.5), finals=(final,))])
        assert "Final test" in printed(comparison)
        assert "75.00 %" in printed(comparison)
        assert "won each search's final training" in Page(compare_page(comparison)).text
        assert "final training" not in Page(compare_page(compare([view_of(0.5)]))).text

    def test_what_was_trained_again_is_shown_and_explained(self) -> None:
        view = view_of(0.5)
        again = replace(row(1, 0.7), confirms=view.rows[0].id)
        comparison = compare([replace(view, rows=(*view.rows, again))])
        assert "Confirmed" in printed(comparison)
        assert "60.00 %" in printed(comparison)  # (50 + 70) / 2
        assert "Confirmed is the best network" in Page(compare_page(comparison)).text

    def test_when_controllers_had_what_random_search_has_in_the_end_is_said(self) -> None:
        random = view_of(0.2, 0.5, 0.3, 0.4, 0.4, 0.4, name="b", controller=RandomConfig())
        comparison = compare([view_of(0.1, 0.2, 0.3, 0.4, 0.6, 0.1), random])
        # The best five: 0.5, 0.4 three times and 0.3 against 0.6, 0.4, 0.3, 0.2, 0.1
        said = (
            "What random came to with 6 children, auto (gaussian-process) came to with 5 (top 1), "
            "never (top 5)."
        )
        assert said in " ".join(printed(comparison).split())
        assert said in Page(compare_page(comparison)).text

    @pytest.mark.parametrize(
        "measure", [PERPLEXITY, BITS, ACCURACY, OWN], ids=lambda each: each.noun
    )
    def test_the_axis_of_each_chart_has_the_measure_and_each_line_a_name(
        self, measure: Measure
    ) -> None:
        views = [
            replace(view_of(0.5, 0.4, 0.6), measure=measure),
            replace(view_of(0.3, 0.2, 0.4, controller=RandomConfig()), measure=measure),
        ]
        texts = svg_texts(compare_plot(compare(views)))
        assert texts.count(measure.label) == 1  # of the best so far: there is no fifth child
        assert [text for text in texts if text in ("auto (gaussian-process)", "random")] == [
            *("auto (gaussian-process)", "random")
        ]

    def test_first_scores_that_are_far_off_leave_room_for_the_rest(self) -> None:
        views = [
            replace(view_of(9000, 200, *range(169, 151, -1), controller=each), measure=PERPLEXITY)
            for each in (ReinforceConfig(), RandomConfig())
        ]
        numbers = [int(text) for text in svg_texts(compare_plot(compare(views))) if text.isdigit()]
        # What follows are 165 down to 152, the best five 174 to 154, the best fifteen 165 to 159.
        assert max(numbers) == 170

    def test_the_plot_is_one_picture_with_a_line_and_a_band_for_each_controller(self) -> None:
        views = [
            search_view(60, seed=seed, controller=kind)
            for kind in ("reinforce", "random")
            for seed in (0, 1)
        ]
        plot = compare_plot(compare(views))
        texts = svg_texts(plot)
        titles = [*TITLES, "Reinforce minus random"]
        assert [text for text in texts if text in titles] == titles
        assert plot.count("<polygon") == 3 * 2 + 3  # of the difference one for each line, too
        assert texts.count("random") == 3

    def test_where_nothing_can_be_compared_there_is_no_plot(self) -> None:
        assert compare_plot(compare([view_of(0.5), view_of(name="empty")])) == ""

    def test_perplexities_are_compared_by_the_lowest(self) -> None:
        def text_view(*scores: float, **config: Any) -> SearchView:
            settings = {"task": TextTaskConfig(), "space": EnasRnnSpaceConfig()}
            rows = (row(number, score, reward=80 / score) for number, score in enumerate(scores))
            return replace(
                view_of(**{**settings, **config}),
                measure=PERPLEXITY,
                rows=tuple(rows),
                data=WORDS,
            )

        comparison = compare(
            [text_view(200, 150, 170), text_view(190, 210, 180, controller=RandomConfig())]
        )
        page = Page(compare_page(comparison))
        assert "stays below 0" in page.text
        assert "validation perplexity" in page.text
        assert "percentage points" not in page.text
        assert " %" not in printed(comparison)


class TestShared:
    def test_the_table_has_a_line_per_search_group_and_difference(self) -> None:
        text = printed(compare(four_shared()))
        searches = ["enas-0", "enas-1", "random-0", "random-1", "mean", "mean"]
        took, found = text.split("What they found")
        assert [line.split()[0] for line in took.splitlines() if " min " in line] == searches
        assert [line.split()[0] for line in found.splitlines() if " %" in line] == [
            *searches,
            "difference",
        ]
        words = " ".join(text.split())
        assert "Equal budget: every search trains its shared weights for the same epochs." in words

    @pytest.mark.parametrize("width", [80, 160])
    def test_no_line_is_wider_than_the_terminal(self, width: int) -> None:
        text = printed(compare(four_shared()), width=width)
        assert max(map(len, text.splitlines())) <= width

    def test_in_a_narrow_terminal_no_name_is_cut(self) -> None:
        text = printed(compare(four_shared()), width=80)
        assert "\N{HORIZONTAL ELLIPSIS}" not in text
        assert " reinforce " in text

    def test_what_a_search_has_not_yet_is_a_dash(self) -> None:
        assert "-" in printed(compare([shared_view(derived=False)]))

    def test_the_json_form_survives_json(self) -> None:
        form = compare_json(compare(four_shared()))
        assert json.loads(json.dumps(form)) == form
        assert form["entries"][0]["values"]["epochs"] == 12
        assert form["groups"][1]["label"] == "random"

    def test_the_page_has_both_tables_a_chart_and_the_budget_in_words(self) -> None:
        html = compare_page(compare(four_shared()))
        page = Page(html)
        assert page.open == []
        assert page.links == []
        assert page.counts["table"] == 2
        assert html.count("<polygon") == 2  # a band for each controller
        assert "random search instead scores more samples in the end" in page.text
        assert "reinforce (enas) minus random" in page.texts


def test_searches_of_several_procedures_have_a_page_too() -> None:
    page = Page(compare_page(compare([shared_view(), search_view(40)])))
    assert page.open == []
    assert "Some of the searches have shared weights" in page.text
    assert "Best so far" in page.texts
