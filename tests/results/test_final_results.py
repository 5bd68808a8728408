"""What final trainings came to, against values worked out by hand."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from synthetic import final_view, search_view

from nas_lib.config import FinalsConfig, ImageReferencesConfig
from nas_lib.results import PERPLEXITY, SearchView
from nas_lib.results.final import best_contender, contenders, outcome, ranked, retrained_child
from nas_lib.results.rivals import found_by, rivals


def settings(**values: object) -> FinalsConfig:
    return FinalsConfig.model_validate({"networks": ["a", "b"], "seeds": 2, **values})


def search_with(*finals: SearchView) -> SearchView:
    return replace(search_view(8), finals=finals)


def references(*networks: list[float], **values: object) -> SearchView:
    names = ("resnet-20", "plain-cnn")[: len(networks)]
    space = ImageReferencesConfig(networks=names)
    return final_view(
        *networks, space=space, names=names, uri="runs/digits/final/00000002", **values
    )


def test_the_winner_is_trained_once_more_in_a_round_of_its_own() -> None:
    assert retrained_child(settings(children_per_round=3)) == "r000-000002-00"  # 3 + 1, then it
    assert retrained_child(settings(children_per_round=4)) == "r000-000001-00"


def test_before_all_are_trained_nothing_has_won() -> None:
    found = outcome(final_view([0.6, 0.9], [0.8, 0.8], done=False))

    assert found.winner is None
    assert [each.valid.mean for each in found.ranked] == [pytest.approx(0.75)]


def test_of_equal_means_the_smaller_network_wins() -> None:
    view = final_view([0.75, 0.75], [0.75, 0.75])
    larger = [replace(each, num_parameters=5000) for each in view.rows[:2]]
    found = outcome(replace(view, rows=(*larger, *view.rows[2:])))

    assert found.winner is not None
    assert found.winner.rows == view.rows[2:]


def test_what_was_trained_on_validation_data_has_no_rank() -> None:
    view = final_view([0.6, 0.7], retrained=0.8)
    found = outcome(view)

    assert found.retrained is not None
    assert found.retrained.id == "r000-000001-00"
    assert found.reading is not None
    assert found.reading.score == 0.8
    assert found.retrained not in view.compared
    assert len(view.compared) == 2


def test_the_score_of_what_is_handed_on_is_the_last_ones_or_else_the_best_seeds() -> None:
    again = outcome(final_view([0.6, 0.7], test=[[0.5, 0.9]], retrained=0.8))
    seeds = outcome(final_view([0.6, 0.7], test=[[0.9, 0.5]]))

    assert [each and each.score for each in (again.score_handed_on, seeds.score_handed_on)] == [
        0.8,
        0.5,  # of the seed whose validation score is 0.7, and not of the one with 0.9
    ]


@given(st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1)), min_size=1, max_size=6))
def test_the_best_contender_is_the_first_of_the_ranking_and_no_mean_is_above_its(
    networks: list[tuple[float, float]],
) -> None:
    view = final_view(*networks)
    found = contenders(view.config.search, view.rows)  # type: ignore[arg-type]

    best = best_contender(found, view.measure)

    assert best is not None
    assert best == ranked(found, view.measure)[0]
    assert max(each.valid.mean or 0.0 for each in found) == best.valid.mean


class TestRivals:
    """The found network beside known ones."""

    def verdicts(self, theirs: list[float], ours: list[float], **values: object) -> list[str]:
        mine = outcome(final_view([0.5] * len(ours), test=[ours], **values)).ranked[0]
        other = outcome(final_view([0.5] * len(theirs), test=[theirs], **values)).ranked[0]
        measure = values.get("measure", final_view([0.5]).measure)
        return [each.verdict for each in rivals(mine, [other], measure)]  # type: ignore[arg-type]

    def test_a_difference_beyond_its_interval_is_one(self) -> None:
        # e1 = e2 = 0.0001 / 3; freedom 4: half = 2.7764 x sqrt(0.0002 / 3) = 0.02267
        apart, alike = [0.73, 0.74, 0.75], [0.72, 0.73, 0.74]  # from 0.71 by 0.03 and 0.02
        assert self.verdicts(apart, [0.70, 0.71, 0.72]) == ["better"]
        assert self.verdicts([0.70, 0.71, 0.72], apart) == ["worse"]
        assert self.verdicts(alike, [0.70, 0.71, 0.72]) == ["not told apart"]

    def test_a_lower_perplexity_is_better(self) -> None:
        low, high = [73.0, 74.0, 75.0], [83.0, 84.0, 85.0]
        assert self.verdicts(low, high, measure=PERPLEXITY) == ["better"]
        assert self.verdicts(high, low, measure=PERPLEXITY) == ["worse"]

    def test_one_seed_tells_nothing(self) -> None:
        assert self.verdicts([0.9], [0.1]) == ["too few seeds"]

    def test_seeds_that_all_agree_do_not_say_that_others_would(self) -> None:
        assert self.verdicts([0.75, 0.75], [0.5, 0.5]) == ["not told apart"]

    def test_they_are_compared_by_validation_scores_until_the_tests_are_read(self) -> None:
        found = found_by(search_with(final_view([0.5, 0.51]), references([0.8, 0.81])))

        (rival,) = found.rivals
        assert (rival.verdict, rival.is_tested) == ("better", False)
        assert rival.difference is not None
        assert rival.difference.holds(0.3)  # 0.805 - 0.505

    def test_the_best_known_network_comes_first(self) -> None:
        found = found_by(search_with(final_view([0.5, 0.51]), references([0.6, 0.7], [0.8, 0.81])))

        assert [rival.contender.origin for rival in found.rivals] == ["plain-cnn", "resnet-20"]
        assert found.trained_otherwise == ()

    def test_other_settings_of_their_training_are_noticed(self) -> None:
        other = references([0.8, 0.81])
        longer = other.config.children.model_copy(update={"epochs": 999})
        config = other.config.model_copy(update={"children": longer})

        found = found_by(search_with(final_view([0.5, 0.51]), replace(other, config=config)))

        assert found.trained_otherwise == tuple(rival.contender for rival in found.rivals)

    def test_settings_that_change_no_training_or_are_for_cells_alone_are_no_others(self) -> None:
        other = references([0.8, 0.81])
        changed = {"timeout_s": 77.0, "drop_path": 0.1, "auxiliary_weight": 0.4}
        children = other.config.children.model_copy(update=changed)
        config = other.config.model_copy(update={"children": children})

        found = found_by(search_with(final_view([0.5, 0.51]), replace(other, config=config)))

        assert found.trained_otherwise == ()

    def test_a_recipe_of_its_own_is_noticed_of_the_network_that_has_it(self) -> None:
        other = references([0.6, 0.7], [0.8, 0.81])
        _, network = other.config.search.networks  # type: ignore[union-attr]
        recipes = {network: {"augment.padding": "reflect"}}
        search = other.config.search.model_copy(update={"recipes": recipes})
        config = other.config.model_copy(update={"search": search})

        found = found_by(search_with(final_view([0.5, 0.51]), replace(other, config=config)))

        assert [each.origin for each in found.trained_otherwise] == ["plain-cnn"]

    def test_the_newest_final_training_counts(self) -> None:
        found = found_by(search_with(final_view([0.5, 0.6]), final_view([0.7, 0.8])))

        assert found.final is not None
        assert found.final.ranked[0].valid.scores == (0.7, 0.8)
        assert found.references is None
        assert found.rivals == ()
        assert found.newer == ()

    def test_one_without_a_winner_does_not_hide_an_older_one_that_has_one(self) -> None:
        begun = final_view([0.7, 0.8], [0.1, 0.1], done=False)

        found = found_by(search_with(final_view([0.5, 0.6]), begun))

        assert found.final is not None
        assert found.final.winner is not None
        assert [each.view for each in found.newer] == [begun]
        assert found_by(search_with(begun)).newer == ()
