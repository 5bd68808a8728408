"""Controllers that are a policy and a learner, through the contract and on their own."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product

import numpy as np
import pytest
from controller_contract import Decisions, Learn, PolicyContract, Propose, learn, state
from decision_lists import SPACES, cnn_decisions

from nas_lib.config import EnasPolicyConfig, NasPolicyConfig, PpoConfig, ReinforceConfig
from nas_lib.controllers import Shard, build_controller
from nas_lib.controllers.memory import Memory
from nas_lib.controllers.state import join


class TestNas(PolicyContract):
    config = ReinforceConfig(policy=NasPolicyConfig(hidden_size=7))


class TestNasWithItsGradientsGathered(PolicyContract):
    config = ReinforceConfig(policy=NasPolicyConfig(hidden_size=3), gradients_per_update=2)

    @pytest.fixture(params=["cnn"])
    def decisions(self, request: pytest.FixtureRequest) -> Decisions:
        return SPACES[request.param]


class TestEnas(PolicyContract):
    config = ReinforceConfig(
        policy=EnasPolicyConfig(hidden_size=7),
        baseline_decay=0.99,
        entropy_weight=1e-4,
        entropy_in="reward",
    )


class TestEnasOfTwoLayers(PolicyContract):
    config = ReinforceConfig(
        policy=EnasPolicyConfig(hidden_size=5, num_layers=2, distance_weight=0.1),
        entropy_weight=1e-4,
        entropy_in="reward",
    )

    @pytest.fixture(params=["micro"])
    def decisions(self, request: pytest.FixtureRequest) -> Decisions:
        return SPACES[request.param]


class TestPpo(PolicyContract):
    config = PpoConfig(policy=NasPolicyConfig(hidden_size=7), entropy_weight=0.1, epochs=3)

    @pytest.fixture(params=["cnn", "micro", "nasnet"])
    def decisions(self, request: pytest.FixtureRequest) -> Decisions:
        return SPACES[request.param]


class TestPpoWithThePolicyOfEnas(PolicyContract):
    config = PpoConfig(
        policy=EnasPolicyConfig(hidden_size=5),
        baseline="leave_one_out",
        entropy_weight=1e-4,
        entropy_in="reward",
        epochs=2,
    )

    @pytest.fixture(params=["macro", "rnn"])
    def decisions(self, request: pytest.FixtureRequest) -> Decisions:
        return SPACES[request.param]


class RememberingContract(PolicyContract):
    def test_a_round_in_which_no_child_counts_is_noted_and_teaches_nothing(
        self, shards: Sequence[Shard], propose: Propose, learn: Learn
    ) -> None:
        """But that these are not to be tried again."""
        tokens = propose(shards)
        learned = learn(shards, tokens, [None] * 8)
        assert join(learned).tobytes() == join(shards).tobytes()
        assert state(learned[1:]) == state([shard.with_applied(0, 0) for shard in shards[1:]])
        assert not len(Memory.of(learned).judged().rewards)
        assert not set(propose(learned)) & set(tokens)


class TestRewardsByRankAndRepeatsMutated(RememberingContract):
    config = ReinforceConfig(
        policy=NasPolicyConfig(hidden_size=3), rewards="rank", repeats="mutate", entropy_weight=0.1
    )


class TestPpoOfRewardsByRank(RememberingContract):
    config = PpoConfig(
        policy=EnasPolicyConfig(hidden_size=5),
        rewards="rank",
        repeats="mutate",
        entropy_weight=0.1,
        entropy_in="reward",
        epochs=2,
    )

    @pytest.fixture(params=["micro"])
    def decisions(self, request: pytest.FixtureRequest) -> Decisions:
        return SPACES[request.param]


def test_any_policy_goes_with_any_use_of_entropy() -> None:
    decisions = SPACES["macro"]
    ends = set()
    for policy, entropy_in in product(
        (NasPolicyConfig(hidden_size=3), EnasPolicyConfig(hidden_size=3)), ("objective", "reward")
    ):
        config = ReinforceConfig.model_validate(
            {"policy": policy, "entropy_in": entropy_in, "entropy_weight": 0.1}
        )
        controller = build_controller(config, decisions)
        shards = controller.init(seed=0, num_shards=2)
        tokens = controller.propose(shards, decisions=decisions, num=4, seed=0)
        learned = learn(controller, shards, tokens, [0.1, 0.9] * 2, decisions=decisions)
        assert np.isfinite(join(learned)).all()
        ends.add(join(learned).tobytes())
    assert len(ends) == 4


def test_a_search_learns_what_it_always_learned() -> None:
    """Recorded before policies and learners were told apart: tokens, and some parameters."""
    decisions = cnn_decisions(3)
    config = ReinforceConfig(entropy_weight=0.03, learning_rate=0.01)
    controller = build_controller(config, decisions)
    shards: Sequence[Shard] = controller.init(seed=1, num_shards=2)
    for round in range(20):
        tokens = controller.propose(shards, decisions=decisions, num=8, seed=500 + round)
        rewards = [sum(sequence) / 20 for sequence in tokens]
        shards = learn(controller, shards, tokens, rewards, round=round)
    assert tokens[0] == (3, 3, 2, 1, 3, 3, 0, 3, 3, 2, 1, 0)
    expected = [-0.1003059, 0.1411580, -0.0736143, -0.1533012, 0.0900455, -0.0571930]
    np.testing.assert_allclose(join(shards)[::4680], expected, atol=1e-4)
    assert shards[0].state["baseline"] == pytest.approx(1.2731156482, abs=1e-6)


def test_parameters_start_uniform_in_the_configured_range() -> None:
    controller = build_controller(ReinforceConfig(), cnn_decisions(12))
    parameters = join(controller.init(seed=0, num_shards=20))
    assert parameters.dtype == np.float32
    assert -0.08 <= parameters.min() < -0.079
    assert 0.079 < parameters.max() <= 0.08
    assert abs(parameters.mean()) < 0.001  # 0.08 / sqrt(3 * 23,952) = 0.0003 is one deviation


def test_number_of_parameters_of_the_papers_controller() -> None:
    controller = build_controller(ReinforceConfig(), cnn_decisions(12))
    lstm = 2 * (4 * 35 * (35 + 35) + 2 * 4 * 35)  # two layers: 20,160
    choices = 3 * (4 * 35 + 4 * 35 + 4)  # embedding, weight, bias: 852
    skips = 35 + 11 * 35 + 2 * 35 * 35 + 35  # decided, embedding, W_prev and W_curr, v: 2,905
    assert controller.num_parameters == 35 + lstm + choices + skips == 23_952
