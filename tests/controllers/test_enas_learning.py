"""REINFORCE with the policy of ENAS."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch
from controller_contract import learn
from decision_lists import SPACES, macro_decisions, micro_decisions, rnn_decisions
from enas_reference import reference
from nas_reference import Numbers
from torch.nn.utils import vector_to_parameters

from nas_lib.config import EnasPolicyConfig, ReinforceConfig
from nas_lib.controllers import Shard, build_controller
from nas_lib.controllers.enas_policy import EnasPolicy
from nas_lib.controllers.reinforce import ReinforceState
from nas_lib.controllers.state import join
from nas_lib.spaces.decisions import Choice, Decision


def enas(policy: EnasPolicyConfig, **learner: Any) -> ReinforceConfig:
    """The settings of a controller as ENAS has it: entropy is in the reward."""
    usual = {"learning_rate": 3.5e-4, "baseline_decay": 0.99, "entropy_weight": 1e-4}
    return ReinforceConfig(policy=policy, entropy_in="reward", **{**usual, **learner})


def as_policy(flat: Numbers, decisions: Sequence[Decision], config: EnasPolicyConfig) -> EnasPolicy:
    """Any vector over the parameters, by their names."""
    policy = EnasPolicy(decisions, config)
    vector_to_parameters(torch.tensor(flat), policy.parameters())
    return policy


def with_baseline(shards: Sequence[Shard], baseline: float) -> list[Shard]:
    return [replace(shards[0], state={**shards[0].state, "baseline": baseline}), *shards[1:]]


@pytest.mark.parametrize("num_layers", [1, 2])
@pytest.mark.parametrize(
    "decisions",
    [macro_decisions(4, 2), micro_decisions(2, 2, num_cells=1), rnn_decisions(3, 2)],
    ids=["macro", "micro", "rnn"],
)
def test_gradient_of_a_whole_round_equals_finite_differences_of_the_written_out_loss(
    decisions: Sequence[Decision], num_layers: int
) -> None:
    config = EnasPolicyConfig(
        hidden_size=3,
        num_layers=num_layers,
        init_range=1,
        distance_weight=0.1,
        temperature=2.0,
    )
    controller = build_controller(enas(config, entropy_weight=0.3), decisions)
    shards = with_baseline(controller.init(seed=0, num_shards=2), 0.3)
    tokens = controller.propose(shards, decisions=decisions, num=3, seed=0)
    rewards = [0.9, None, 0.2]
    lesson = controller.lesson(shards, decisions=decisions, tokens=tokens, rewards=rewards)

    def scores(flat: Numbers) -> list[tuple[float, float, float]]:
        policy = as_policy(flat, decisions, config)
        return [reference(policy, config, decisions, tokens[index]) for index in (0, 2)]

    flat = join(shards).astype(np.float64)
    earned = [0.9 + 0.3 * scores(flat)[0][1], 0.2 + 0.3 * scores(flat)[1][1]]

    def loss(flat: Numbers) -> float:
        terms = [
            -(reward - 0.3) * log_prob + penalty
            for reward, (log_prob, _, penalty) in zip(earned, scores(flat), strict=True)
        ]
        return sum(terms) / 2

    numeric = [
        (loss(flat + 1e-5 * unit) - loss(flat - 1e-5 * unit)) / 2e-5 for unit in np.eye(len(flat))
    ]
    np.testing.assert_allclose(lesson.values, numeric, atol=5e-6)
    assert np.count_nonzero(lesson.values) > 0.8 * len(flat)
    assert lesson.rewards == pytest.approx(earned, abs=1e-5)


def test_entropy_is_part_of_the_reward_that_the_baseline_averages() -> None:
    config = enas(EnasPolicyConfig(hidden_size=2), entropy_weight=0.5, baseline_decay=0.9)
    decisions = (Choice("a", 4),)
    controller = build_controller(config, decisions)
    shards = [
        replace(shard, values=np.zeros_like(shard.values))
        for shard in controller.init(seed=0, num_shards=2)
    ]
    lesson = controller.lesson(
        shards, decisions=decisions, tokens=[(0,), (3,), (1,)], rewards=[0.2, None, 0.6]
    )
    # A uniform choice of 4 has entropy ln 4, of which each architecture earns a half.
    bonus = math.log(4) / 2
    assert lesson.rewards == pytest.approx([0.2 + bonus, 0.6 + bonus])
    assert lesson.metrics == {
        "mean_reward": pytest.approx(0.4),  # without the bonus
        "entropy": pytest.approx(math.log(4)),
    }
    first = [controller.apply(shard, lesson, replica=0, round=0) for shard in shards]
    assert ReinforceState.of(first[0]).baseline == pytest.approx(0.4 + bonus)
    again = controller.apply(first[0], lesson, replica=0, round=1)
    # 0.9 * 0.4 + 0.1 * 0.2 = 0.38, then 0.9 * 0.38 + 0.1 * 0.6 = 0.402
    assert ReinforceState.of(again).baseline == pytest.approx(0.402 + bonus)


def test_the_settings_of_adam_reach_it() -> None:
    config = enas(
        EnasPolicyConfig(hidden_size=2), learning_rate=0.5, adam_beta_1=0.0, adam_epsilon=1.0
    )
    controller = build_controller(config, (Choice("a", 2),))
    (shard,) = controller.init(seed=0, num_shards=1)
    lesson = controller.lesson(
        with_baseline([shard], 0.0), decisions=(Choice("a", 2),), tokens=[(1,)], rewards=[1.0]
    )
    after = controller.apply(shard, lesson, replica=0, round=0)
    # Without a mean of the past, the first step is 0.5 * g / (|g| + 1).
    step = 0.5 * lesson.values / (np.abs(lesson.values) + 1)
    np.testing.assert_allclose(after.values, shard.values - step, atol=1e-7)


def search(
    config: ReinforceConfig,
    decisions: Sequence[Decision],
    reward: Callable[[tuple[int, ...]], float],
    *,
    rounds: int,
) -> npt.NDArray[np.int64]:
    """Return all proposals, `[rounds, 20, W]`."""
    controller = build_controller(config, decisions)
    shards: Sequence[Shard] = controller.init(seed=0, num_shards=2)
    proposals = []
    for round in range(rounds):
        tokens = controller.propose(shards, decisions=decisions, num=20, seed=1000 + round)
        proposals.append(tokens)
        rewards = [reward(sequence) for sequence in tokens]
        shards = learn(controller, shards, tokens, rewards, round=round, decisions=decisions)
    return np.array(proposals)


@pytest.mark.parametrize("name", ["macro", "micro", "rnn"])
def test_the_policy_learns_to_propose_what_is_rewarded(name: str) -> None:
    decisions = SPACES[name]
    best = np.array([d.num_values - 1 for d in decisions for _ in range(d.num_tokens)])
    policy = EnasPolicyConfig(hidden_size=32, init_range=0.3, temperature=None, skip_weight=0.0)
    config = enas(policy, learning_rate=0.01)
    proposals = search(config, decisions, lambda tokens: float(np.mean(tokens == best)), rounds=80)
    matches = (proposals == best).mean((1, 2))
    assert matches[0] < 0.5
    assert matches[-10:].mean() > 0.9


def test_skip_connections_are_drawn_towards_the_prior_where_the_reward_does_not_care() -> None:
    config = enas(EnasPolicyConfig(hidden_size=16, skip_prior=0.15), learning_rate=0.01)
    decisions = macro_decisions(6, 2)
    bits = [d.kind == "skip" for d in decisions for _ in range(d.num_tokens)]
    share = search(config, decisions, lambda _: 0.5, rounds=150)[..., bits].mean((1, 2))
    assert share[:5].mean() == pytest.approx(0.5, abs=0.1)
    assert share[-50:].mean() == pytest.approx(0.15, abs=0.03)
