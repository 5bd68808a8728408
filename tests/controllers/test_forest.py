"""The forest: what it sees of an architecture, what it is fitted on, what it proposes."""

from __future__ import annotations

import sys
from collections.abc import Sequence

import numpy as np
import pytest
from controller_contract import learn

from nas_lib.config import ForestConfig
from nas_lib.controllers import Shard, build_controller
from nas_lib.controllers.encoding import features, normal_scores
from nas_lib.controllers.forest import _picked
from nas_lib.controllers.memory import NO_TOKEN
from nas_lib.errors import ConfigError
from nas_lib.spaces.decisions import Choice


def test_a_token_becomes_ones_and_zeros_a_bit_stays_one() -> None:
    tokens = np.array([[2, 1, 0], [0, NO_TOKEN, NO_TOKEN]])
    expected = [[0, 0, 1, 1, 0], [1, 0, 0, 0, 0]]
    assert features(tokens, np.array([3, 2, 2])).tolist() == expected
    # of a smaller depth than the results
    assert features(tokens, np.array([3])).tolist() == [[0, 0, 1], [1, 0, 0]]


def test_rewards_count_by_their_rank() -> None:
    # quantiles 1/6, 3/6 and 5/6 of a normal distribution, whatever the distances
    expected = [-0.967, 0.967, 0.0]
    assert normal_scores(np.array([-1e6, 0.91, 0.9])) == pytest.approx(expected, abs=1e-3)
    assert normal_scores(np.array([0.3, 0.3])).tolist() == [0.0, 0.0]


def test_candidates_are_picked_by_the_upper_confidence_bound() -> None:
    predicted = np.array([[0.0, 1.0, 0.4], [0.0, 0.2, 0.4]])
    # means 0, .6, .4; deviations 0, .4, 0
    assert _picked(predicted, 3, 0.0).tolist() == [1, 2, 0]
    predicted = np.array([[0.5, 1.0, 0.8], [0.5, -0.6, 0.8]])
    # means .5, .2, .8; deviations 0, .8, 0: bounds .5, 1.0, .8
    assert _picked(predicted, 2, 1.0).tolist() == [1, 2]
    assert _picked(predicted, 9, 0.0).tolist() == [2, 0, 1]


def test_what_one_of_a_round_will_tell_is_not_asked_by_another() -> None:
    # the first two go up and down together, the third by itself
    predicted = np.array([[1.0, 1.0, 0.0], [-1.0, -1.0, 0.0], [0.0, 0.0, 0.9], [0.0, 0.0, -0.9]])
    # deviations .71, .71, .64
    assert _picked(predicted, 3, 1.0).tolist() == [0, 2, 1]


def test_it_finds_what_rewards_depend_on() -> None:
    decisions = tuple(Choice(f"c{index}", 4) for index in range(8))
    controller = build_controller(ForestConfig(initial=32, trees=5), decisions)
    shards: Sequence[Shard] = controller.init(seed=0, num_shards=1)
    means = []
    for round in range(8):
        tokens = controller.propose(shards, decisions=decisions, num=8, seed=round)
        rewards = [sum(each) / 24 for each in tokens]
        means.append(np.mean(rewards))
        shards = learn(controller, shards, tokens, rewards, round=round, decisions=decisions)
    # 32 random ones have a mean of 0.5, and a standard deviation of 0.13
    assert np.mean(means[:4]) == pytest.approx(0.5, abs=0.1)
    assert np.mean(means[6:]) > 0.7  # 0.74; of random ones 0.5


def test_without_scikit_learn_one_sentence_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "sklearn.ensemble", None)
    with pytest.raises(ConfigError, match=r"forest needs scikit-learn, .*'kfp-nas\[forest\]'"):
        build_controller(ForestConfig(), (Choice("a", 3),))
