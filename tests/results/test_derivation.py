"""What was derived from shared weights, against values worked out by hand."""

from __future__ import annotations

from dataclasses import replace

import pytest
from synthetic import START_S, EnasSpaceConfig, shared_view

from nas_lib.config import EnasRnnSpaceConfig
from nas_lib.records import ChildId, ChildRow, Derived, SharedScore, Status
from nas_lib.results import Derivation, SearchView, best_kept, derivation

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
    space: EnasSpaceConfig | None = None,
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


def derived_of(
    kept: list[SharedScore],
    probes: list[SharedScore],
    rows: list[ChildRow],
    space: EnasSpaceConfig | None = None,
) -> Derivation:
    found = derivation(view_of(kept, probes, rows, space))
    assert found is not None
    return found


def test_before_anything_is_derived_there_is_nothing() -> None:
    assert derivation(shared_view(derived=False)) is None


def test_children_are_matched_by_their_index_the_kept_ones_first() -> None:
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


def test_what_a_search_chose_is_its_best_kept_network_whatever_chance_found() -> None:
    view = view_of(
        [judged(0.5), judged(0.4)],
        [judged(0.1)],
        [trained(0, 0.7), trained(1, 0.8), trained(2, 0.9)],
    )

    best = best_kept(view)

    assert best is not None
    assert best.id == "r000-000000-01"


def test_the_lowest_perplexity_has_the_first_rank() -> None:
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
    def test_it_is_of_both_modes_over_all_and_over_the_probes(self) -> None:
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

    def test_a_child_whose_training_failed_is_not_in_it(self) -> None:
        found = derived_of(
            [judged(0.8), judged(0.7), judged(0.6)],
            [],
            [trained(0, 0.9), trained(1, 0.0, status="diverged"), trained(2, 0.5)],
        )
        assert found.all.own.num == 2
        assert found.all.running is None

    def test_perplexities_of_both_kinds_that_rise_together_agree(self) -> None:
        found = derived_of(
            [judged(90.0), judged(120.0)],
            [],
            [trained(0, 70.0), trained(1, 80.0)],
            space=EnasRnnSpaceConfig(),
        )
        assert found.all.own.tau == 1


class TestAgainstRandom:
    def test_best_mean_and_error_of_both_kinds(self) -> None:
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

    def test_a_tie_is_half_a_win(self) -> None:
        found = derived_of([judged(0.8)], [judged(0.5)], [trained(0, 0.9), trained(1, 0.9)])
        assert found.kept_wins == 0.5

    def test_without_children_there_is_nothing_to_compare(self) -> None:
        found = derived_of([judged(0.8)], [judged(0.5)], [])
        assert found.kept_sample is found.probe_sample is found.kept_wins is None
