"""The Gaussian process: its mathematics by hand, its runs, what it proposes."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pytest
from controller_contract import best_on_a_hill, learn

from nas_lib.config import GaussianProcessConfig
from nas_lib.controllers import Shard, build_controller
from nas_lib.controllers.encoding import one_hot
from nas_lib.controllers.gaussian_process import run_start
from nas_lib.controllers.memory import NO_TOKEN
from nas_lib.controllers.overlap_process import Hyperparameters, OverlapProcess, most_likely
from nas_lib.spaces.decisions import Choice

LIMITS = np.array([3, 3])
HALF = math.log(2)  # the rate at which each token that differs halves the covariance


def ones(*tokens: Sequence[int]) -> np.ndarray:
    return one_hot(np.array(tokens, np.int32), LIMITS)


def test_the_product_of_two_rows_counts_what_they_share() -> None:
    rows = ones((0, 1), (0, 2), (2, NO_TOKEN))
    assert (rows @ rows.T).tolist() == [[2, 1, 0], [1, 2, 0], [0, 0, 1]]


def test_a_result_says_the_less_of_others_the_more_tokens_differ() -> None:
    process = OverlapProcess.of(ones((0, 0)), np.array([1.0]), Hyperparameters(HALF, 0.25))
    # one result: covariance with 0, 1, 2 tokens changed is 1, 1/2, 1/4; its own variance is 1.25
    candidates = ones((0, 0), (0, 1), (1, 1))
    assert process.mean(candidates).tolist() == pytest.approx([1 / 1.25, 0.5 / 1.25, 0.25 / 1.25])
    covariance = process.covariance(candidates)
    # k(x, y) - k(x, 0) k(0, y) / 1.25
    assert covariance.diagonal().tolist() == pytest.approx(
        [1 - 1 / 1.25, 1 - 0.25 / 1.25, 1 - 0.0625 / 1.25]
    )
    assert covariance[1, 2].item() == pytest.approx(0.5 - 0.5 * 0.25 / 1.25)
    # the likeliest common variance: 1^2 / 1.25, of one result
    assert process.variance == pytest.approx(0.8)


def test_a_token_that_only_one_has_is_half_a_difference() -> None:
    process = OverlapProcess.of(ones((0, NO_TOKEN)), np.array([1.0]), Hyperparameters(HALF, 1.0))
    # alike in one of one and two tokens: (1 + 2) / 2 - 1 = 1/2
    assert process.mean(ones((0, 1))).item() == pytest.approx(2**-0.5 / 2)


def test_without_noise_what_is_known_is_expected_and_nothing_unsure() -> None:
    known = ones((0, 0), (1, 2), (2, 1))
    process = OverlapProcess.of(known, np.array([1.0, -0.5, -0.5]), Hyperparameters(1.0, 1e-6))
    assert process.mean(known).tolist() == pytest.approx([1.0, -0.5, -0.5], abs=1e-3)
    assert process.covariance(known).diagonal().tolist() == pytest.approx([0, 0, 0], abs=1e-3)


def test_candidates_are_picked_by_mean_and_doubt_and_none_for_what_another_will_tell() -> None:
    process = OverlapProcess.of(ones((0, 0)), np.array([1.0]), Hyperparameters(HALF, 0.25))
    candidates = ones((1, 1), (0, 1), (0, 2), (2, 2))
    # means .2, .4, .4, .2; deviations sqrt(.8 * (.95, .8, .8, .95)) = .872, .8, .8, .872
    assert process.picked(candidates, 4, exploration=0.0) == [1, 2, 0, 3]
    # With 3 deviations 2.815, 2.8, 2.8, 2.815: the first. It shares a posterior covariance of
    # .4, .15, .2 with the others, whose variances fall by its square / 1.2, to .667, .781, .917:
    # 2.591, 2.772, 2.769
    assert process.picked(candidates, 4, exploration=3.0)[:2] == [0, 2]
    assert process.picked(candidates, 9, exploration=1.0)[:2] == [1, 2]


def test_hyperparameters_are_those_under_which_results_are_likeliest() -> None:
    rng = np.random.default_rng(0)
    limits = np.full(8, 3)
    tokens = rng.integers(3, size=(150, 8)).astype(np.int32)
    features = one_hot(tokens, limits)
    effects = rng.normal(size=(8, 3))
    smooth = effects[np.arange(8), tokens].sum(1)
    found = most_likely(features, (smooth - smooth.mean()) / smooth.std(), num_tokens=8)
    assert found.noise <= 0.03
    assert found.rate <= 2 / 8
    noise = rng.normal(size=150)
    assert most_likely(features, noise - noise.mean(), num_tokens=8).noise == 0.6


def test_the_likelihood_is_that_of_the_normal_distribution() -> None:
    """Against the density of two results, over the whole grid."""
    from nas_lib.controllers.overlap_process import _NOISES, _RATES

    features, scores = ones((0, 0), (0, 1)), np.array([0.7, -0.7])

    def log_likelihood(rate: float, noise: float) -> float:
        own, shared = 1 + noise, math.exp(-rate / 2)  # of two tokens one differs
        determinant = own**2 - shared**2
        squares = 2 * 0.49 * (own + shared) / determinant
        variance = squares / 2
        return -math.log(variance) - 0.5 * math.log(determinant)

    grid = [(rate, noise) for rate in _RATES for noise in _NOISES]
    best = max(grid, key=lambda each: log_likelihood(*each))
    found = most_likely(features, scores, num_tokens=2)
    assert found == pytest.approx((best[0] / 2, best[1]))


def test_a_run_ends_when_its_best_has_not_become_better_for_long() -> None:
    def start(*rewards: float) -> int:
        return run_start(np.array(rewards), patience=3, initial=2)

    assert start() == 0
    assert start(0.5, 0.1, 0.1) == 0
    assert start(0.5, 0.1, 0.1, 0.1) == 4  # three in a row without a better one
    assert start(0.5, 0.1, 0.1, 0.6, 0.1, 0.1) == 0
    # the next run is judged by its own best, which is worse
    assert start(0.5, 0.1, 0.1, 0.1, 0.2, 0.3, 0.3, 0.3) == 4
    assert start(0.5, 0.1, 0.1, 0.1, 0.2, 0.3, 0.3, 0.3, 0.3) == 9


def test_rounds_that_replicas_have_at_a_time_propose_different_ones() -> None:
    decisions = tuple(Choice(f"c{index}", 5) for index in range(8))
    rng = np.random.default_rng(0)
    tokens = [tuple(row) for row in rng.integers(5, size=(40, 8)).tolist()]

    def proposed(replicas: int) -> list[tuple[int, ...]]:
        """Return what four replicas have at work, each of which proposed after its own push."""
        controller = build_controller(GaussianProcessConfig(), decisions, replicas=replicas)
        shards = controller.init(seed=0, num_shards=1)
        at_work: list[tuple[int, ...]] = []
        for round in range(5):
            batch = tokens[8 * round : 8 * round + 8]
            rewards = [sum(each) / 32 for each in batch]
            shards = learn(controller, shards, batch, rewards, round=round, decisions=decisions)
            if round:
                at_work += controller.propose(shards, decisions=decisions, num=8, seed=round)
        return at_work

    assert len(set(proposed(4))) == 32
    assert len(set(proposed(1))) < 32  # where nobody knows of the others some meet


def test_it_finds_the_top_of_a_hill_in_a_hundred_children() -> None:
    assert best_on_a_hill(GaussianProcessConfig(), num_rounds=13) == 32  # 104 children


def test_it_proposes_the_same_whatever_it_was_asked_before() -> None:
    """What was chosen for other results is not gone by: a new process proposes the same."""
    decisions = tuple(Choice(f"c{index}", 4) for index in range(6))
    used = build_controller(GaussianProcessConfig(), decisions)
    shards: Sequence[Shard] = used.init(seed=0, num_shards=1)
    for round in range(6):
        tokens = used.propose(shards, decisions=decisions, num=8, seed=round)
        fresh = build_controller(GaussianProcessConfig(), decisions)
        assert fresh.propose(shards, decisions=decisions, num=8, seed=round) == tokens
        rewards = [each[0] * each[1] + 0.1 * each[2] for each in tokens]
        shards = learn(used, shards, tokens, rewards, round=round, decisions=decisions)


def test_what_was_chosen_at_one_depth_is_not_gone_by_at_another() -> None:
    decisions = tuple(Choice(f"c{index}", 4) for index in range(12))
    used, fresh = (build_controller(GaussianProcessConfig(), decisions) for _ in range(2))
    rng = np.random.default_rng(0)
    tokens = [tuple(row) for row in rng.integers(4, size=(60, 12)).tolist()]
    rewards = [each[0] + each[11] + float(rng.normal()) for each in tokens]
    shards = used.init(seed=0, num_shards=1)
    shards = learn(used, shards, tokens, rewards, decisions=decisions)

    used.propose(shards, decisions=decisions[:3], num=8, seed=1)
    expected = fresh.propose(shards, decisions=decisions, num=8, seed=2)
    assert used.propose(shards, decisions=decisions, num=8, seed=2) == expected
