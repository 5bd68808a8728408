"""Searches compared at equal budgets, against values worked out by hand."""

from __future__ import annotations

import io
import json
from dataclasses import replace

import pytest
from rich.console import Console
from synthetic import row, search_view

from nas_lib.config import (
    ChildrenConfig,
    LoopConfig,
    RandomConfig,
    ReinforceConfig,
    SearchConfig,
)
from nas_lib.report import (
    Comparison,
    DataSummary,
    SearchView,
    compare,
    compare_json,
    compare_page,
    compare_table,
)


def view_of(*scores: float, name: str = "a", **config) -> SearchView:
    """Return a finished search with these scores."""
    return SearchView(
        uri=f"runs/{name}",
        config=SearchConfig(name=name, **config),
        rows=tuple(row(number, score) for number, score in enumerate(scores)),
        finished=True,
    )


def top(comparison: Comparison, group: int, k: int) -> tuple[float | None, ...]:
    return next(curve.values for curve in comparison.groups[group].curves if curve.k == k)


def printed(comparison: Comparison) -> str:
    console = Console(file=io.StringIO(), width=120)
    console.print(compare_table(comparison))
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_searches_are_compared_at_the_budget_of_the_smallest():
    longer = view_of(0.1, 0.3, 0.2, 0.9, name="a")  # its 0.9 comes too late to count
    shorter = view_of(0.2, 0.1, 0.4, name="b", controller=RandomConfig())
    comparison = compare([longer, shorter])
    assert comparison.budget == 3
    assert comparison.checkpoints == (1, 2, 3)
    assert top(comparison, 0, 1) == (0.1, 0.3, 0.3)
    assert top(comparison, 1, 1) == (0.2, 0.2, 0.4)
    assert [entry.best for entry in comparison.entries] == [0.9, 0.4]


def test_crashed_children_are_no_budget():
    view = view_of(0.1, 0.2)
    crashed = replace(view, rows=(*view.rows, row(2, status="crashed"), row(3, 0.4)))
    assert compare([crashed]).budget == 3


def test_the_mean_of_the_best_five():
    comparison = compare([view_of(0.1, 0.2, 0.3, 0.4, 0.5, 0.6)])
    # (0.1 + 0.2 + 0.3 + 0.4 + 0.5) / 5 = 0.3, then (0.2 + ... + 0.6) / 5 = 0.4
    assert top(comparison, 0, 5) == (*[None] * 4, pytest.approx(0.3), pytest.approx(0.4))
    assert top(comparison, 0, 15) == (None,) * 6


def test_the_checkpoints_end_with_the_budget():
    comparison = compare([view_of(*[0.5] * 25)], num_checkpoints=10)
    assert comparison.checkpoints == (2, 5, 8, 10, 12, 15, 18, 20, 22, 25)  # 2.5 i, to even


def test_searches_that_differ_in_seed_only_are_averaged():
    views = [view_of(score, seed=seed) for seed, score in enumerate((0.2, 0.4, 0.9))]
    comparison = compare(views)
    assert [group.label for group in comparison.groups] == ["reinforce"]
    (curve, *_) = comparison.groups[0].curves
    assert curve.values == (pytest.approx(0.5),)  # (0.2 + 0.4 + 0.9) / 3
    # Deviations -0.3, -0.1, 0.4: sqrt((0.09 + 0.01 + 0.16) / 2 / 3) = sqrt(0.0433) = 0.2082
    assert curve.standard_error == (pytest.approx(0.2082, abs=1e-4),)


def test_a_longer_budget_is_the_same_experiment_and_another_learning_rate_is_not():
    first = view_of(0.5, search=LoopConfig(max_children=8))
    longer = view_of(0.5, search=LoopConfig(max_children=80))
    faster = view_of(0.5, controller=ReinforceConfig(learning_rate=0.1))
    labels = [entry.group for entry in compare([first, longer, faster]).entries]
    assert labels == ["reinforce", "reinforce", "reinforce 2"]


def test_the_difference_from_random_search():
    views = [
        *(view_of(0.6 + seed / 10, name=f"a{seed}", seed=seed) for seed in range(2)),
        *(view_of(0.3, name=f"b{seed}", seed=seed, controller=RandomConfig()) for seed in range(2)),
    ]
    (difference,) = compare(views).differences
    assert difference.label == "reinforce minus random"
    assert difference.curves[0].values == (pytest.approx(0.35),)  # (0.6 + 0.7) / 2 - 0.3
    # The errors are 0.1 / sqrt(2) / sqrt(2) = 0.05 and 0: together sqrt(0.05^2 + 0^2) = 0.05
    assert difference.curves[0].standard_error == (pytest.approx(0.05),)


