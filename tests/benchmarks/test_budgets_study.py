"""What the study of budgets rests on: tables, their problems, and regrets relative to random's."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from benchmarks.studies import budgets
from benchmarks.studies.budgets import Setup, relative
from benchmarks.studies.synthetic import synthetic
from benchmarks.studies.table import Table, regrets
from nas_lib.config import LocalSearchConfig, RandomConfig, ReinforceConfig
from nas_lib.spaces import Choice

TRUTH = np.arange(12.0).reshape(3, 4) / 20
SMALL = Table("small", (Choice("a", 3), Choice("b", 4)), TRUTH, noise=10.0)


def test_regret_falls_to_0_once_everything_was_evaluated() -> None:
    found = regrets(SMALL, RandomConfig(), marks=(1, 4, 12), seed=0, per_round=3)

    assert found[0] >= found[1] >= found[2] == 0
    assert found[0] > 0  # seed 0 does not begin with the best


def test_with_noise_the_winner_by_score_is_told_by_what_it_is_worth() -> None:
    seeds = range(20)
    found = [regrets(SMALL, LocalSearchConfig(), marks=(12,), seed=s, noisy=True) for s in seeds]

    # noise of 10 on differences of 0.05: nearly any of the twelve, on average 5.5 * 0.05 below
    assert np.mean(found) == pytest.approx(0.275, abs=0.12)  # 3 * 0.173 / sqrt(20)


def test_a_policy_that_has_settled_ends_its_search() -> None:
    settled = Table("settled", (Choice("a", 1),), np.array([0.5]))

    assert regrets(settled, ReinforceConfig(), marks=(1, 8), seed=0) == [0, 0]


def test_a_training_is_one_of_those_that_were_recorded() -> None:
    trainings = np.array([[0.1, 0.2, np.nan], [0.3, np.nan, np.nan]])
    table = Table("two", (Choice("a", 2),), np.nanmean(trainings, -1), trainings=trainings)
    drawn = table.trained(np.array([[0], [1]] * 50), np.random.default_rng(0)).reshape(50, 2)

    assert set(drawn[:, 0].tolist()) == {0.1, 0.2}
    assert set(drawn[:, 1].tolist()) == {0.3}


@pytest.mark.parametrize(
    ("name", "optimum", "mean"),
    [
        ("nk-3", 0.8259986895, 0.6957973293),
        ("sizes-0", 0.8401250084, 0.6983256877),
        ("hpo-2", 0.7916585971, 0.6422098706),
        ("cells-3", 0.9293712218, 0.7931032321),
        ("rnn-1", 0.7923939209, 0.6600080308),
        ("mlp-3", 0.8724313738, 0.6636590906),
    ],
)
def test_a_problem_is_the_one_that_was_tuned_on(name: str, optimum: float, mean: float) -> None:
    table = synthetic(name)

    assert table.optimum == pytest.approx(optimum, abs=1e-9)
    assert table.truth.mean() == pytest.approx(mean, abs=1e-9)
    assert 0.1 <= table.truth.min() < table.optimum < 0.95


def test_regret_is_told_relative_to_the_mean_of_random_search_on_the_same_problem() -> None:
    found = {"one": [[0.1], [0.3]], "other": [[0.4], [0.0]], "ignored": [[9.0], [9.0]]}
    random = {"one": [[0.1], [0.3]], "other": [[1.0], [0.6]], "ignored": [[1.0], [1.0]]}

    (spread,) = relative(found, random, ["one", "other"])

    # random's means: 0.2 and 0.8. First seed (0.5 + 0.5) / 2, second (1.5 + 0) / 2
    assert spread.mean == pytest.approx((0.5 + 0.75) / 2)
    assert spread.standard_error == pytest.approx(0.125)  # half of their difference


def test_where_random_search_has_found_the_best_a_single_problem_makes_no_mean() -> None:
    found = {"one": [[0.0]], "other": [[0.1]]}

    (spread,) = relative(found, {"one": [[0.0]], "other": [[0.0]]}, ["one", "other"])

    assert spread.mean == pytest.approx((0 + 5) / 2)


def test_the_study_of_budgets_goes_on_where_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(budgets, "RUNS", tmp_path)
    monkeypatch.setattr(budgets, "synthetic", lambda name: SMALL)
    setup = Setup(marks=(4, 8), per_round=2)
    first = setup.measure("small", "random", 2)
    monkeypatch.setattr(budgets, "regrets", lambda *_, **__: [0.5, 0.5])

    assert setup.measure("small", "random", 3) == [*first, [0.5, 0.5]]
    assert setup.measure("small", "random", 1) == first[:1]
