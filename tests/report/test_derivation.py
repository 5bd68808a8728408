"""What was derived from shared weights, against values worked out by hand."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from synthetic import START_S, shared_view

from nas_lib.config import EnasRnnSpaceConfig, SharedSpaceConfig
from nas_lib.records import ChildId, ChildRow, Derived, SharedScore, Status
from nas_lib.report import SearchView
from nas_lib.report.derivation import Derivation, best_kept, derivation, ranks
from nas_lib.report.shared_words import judgement, mode_names

ARCHITECTURE = shared_view().rows[0].architecture


def judged(score: float, running: float | None = None) -> SharedScore:
    return SharedScore(ARCHITECTURE, score, running)


def trained(index: int, score: float, status: Status = "ok") -> ChildRow:
    return ChildRow(
        id=str(ChildId(0, 0, index)),
        architecture=ARCHITECTURE,
        status=status,
        reward=score,
        score=score if status == "ok" else None,
        num_parameters=1,
        num_multiply_adds=1,
        seconds=1.0,
    )


def view_of(
    kept: list[SharedScore],
    probes: list[SharedScore],
    rows: list[ChildRow],
    space: SharedSpaceConfig | None = None,
) -> SearchView:
    derived = Derived(
        run="run",
        kept=tuple(kept),
        probes=tuple(probes),
        scores=tuple(each.score for each in kept),
        seconds=1.0,
        created_s=START_S,
    )
    return replace(shared_view(space=space), derived=derived, rows=tuple(rows))


def derived_of(*args, **kwargs) -> Derivation:
    found = derivation(view_of(*args, **kwargs))
    assert found is not None
    return found


def test_before_anything_is_derived_there_is_nothing():
    assert derivation(shared_view(derived=False)) is None


def test_children_are_matched_by_their_index_the_kept_ones_first():
    found = derived_of(
        [judged(0.8), judged(0.7)],
        [judged(0.5)],
        [trained(2, 0.6), trained(0, 0.9)],  # in any order, and one is not trained yet
    )
    assert [row.child for row in found.rows] == [
        *("r000-000000-00", "r000-000000-01", "r000-000000-02")
    ]
    assert [row.is_probe for row in found.rows] == [False, False, True]
    assert [row.trained_score for row in found.rows] == [0.9, None, 0.6]
    assert [row.shared_rank for row in found.rows] == [1, 2, 3]
    assert [row.trained_rank for row in found.rows] == [1, None, 2]


def test_what_a_search_chose_is_its_best_kept_network_whatever_chance_found():
    view = view_of(
        [judged(0.5), judged(0.4)],
        [judged(0.1)],
        [trained(0, 0.7), trained(1, 0.8), trained(2, 0.9)],
    )

    best = best_kept(view)

    assert best is not None
    assert best.id == "r000-000000-01"


def test_the_lowest_perplexity_has_the_first_rank():
    found = derived_of(
        [judged(90.0), judged(120.0)],
        [judged(300.0)],
        [trained(0, 70.0), trained(1, 60.0), trained(2, 99.0)],
        space=EnasRnnSpaceConfig(),
    )
    assert [row.shared_rank for row in found.rows] == [1, 2, 3]
    assert [row.trained_rank for row in found.rows] == [2, 1, 3]
    assert found.kept_sample is not None
    assert found.kept_sample.best == 60.0
    assert found.kept_wins == 1.0  # 70 and 60 are both better than 99


class TestAgreement:
    def test_it_is_of_both_modes_over_all_and_over_the_probes(self):
        found = derived_of(
            [judged(0.8, 0.1), judged(0.7, 0.2)],
            [judged(0.5, 0.3), judged(0.4, 0.4), judged(0.3, 0.5)],
            [trained(index, 0.9 - index / 10) for index in range(5)],
        )
        assert found.all.own.tau == 1  # both fall
        assert found.all.own.num == 5
        assert found.all.running is not None
        assert found.all.running.tau == -1  # running averages rise
        assert found.probes.own.num == 3

    def test_a_child_whose_training_failed_is_not_in_it(self):
        found = derived_of(
            [judged(0.8), judged(0.7), judged(0.6)],
            [],
            [trained(0, 0.9), trained(1, 0.0, status="diverged"), trained(2, 0.5)],
        )
        assert found.all.own.num == 2
        assert found.all.running is None

    def test_perplexities_of_both_kinds_that_rise_together_agree(self):
        found = derived_of(
            [judged(90.0), judged(120.0)],
            [],
            [trained(0, 70.0), trained(1, 80.0)],
            space=EnasRnnSpaceConfig(),
        )
        assert found.all.own.tau == 1


class TestAgainstRandom:
    def test_best_mean_and_error_of_both_kinds(self):
        found = derived_of(
            [judged(0.8), judged(0.7)],
            [judged(0.5), judged(0.4)],
            [trained(0, 0.9), trained(1, 0.7), trained(2, 0.8), trained(3, 0.6)],
        )
        kept, probes = found.kept_sample, found.probe_sample
        assert kept is not None
        assert probes is not None
        assert (kept.num, kept.best, kept.mean) == (2, 0.9, pytest.approx(0.8))
        assert kept.standard_error == pytest.approx(0.1)  # 0.1414 / sqrt(2)
        assert (probes.best, probes.mean) == (0.8, pytest.approx(0.7))
        assert found.kept_wins == pytest.approx(3 / 4)  # 0.9 beats both, 0.7 beats 0.6 only

    def test_a_tie_is_half_a_win(self):
        found = derived_of([judged(0.8)], [judged(0.5)], [trained(0, 0.9), trained(1, 0.9)])
        assert found.kept_wins == 0.5

    def test_without_children_there_is_nothing_to_compare(self):
        found = derived_of([judged(0.8)], [judged(0.5)], [])
        assert found.kept_sample is found.probe_sample is found.kept_wins is None


class TestRanks:
    def test_equal_values_have_equal_ranks_and_none_has_none(self):
        values = [0.5, 0.9, None, 0.5, 0.1]
        assert ranks(values, higher_is_better=True) == [2, 1, None, 2, 4]
        assert ranks(values, higher_is_better=False) == [2, 4, None, 2, 1]

    @given(st.lists(st.integers(0, 5)))
    def test_a_rank_is_one_more_than_how_many_are_better(self, values):
        for value, rank in zip(values, ranks(values, higher_is_better=True), strict=True):
            assert rank == 1 + sum(other > value for other in values)


class TestModes:
    @pytest.mark.parametrize(
        ("mode", "names"),
        [
            ("refit", ("after refitting", "before refitting")),
            ("batch", ("batch statistics", "running averages")),
            ("running", ("with shared weights", "")),
        ],
    )
    def test_scores_are_called_by_what_batch_norm_had(self, mode, names):
        view = shared_view(batch_norm=mode)
        found = derivation(view)
        assert found is not None
        assert mode_names(view, found.all) == names

    def test_without_batch_norm_there_is_one_score(self):
        view = shared_view(space=EnasRnnSpaceConfig())
        found = derivation(view)
        assert found is not None
        assert mode_names(view, found.all) == ("with shared weights", "")


class TestJudgement:
    def agreement(self, order: list[int]) -> str:
        found = derived_of(
            [judged(0.9 - index / 100) for index in range(len(order))],
            [],
            [trained(index, 0.9 - place / 100) for index, place in enumerate(order)],
        )
        return judgement(found.all.own)

    def test_the_same_order_of_many_is_more_than_chance(self):
        words = self.agreement(list(range(25)))
        assert words == "ranked alike, more than chance would have it"

    def test_the_reverse_order_is_said_to_be_that(self):
        assert "the other way round" in self.agreement(list(range(25))[::-1])

    def test_no_order_is_not_distinguishable_from_0(self):
        shuffled = [index * 7 % 25 for index in range(25)]
        assert self.agreement(shuffled) == "not distinguishable from 0"

    def test_few_are_said_to_be_few(self):
        assert self.agreement(list(range(19))).endswith("; fewer than 20, so a hint at most")

    def test_one_network_is_nothing_to_rank(self):
        assert self.agreement([0]) == "nothing to rank"
