"""Searches by shared weights compared, against values worked out by hand."""

from __future__ import annotations

from dataclasses import replace

import pytest
from synthetic import START_S, four_shared, shared_view

from nas_lib.config import EnasRnnSpaceConfig
from nas_lib.records import TestReading
from nas_lib.results import Comparison, SearchView, compare, derivation
from nas_lib.results.groups import Mean


def compared(*views: SearchView) -> Comparison:
    comparison = compare(views)
    assert comparison.procedure == "shared"
    return comparison


def with_best_kept(view: SearchView, score: float) -> SearchView:
    """Return the search with this score of every kept network, from scratch."""
    rows = [
        replace(row, score=score, reward=score) if index < 3 else row
        for index, row in enumerate(view.rows)
    ]
    return replace(view, rows=tuple(rows))


def test_each_search_has_what_it_took_and_what_it_found() -> None:
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


def test_another_childs_test_reading_is_not_the_searchs() -> None:
    view = shared_view()
    reading = TestReading("r000-000000-11", 0.91, 360, START_S)
    (entry,) = compared(replace(view, test=(reading,))).entries
    assert entry.values["test"] is None


def test_the_best_perplexity_is_the_lowest() -> None:
    view = shared_view(space=EnasRnnSpaceConfig())
    (entry,) = compared(view).entries
    assert entry.values["best_kept"] == min(row.score for row in view.rows[:3])


def test_a_search_that_derived_nothing_yet_is_compared_by_what_it_took() -> None:
    (entry,) = compared(shared_view(derived=False)).entries
    assert entry.values["epochs"] == 12
    assert entry.values["best_shared"] is None


def test_repetitions_are_averaged_whatever_their_probes() -> None:
    views = [
        with_best_kept(shared_view(seed=0), 0.8),
        with_best_kept(shared_view(seed=1, probes=0), 0.9),
    ]
    (group,) = compared(*views).groups
    assert (group.label, group.num_searches) == ("reinforce (enas)", 2)
    # 0.85, and the error 0.0707 / sqrt(2) = 0.05
    assert group.means["best_kept"] == Mean(pytest.approx(0.85), pytest.approx(0.05))
    assert len(group.curves["mean_score"]) == 12


def test_the_difference_from_random_search_is_taken_seed_by_seed() -> None:
    scores = (0.8, 0.9, 0.7, 0.8)
    views = [with_best_kept(view, score) for view, score in zip(four_shared(), scores, strict=True)]
    (difference,) = compared(*views).differences
    assert difference.label == "reinforce (enas) minus random"
    # 0.1 in both pairs, where independent means would have an error of 0.0707
    assert difference.means["best_kept"] == Mean(pytest.approx(0.1), pytest.approx(0, abs=1e-9))
    assert "training_s" not in difference.means
    assert difference.curves == {}  # a score with shared weights is no result


def test_other_seeds_are_compared_by_their_means() -> None:
    enas, _, _, random = four_shared()
    (difference,) = compared(with_best_kept(enas, 0.8), with_best_kept(random, 0.7)).differences
    assert difference.means["best_kept"] == Mean(pytest.approx(0.1))


class TestMean:
    def test_where_one_is_missing_there_is_none(self) -> None:
        assert Mean.of([0.5, None]) == Mean.of([]) == Mean(None)

    def test_errors_of_independent_means_add_up_in_squares(self) -> None:
        assert Mean(5.0, 0.3) - Mean(3.0, 0.4) == Mean(2.0, pytest.approx(0.5))

    def test_without_both_errors_there_is_none(self) -> None:
        assert Mean(5.0, 0.3) - Mean(3.0) == Mean(2.0)
        assert Mean(5.0, 0.3) - Mean(None) == Mean(None)


class TestWarnings:
    def test_a_fair_comparison_has_none(self) -> None:
        assert compared(*four_shared()).warnings == ()

    def test_other_epochs_are_unfair(self) -> None:
        (warning,) = compared(shared_view(12), shared_view(10)).warnings
        assert warning.endswith("search.weights.epochs is 12 or 10.")


def test_curves_are_read_up_to_the_search_with_the_fewest_epochs() -> None:
    comparison = compared(shared_view(12), shared_view(10, name="short"))
    assert comparison.budget == 10
    assert comparison.checkpoints == tuple(range(1, 11))
    first = comparison.entries[0].curves["mean_score"]
    assert first == tuple(each.mean_score for each in shared_view(12).shared_epochs[:10])
