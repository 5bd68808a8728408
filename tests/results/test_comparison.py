"""Searches compared at equal budgets, against values worked out by hand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from synthetic import IMAGES, WORDS, chain, final_view, row, shared_view

from nas_lib.config import (
    EnasRnnSpaceConfig,
    ImageChildrenConfig,
    RandomConfig,
    ReinforceConfig,
    RoundsConfig,
    SearchConfig,
    TextTaskConfig,
)
from nas_lib.results import OWN, PERPLEXITY, Comparison, SearchView, compare
from nas_lib.results.groups import Mean


def view_of(*scores: float, name: str = "a", **config: Any) -> SearchView:
    """Return a finished search with these scores."""
    return SearchView(
        uri=f"runs/{name}",
        config=SearchConfig(name=name, **{"controller": ReinforceConfig(), **config}),
        rows=tuple(row(number, score) for number, score in enumerate(scores)),
        finished=True,
    )


def random_of(view: SearchView) -> SearchConfig:
    return view.config.model_copy(update={"controller": RandomConfig()})


def top(comparison: Comparison, group: int, k: int) -> tuple[float | None, ...]:
    return tuple(mean.value for mean in comparison.groups[group].curves[f"top_{k}"])


def test_searches_are_compared_at_the_budget_of_the_smallest() -> None:
    longer = view_of(0.1, 0.3, 0.2, 0.9, name="a")  # its 0.9 comes too late to count
    shorter = view_of(0.2, 0.1, 0.4, name="b", controller=RandomConfig())
    comparison = compare([longer, shorter])
    assert comparison.budget == 3
    assert comparison.checkpoints == (1, 2, 3)
    assert top(comparison, 0, 1) == (0.1, 0.3, 0.3)
    assert top(comparison, 1, 1) == (0.2, 0.2, 0.4)
    assert [entry.values["best"] for entry in comparison.entries] == [0.9, 0.4]
    assert [entry.values["top_1"] for entry in comparison.entries] == [0.3, 0.4]
    assert [entry.values["children"] for entry in comparison.entries] == [4, 3]


def test_a_search_with_nothing_new_to_propose_stays_where_it_ended() -> None:
    ended = replace(view_of(0.1, 0.7), ended_early="all 2 architectures of the space are judged")
    comparison = compare([ended, view_of(0.2, 0.1, 0.4, 0.3, controller=RandomConfig())])
    assert comparison.budget == 4
    assert top(comparison, 0, 1) == (0.1, 0.7, 0.7, 0.7)
    assert comparison.differences[0].means["top_1"].value == pytest.approx(0.3)  # 0.7 - 0.4


def test_where_none_has_anything_new_the_longest_says_how_far_curves_go() -> None:
    ended = [replace(view_of(*scores), ended_early="why") for scores in ((0.1, 0.7), (0.2,))]
    assert compare(ended).budget == 2
    assert top(compare(ended[::-1]), 0, 1) == (pytest.approx(0.15), pytest.approx(0.45))


def test_what_is_trained_again_to_be_sure_of_the_best_is_none_of_the_budget() -> None:
    view = view_of(0.1, 0.3, 0.2)
    again = replace(row(3, 0.9), confirms=view.rows[1].id)
    comparison = compare([replace(view, rows=(*view.rows, again))])
    assert comparison.budget == 3
    assert top(comparison, 0, 1) == (0.1, 0.3, 0.3)


class TestConfirmed:
    def confirmed(self, *scores: float, again: float, **config: Any) -> SearchView:
        """Return a search whose second child was trained again."""
        view = view_of(*scores, **config)
        rows = [
            replace(each, architecture=chain(f"conv {1 + 2 * at}x3x24/1x1 <- image"))
            for at, each in enumerate(view.rows)
        ]
        second = replace(row(len(scores), again), architecture=rows[1].architecture)
        return replace(view, rows=(*rows, replace(second, confirms=rows[1].id)))

    def test_the_best_by_all_its_trainings_is_compared_by_their_mean(self) -> None:
        policy = self.confirmed(0.1, 0.9, again=0.5)
        random = self.confirmed(0.1, 0.6, again=0.6, controller=RandomConfig())
        comparison = compare([policy, random])
        # (0.9 + 0.5) / 2 = 0.7; minus (0.6 + 0.6) / 2
        assert comparison.groups[0].means["confirmed"] == Mean(pytest.approx(0.7))
        assert comparison.differences[0].means["confirmed"] == Mean(pytest.approx(0.1))

    def test_at_budgets_that_differ_its_difference_means_nothing(self) -> None:
        longer = self.confirmed(0.1, 0.9, 0.2, again=0.5)
        random = self.confirmed(0.1, 0.6, again=0.6, controller=RandomConfig())
        (difference,) = compare([longer, random]).differences
        assert "confirmed" not in difference.means

    def test_where_one_was_not_trained_again_there_is_nothing_to_compare(self) -> None:
        comparison = compare([self.confirmed(0.1, 0.9, again=0.5), view_of(0.3, seed=1)])
        assert "confirmed" not in comparison.quantities


class TestFinalTrainings:
    def trained(self, view: SearchView, *test: float) -> SearchView:
        found, other = (0.9,) * len(test), (0.8,) * len(test)
        final = final_view(found, other, test=(test, (0.99,) * len(test)))
        return replace(view, finals=(final,))

    def test_where_all_searches_have_one_its_test_mean_is_compared_too(self) -> None:
        random = view_of(0.5, controller=RandomConfig())
        comparison = compare([self.trained(view_of(0.5), 0.7, 0.8), self.trained(random, 0.6, 0.6)])
        # (0.7 + 0.8) / 2; of the network that won by its validation scores, whoever tests better
        assert comparison.groups[0].means["final"] == Mean(pytest.approx(0.75))
        assert comparison.differences[0].means["final"] == Mean(pytest.approx(0.15))

    def test_where_one_has_none_there_is_nothing_to_compare(self) -> None:
        random = view_of(0.5, controller=RandomConfig())
        comparison = compare([self.trained(view_of(0.5), 0.7, 0.8), random])
        assert "final" not in comparison.quantities


def test_crashed_children_are_no_budget() -> None:
    view = view_of(0.1, 0.2)
    crashed = replace(view, rows=(*view.rows, row(2, status="crashed"), row(3, 0.4)))
    assert compare([crashed]).budget == 3


def test_the_mean_of_the_best_five() -> None:
    comparison = compare([view_of(0.1, 0.2, 0.3, 0.4, 0.5, 0.6)])
    # (0.1 + 0.2 + 0.3 + 0.4 + 0.5) / 5 = 0.3, then (0.2 + ... + 0.6) / 5 = 0.4
    assert top(comparison, 0, 5) == (*[None] * 4, pytest.approx(0.3), pytest.approx(0.4))
    assert top(comparison, 0, 15) == (None,) * 6


def test_the_checkpoints_end_with_the_budget() -> None:
    comparison = compare([view_of(*[0.5] * 25)], num_checkpoints=10)
    assert comparison.checkpoints == (2, 5, 8, 10, 12, 15, 18, 20, 22, 25)  # 2.5 i, to even


def test_searches_that_differ_in_seed_only_are_averaged() -> None:
    views = [view_of(score, seed=seed) for seed, score in enumerate((0.2, 0.4, 0.9))]
    comparison = compare(views)
    assert [group.label for group in comparison.groups] == ["reinforce"]
    (mean,) = comparison.groups[0].curves["top_1"]
    # (0.2 + 0.4 + 0.9) / 3 = 0.5
    # Deviations -0.3, -0.1, 0.4: sqrt((0.09 + 0.01 + 0.16) / 2 / 3) = sqrt(0.0433) = 0.2082
    assert mean == Mean(pytest.approx(0.5), pytest.approx(0.2082, abs=1e-4))
    assert comparison.groups[0].means["top_1"] == mean


def test_a_longer_budget_is_the_same_experiment_and_another_learning_rate_is_not() -> None:
    first = view_of(0.5, search=RoundsConfig(max_children=8))
    longer = view_of(0.5, search=RoundsConfig(max_children=80))
    faster = view_of(0.5, controller=ReinforceConfig(learning_rate=0.1))
    labels = [entry.group for entry in compare([first, longer, faster]).entries]
    slow = "reinforce, learning_rate 0.0006"
    assert labels == [slow, slow, "reinforce, learning_rate 0.1"]


def test_the_difference_from_random_search() -> None:
    views = [
        *(view_of(0.6 + seed / 10, name=f"a{seed}", seed=seed) for seed in range(2)),
        *(view_of(0.3, name=f"b{seed}", seed=seed, controller=RandomConfig()) for seed in range(2)),
    ]
    (difference,) = compare(views).differences
    assert difference.label == "reinforce minus random"
    # (0.6 + 0.7) / 2 - 0.3 = 0.35
    # The errors are 0.1 / sqrt(2) / sqrt(2) = 0.05 and 0: together sqrt(0.05^2 + 0^2) = 0.05
    assert difference.means["top_1"] == Mean(pytest.approx(0.35), pytest.approx(0.05))
    assert difference.curves["top_1"] == (difference.means["top_1"],)
    assert "best" not in difference.means  # of all children: no equal budget


def test_without_random_search_the_difference_is_from_the_first_search_or_a_named_one() -> None:
    views = [
        view_of(0.5, controller=ReinforceConfig(learning_rate=0.1)),
        view_of(0.7, controller=ReinforceConfig(learning_rate=0.2)),
    ]
    first, named = compare(views), compare(views, base=1)
    assert first.base == "reinforce, learning_rate 0.1"
    (difference,) = first.differences
    assert difference.label == "reinforce, learning_rate 0.2 minus reinforce, learning_rate 0.1"
    assert difference.means["top_1"].value == pytest.approx(0.2)
    assert [each.means["top_1"].value for each in named.differences] == [pytest.approx(-0.2)]


class TestCatchingUp:
    def reached(self, *policy: Sequence[float], random: Sequence[float]) -> dict[str, int | None]:
        views = [view_of(*scores, name=f"a{seed}", seed=seed) for seed, scores in enumerate(policy)]
        random_view = view_of(*random, name="b", controller=RandomConfig())
        (difference,) = compare([*views, random_view]).differences
        assert difference.group == "reinforce"
        return difference.reached

    def test_it_is_the_first_child_with_which_a_group_has_what_its_base_has_in_the_end(
        self,
    ) -> None:
        assert self.reached((0.1, 0.4, 0.6, 0.7), random=(0.2, 0.3, 0.5, 0.5)) == {"top_1": 3}
        assert self.reached((0.1, 0.5, 0.6, 0.7), random=(0.2, 0.3, 0.5, 0.5)) == {"top_1": 2}

    def test_each_top_has_its_own(self) -> None:
        reached = self.reached(
            (0.1, 0.1, 0.1, 0.1, 0.9, 0.9, 0.9, 0.9), random=(0.6, *[0.3] * 4, 0.2, 0.2, 0.2)
        )
        # top 5 of random search: (0.6 + 4 * 0.3) / 5 = 0.36; of the policy (0.9 + 4 * 0.1) / 5 =
        # 0.26 with five children, (2 * 0.9 + 3 * 0.1) / 5 = 0.42 with six
        assert reached == {"top_1": 5, "top_5": 6}

    def test_what_is_never_reached_is_none(self) -> None:
        assert self.reached((0.1, 0.2), random=(0.2, 0.3)) == {"top_1": None}

    def test_of_several_searches_it_is_their_mean_that_reaches_it(self) -> None:
        # the means of the best are 0.35, 0.45, 0.65: one of them was at 0.6 from the start
        assert self.reached((0.1, 0.3, 0.7), (0.6, 0.6, 0.6), random=(0.5, 0.5, 0.5)) == {
            "top_1": 3
        }


def test_one_group_is_measured_by_nothing() -> None:
    comparison = compare([view_of(0.5), view_of(0.6, seed=1)])
    assert (comparison.base, comparison.differences) == ("", ())


def test_searches_of_the_same_seeds_are_compared_in_pairs() -> None:
    def difference(random_seeds: Sequence[int]) -> Mean:
        policy = [view_of(0.6 + 0.2 * seed, name=f"a{seed}", seed=seed) for seed in range(2)]
        random = [
            view_of(0.3 + 0.2 * number, name=f"b{seed}", seed=seed, controller=RandomConfig())
            for number, seed in enumerate(random_seeds)
        ]
        return compare([*policy, *random]).differences[0].means["top_1"]

    paired, independent = difference((0, 1)), difference((5, 6))
    assert paired == Mean(pytest.approx(0.3), pytest.approx(0, abs=1e-9))  # 0.3 in both pairs
    # standard deviations 0.2 / sqrt(2), errors 0.1 each: together sqrt(0.1^2 + 0.1^2)
    assert independent == Mean(pytest.approx(0.3), pytest.approx(0.02**0.5))


class TestWarnings:
    def test_a_fair_comparison_has_none(self) -> None:
        random = view_of(0.4, name="b", controller=RandomConfig(), seed=1)
        assert compare([view_of(0.5), random]).warnings == ()

    def test_other_training_is_unfair(self) -> None:
        views = [view_of(0.5), view_of(0.5, children=ImageChildrenConfig(epochs=10, keep=2))]
        assert compare(views).warnings == (
            "The searches differ in more than their controllers, which makes the comparison "
            "unfair: children.epochs is 50 or 10.",
        )

    def test_other_data_is_unfair(self) -> None:
        views = [
            replace(view_of(0.5), data=IMAGES),
            replace(view_of(0.5), data=replace(IMAGES, content_hash="def")),
        ]
        assert compare(views).warnings == (
            "Searches with the same seed were given different data.",
        )

    def test_another_seed_may_split_the_data_otherwise(self) -> None:
        views = [
            replace(view_of(0.5), data=IMAGES),
            replace(view_of(0.5, seed=1), data=replace(IMAGES, content_hash="def")),
        ]
        assert compare(views).warnings == ()

    def test_an_unfinished_search_is_named(self) -> None:
        view = replace(view_of(0.5, name="slow"), finished=False)
        assert compare([view]).warnings == ("Not finished yet: slow.",)


def test_a_search_without_children_leaves_nothing_to_compare() -> None:
    comparison = compare([view_of(0.5), view_of(name="empty")])
    assert comparison.budget == 0
    assert comparison.checkpoints == ()
    assert comparison.entries[0].values["top_1"] is None
    assert comparison.entries[0].values["best"] == 0.5


def test_searches_of_several_procedures_are_compared_by_children_and_that_is_said() -> None:
    comparison = compare([shared_view(), view_of(*[0.5] * 20)])
    assert comparison.procedure == "rounds"
    assert comparison.budget == 12  # children of the search by shared weights
    assert "Some of the searches have shared weights" in comparison.warnings[0]
    assert not any("epochs is" in each and "search." in each for each in comparison.warnings)


class TestPerplexities:
    def text_view(self, *scores: float, **config: Any) -> SearchView:
        settings = {"task": TextTaskConfig(), "space": EnasRnnSpaceConfig()}
        rows = (row(number, score, reward=80 / score) for number, score in enumerate(scores))
        return SearchView(
            uri="runs/text",
            config=SearchConfig(name="text", **{**settings, **config}),
            measure=PERPLEXITY,
            rows=tuple(rows),
            finished=True,
            data=WORDS,
        )

    def test_the_lowest_is_the_best(self) -> None:
        comparison = compare(
            [
                self.text_view(200, 150, 170),
                self.text_view(190, 210, 180, controller=RandomConfig()),
            ]
        )
        assert comparison.measure == PERPLEXITY
        assert [entry.values["best"] for entry in comparison.entries] == [150, 180]
        best = [top(comparison, group, 1) for group in range(2)]
        assert best == [(200, 150, 150), (190, 190, 180)]
        (difference,) = comparison.differences
        assert [mean.value for mean in difference.curves["top_1"]] == [10, -40, -30]

    def test_of_falling_scores_the_mean_of_the_best_five_is_that_of_the_lowest(self) -> None:
        comparison = compare([self.text_view(200, 150, 170, 160, 190, 140)])
        # (140 + 150 + 160 + 170 + 190) / 5; before that 200 in place of 140
        assert top(comparison, 0, 5) == (*[None] * 4, pytest.approx(174), pytest.approx(162))

    def test_lower_is_as_good_as_random_search_in_the_end(self) -> None:
        slow = self.text_view(200, 180, 150)
        (difference,) = compare(
            [self.text_view(190, 150, 160), replace(slow, config=random_of(slow))]
        ).differences
        assert difference.reached == {"top_1": 2}  # 150; none of them has a fifth child

    def test_with_accuracies_they_have_no_common_measure(self) -> None:
        comparison = compare([self.text_view(200, 150), view_of(0.5)])
        assert comparison.measure == OWN
        assert any("task.kind" in warning for warning in comparison.warnings)