def test_searches_of_the_same_seeds_are_compared_in_pairs():
    def difference(random_seeds):
        policy = [view_of(0.6 + 0.2 * seed, name=f"a{seed}", seed=seed) for seed in range(2)]
        random = [
            view_of(0.3 + 0.2 * number, name=f"b{seed}", seed=seed, controller=RandomConfig())
            for number, seed in enumerate(random_seeds)
        ]
        return compare([*policy, *random]).differences[0].curves[0]

    paired, independent = difference((0, 1)), difference((5, 6))
    assert paired.values == (pytest.approx(0.3),)
    assert independent.values == (pytest.approx(0.3),)
    assert paired.standard_error == (pytest.approx(0, abs=1e-9),)  # 0.3 in both pairs
    # standard deviations 0.2 / sqrt(2), errors 0.1 each: together sqrt(0.1^2 + 0.1^2)
    assert independent.standard_error == (pytest.approx(0.02**0.5),)


class TestWarnings:
    def test_a_fair_comparison_has_none(self):
        random = view_of(0.4, name="b", controller=RandomConfig(), seed=1)
        assert compare([view_of(0.5), random]).warnings == ()

    def test_other_training_is_unfair(self):
        views = [view_of(0.5), view_of(0.5, children=ChildrenConfig(epochs=10, keep=2))]
        assert compare(views).warnings == (
            "The searches differ in more than their controllers, which makes the comparison "
            "unfair: children.epochs is 50 or 10.",
        )

    def test_other_data_is_unfair(self):
        data = DataSummary("digits", "abc", 9, 1, 1, (1, 8, 8), 10)
        views = [
            replace(view_of(0.5), data=data),
            replace(view_of(0.5), data=replace(data, content_hash="def")),
        ]
        assert compare(views).warnings == (
            "Searches with the same seed were given different data.",
        )

    def test_another_seed_may_split_the_data_otherwise(self):
        data = DataSummary("digits", "abc", 9, 1, 1, (1, 8, 8), 10)
        views = [
            replace(view_of(0.5), data=data),
            replace(view_of(0.5, seed=1), data=replace(data, content_hash="def")),
        ]
        assert compare(views).warnings == ()

    def test_an_unfinished_search_is_named(self):
        view = replace(view_of(0.5, name="slow"), finished=False)
        assert compare([view]).warnings == ("Not finished yet: slow.",)

    def test_they_are_printed_with_the_table_and_on_the_page(self):
        comparison = compare([replace(view_of(0.5, name="slow"), finished=False)])
        assert "Not finished yet: slow." in printed(comparison)
        assert "Not finished yet: slow." in compare_page(comparison)


def test_the_table_has_a_line_per_search_and_one_for_the_mean_of_several():
    views = [view_of(0.5 + seed / 10, name=f"a{seed}", seed=seed) for seed in range(2)]
    text = printed(compare(views))
    assert [line.split()[0] for line in text.splitlines() if "reinforce" in line] == [
        *("a0", "a1", "mean")
    ]
    assert "55.00 \N{PLUS-MINUS SIGN} 5.00 %" in text  # (50 + 60) / 2; 7.07 / sqrt(2)


def test_the_json_form_survives_json():
    comparison = compare([search_view(60), search_view(40, controller="random")])
    form = compare_json(comparison)
    assert json.loads(json.dumps(form)) == form
    assert form["budget"] == 39  # of the 40 one crashed; the one that diverged counts


def test_a_search_without_children_leaves_nothing_to_compare():
    comparison = compare([view_of(0.5), view_of(name="empty")])
    assert comparison.budget == 0
    assert "Nothing can be compared" in printed(comparison)
    assert "Nothing can be compared" in compare_page(comparison)


def test_the_page_draws_each_top_and_the_difference():
    views = [
        search_view(60, seed=seed, controller=kind)
        for kind in ("reinforce", "random")
        for seed in (0, 1)
    ]
    page = compare_page(compare(views))
    assert page.count("<figure>") == 4
    assert "Reinforce minus random" in page
    assert page.count("<polygon") == 3 * 2 + 3  # a band for each line
