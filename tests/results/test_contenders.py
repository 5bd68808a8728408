"""Which network wins a final training, by values computed by hand."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from synthetic import final_view

from nas_lib.architecture import Architecture
from nas_lib.config import FinalsConfig
from nas_lib.records import ChildId, ChildRow
from nas_lib.results import ACCURACY, PERPLEXITY
from nas_lib.results.final import (
    best_contender,
    best_of_each,
    contenders,
    outcome,
    ranked,
    trials,
)

TWO_BY_TWO = FinalsConfig(
    networks=("a", "b"), origins=("r000-000000-01",), seeds=3, grid={"dropout": [0.0, 0.5]}
)


def rows(scores: Sequence[float | None], *, per_round: int = 24) -> list[ChildRow]:
    """Return children with these scores, those without one diverged."""
    return [
        ChildRow(
            str(ChildId(0, *divmod(number, per_round))),
            Architecture("cnn", (), "a"),
            "diverged" if score is None else "ok",
            score or 0.0,
            score,
            *(None, None, 1.0),
        )
        for number, score in enumerate(scores)
    ]


def test_trainings_are_networks_by_points_by_seeds() -> None:
    found = [(trial.network, dict(trial.point), trial.seed) for trial in trials(TWO_BY_TWO)]

    assert len(found) == 12  # 2 networks x 2 points x 3 seeds
    assert found[0] == ("a", {"dropout": 0.0}, 0)
    assert found[2] == ("a", {"dropout": 0.0}, 2)
    assert found[3] == ("a", {"dropout": 0.5}, 0)
    assert found[6] == ("b", {"dropout": 0.0}, 0)
    assert [trial.origin for trial in trials(TWO_BY_TWO)][5:7] == ["r000-000000-01", ""]


@pytest.mark.parametrize("per_round", [24, 5])
def test_the_best_mean_over_seeds_wins_and_not_the_best_seed(per_round: int) -> None:
    scores = [
        *(0.70, 0.72, 0.74),  # mean 2.16 / 3 = 0.72
        *(0.90, 0.60, 0.60),  # mean 2.10 / 3 = 0.70
        *(0.73, 0.73, 0.73),  # mean 0.73
        *(0.10, 0.20, 0.30),  # mean 0.20
    ]
    settings = TWO_BY_TWO.model_copy(update={"children_per_round": per_round})

    found = contenders(settings, rows(scores, per_round=per_round))
    best = best_contender(found, ACCURACY)

    assert [each.valid.mean for each in found] == pytest.approx([0.72, 0.70, 0.73, 0.20])
    assert best is not None
    assert (best.network, dict(best.point)) == ("b", {"dropout": 0.0})


def test_of_perplexities_the_lowest_mean_wins() -> None:
    scores = [*(100.0, 110.0, 120.0), *(90.0, 90.0, 180.0), *(112.0,) * 3, *(200.0,) * 3]

    best = best_contender(contenders(TWO_BY_TWO, rows(scores)), PERPLEXITY)

    assert best is not None
    assert best.valid.mean == 110.0  # 330 / 3; the others have 360 / 3 = 120, 112 and 200
    assert best.network == "a"


def test_who_has_a_seed_without_a_score_loses_to_whoever_has_none() -> None:
    scores = [
        *(0.95, None, 0.95),  # 0.95 of two seeds
        *(None, None, 0.99),
        *(0.50, 0.50, 0.53),  # 0.51 of three
        *(0.50, 0.50, 0.50),
    ]

    best = best_contender(contenders(TWO_BY_TWO, rows(scores)), ACCURACY)

    assert best is not None
    assert best.valid.mean == pytest.approx(0.51)
    assert best.valid.scores == (0.50, 0.50, 0.53)


def test_where_seeds_of_all_failed_the_fewest_failures_win_and_then_the_mean() -> None:
    scores = [*(None, None, 0.99), *(0.6, None, 0.8), *(0.7, 0.72, None), *(None, None, None)]

    best = best_contender(contenders(TWO_BY_TWO, rows(scores)), ACCURACY)

    assert best is not None
    assert best.valid.mean == pytest.approx(0.71)  # 1.42 / 2, against 1.4 / 2 = 0.70


def test_of_equal_ones_the_first_wins_and_of_none_nobody() -> None:
    equal = best_contender(contenders(TWO_BY_TWO, rows([0.5] * 12)), ACCURACY)

    assert equal is not None
    assert (equal.network, dict(equal.point)) == ("a", {"dropout": 0.0})
    assert best_contender(contenders(TWO_BY_TWO, rows([None] * 12)), ACCURACY) is None
    assert best_contender(contenders(TWO_BY_TWO, []), ACCURACY) is None


def test_each_network_is_compared_at_its_best_point() -> None:
    scores = [*(0.1,) * 3, *(0.4,) * 3, *(0.3,) * 3, *(0.2,) * 3]

    found = best_of_each(ranked(contenders(TWO_BY_TWO, rows(scores)), ACCURACY))

    assert [(each.network, each.valid.mean) for each in found] == [
        ("a", pytest.approx(0.4)),
        ("b", pytest.approx(0.3)),
    ]


def test_children_that_are_missing_and_the_winners_last_training_count_for_none() -> None:
    some = [row for row in rows([0.5] * 12) if not row.id.endswith("-01")]
    again = rows([0.9] * 25)[-1]  # the first child of the second round

    found = contenders(TWO_BY_TWO, [again, *reversed(some)])

    assert [len(each.rows) for each in found] == [2, 3, 3, 3]
    assert {score for each in found for score in each.valid.scores} == {0.5}


@pytest.mark.parametrize(
    ("values", "scores", "edges"),
    [
        ([0.1, 0.2, 0.4], [0.7, 0.9, 0.8], {}),  # the one in the middle is best
        ([0.1, 0.2, 0.4], [0.7, 0.8, 0.9], {"learning_rate": [0.4]}),
        ([0.4, 0.1, 0.2], [0.7, 0.9, 0.8], {"learning_rate": [0.1]}),  # in any order
        ([0.4, 0.4], [0.8, 0.9], {}),  # nothing else was tried
    ],
)
def test_a_best_point_at_an_end_of_the_grid_is_told(
    values: list[float], scores: list[float], edges: dict[str, list[float]]
) -> None:
    final = outcome(final_view(*([score] for score in scores), grid={"learning_rate": values}))

    found = {name: [each.point[name] for each in best] for name, best in final.at_edges.items()}
    assert found == edges


def test_nothing_is_below_zero_and_as_long_as_not_all_is_trained_nobody_knows() -> None:
    best_at_0 = final_view([0.9], [0.8], grid={"weight_decay": [0.0, 1e-3]})
    open_yet = final_view([0.7], [0.8], [0.9], grid={"dropout": [0.1, 0.2, 0.3]}, done=False)

    assert outcome(best_at_0).at_edges == outcome(open_yet).at_edges == {}
