"""Searches by shared weights compared, against values worked out by hand."""

from __future__ import annotations

import io
import json
from dataclasses import replace

import pytest
from browser import Page
from rich.console import Console
from synthetic import START_S, search_view, shared_view

from nas_lib.config import EnasRnnSpaceConfig
from nas_lib.records import TestReading
from nas_lib.report import (
    SearchView,
    SharedComparison,
    compare,
    compare_json,
    compare_page,
    compare_table,
)
from nas_lib.report.compare_shared import Mean
from nas_lib.report.derivation import derivation


def four(**changes) -> list[SearchView]:
    """Return ENAS and random search, each with two seeds."""
    return [
        shared_view(name=f"{kind}-{seed}", controller=kind, seed=seed, **changes)
        for kind in ("enas", "random")
        for seed in (0, 1)
    ]


def compared(*views: SearchView) -> SharedComparison:
    comparison = compare(views)
    assert isinstance(comparison, SharedComparison)
    return comparison


def with_best_kept(view: SearchView, score: float) -> SearchView:
    """Return the search with this score of every kept network, from scratch."""
    rows = [
        replace(row, score=score, reward=score) if index < 3 else row
        for index, row in enumerate(view.rows)
    ]
    return replace(view, rows=tuple(rows))


def printed(comparison: SharedComparison, width: int = 160) -> str:
    console = Console(file=io.StringIO(), width=width)
    console.print(compare_table(comparison))
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_each_search_has_what_it_took_and_what_it_found():
    view = shared_view()
    best = max(view.rows, key=lambda row: row.reward)
    reading = TestReading(best.id, 0.91, 360, START_S)
    (entry,) = compared(replace(view, test=(reading,))).entries
    found = derivation(view)
    assert found is not None
    assert entry.values["epochs"] == 12
    assert entry.values["judged"] == 1220  # 12 * 100 by the controller, 20 samples
    assert entry.values["deriving_s"] == 12.5
    assert entry.values["best_shared"] == max(row.shared_score for row in found.rows)
    assert entry.values["best_kept"] == max(row.score for row in view.rows[:3])
    assert entry.values["best"] == best.score
    assert entry.values["test"] == 0.91
    assert entry.values["tau"] == found.all.own.tau
    assert found.all.running is not None
    assert entry.values["tau_running"] == found.all.running.tau


def test_another_childs_test_reading_is_not_the_searchs():
    view = shared_view()
    reading = TestReading("r000-000000-11", 0.91, 360, START_S)
    (entry,) = compared(replace(view, test=(reading,))).entries
    assert entry.values["test"] is None


def test_the_best_perplexity_is_the_lowest():
    view = shared_view(space=EnasRnnSpaceConfig())
    (entry,) = compared(view).entries
    assert entry.values["best_kept"] == min(row.score for row in view.rows[:3])


def test_a_search_that_derived_nothing_yet_is_compared_by_what_it_took():
    (entry,) = compared(shared_view(derived=False)).entries
    assert entry.values["epochs"] == 12
    assert entry.values["best_shared"] is None
    assert "-" in printed(compared(shared_view(derived=False)))


def test_repetitions_are_averaged_whatever_their_probes():
    views = [
        with_best_kept(shared_view(seed=0), 0.8),
        with_best_kept(shared_view(seed=1, probes=0), 0.9),
    ]
    (group,) = compared(*views).groups
    assert (group.label, group.num_searches) == ("enas", 2)
    # 0.85, and the error 0.0707 / sqrt(2) = 0.05
    assert group.means["best_kept"] == Mean(pytest.approx(0.85), pytest.approx(0.05))
    assert len(group.mean_scores) == 12


def test_the_difference_from_random_search_is_taken_seed_by_seed():
    scores = (0.8, 0.9, 0.7, 0.8)
    views = [with_best_kept(view, score) for view, score in zip(four(), scores, strict=True)]
    (difference,) = compared(*views).differences
    assert difference.label == "enas minus random"
    # 0.1 in both pairs, where independent means would have an error of 0.0707
    assert difference.means["best_kept"] == Mean(pytest.approx(0.1), pytest.approx(0, abs=1e-9))
    assert "training_s" not in difference.means


def test_other_seeds_are_compared_by_their_means():
    enas, _, _, random = four()
    (difference,) = compared(with_best_kept(enas, 0.8), with_best_kept(random, 0.7)).differences
    assert difference.means["best_kept"] == Mean(pytest.approx(0.1))


class TestMean:
    def test_where_one_is_missing_there_is_none(self):
        assert Mean.of([0.5, None]) == Mean.of([]) == Mean(None)

    def test_errors_of_independent_means_add_up_in_squares(self):
        assert Mean(5.0, 0.3) - Mean(3.0, 0.4) == Mean(2.0, pytest.approx(0.5))

    def test_without_both_errors_there_is_none(self):
        assert Mean(5.0, 0.3) - Mean(3.0) == Mean(2.0)
        assert Mean(5.0, 0.3) - Mean(None) == Mean(None)


class TestWarnings:
    def test_a_fair_comparison_has_none(self):
        assert compared(*four()).warnings == ()

    def test_other_epochs_are_unfair(self):
        (warning,) = compared(shared_view(12), shared_view(10)).warnings
        assert warning.endswith("shared.epochs is 12 or 10.")

    def test_a_search_without_shared_weights_is_compared_by_children_and_that_is_said(self):
        comparison = compare([shared_view(), search_view(40)])
        assert not isinstance(comparison, SharedComparison)
        assert "Some of the searches have shared weights" in comparison.warnings[0]
        assert not any("shared.epochs" in warning for warning in comparison.warnings)


def test_the_table_has_a_line_per_search_group_and_difference():
    text = printed(compared(*four()))
    searches = ["enas-0", "enas-1", "random-0", "random-1", "mean", "mean"]
    took, found = text.split("What they found")
    assert [line.split()[0] for line in took.splitlines() if " min " in line] == searches
    assert [line.split()[0] for line in found.splitlines() if " %" in line] == [
        *searches,
        "difference",
    ]
    assert "Equal budget: every search trains its shared weights for the same epochs." in text


def test_no_line_is_wider_than_the_terminal():
    assert max(map(len, printed(compared(*four()), width=80).splitlines())) <= 80


def test_the_json_form_survives_json():
    form = compare_json(compared(*four()))
    assert json.loads(json.dumps(form)) == form
    assert form["entries"][0]["values"]["epochs"] == 12
    assert form["groups"][1]["label"] == "random"


def test_the_page_has_both_tables_a_chart_and_the_budget_in_words():
    html = compare_page(compared(*four()))
    page = Page(html)
    assert page.open == []
    assert page.links == []
    assert page.counts["table"] == 2
    assert html.count("<polygon") == 2  # a band for each controller
    assert "random search instead scores more samples in the end" in page.text
    assert "enas minus random" in page.texts
