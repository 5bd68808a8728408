from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

import numpy as np
import pytest
import torch
from controller_contract import DECISIONS, learn, state
from decision_lists import cnn_decisions
from nas_reference import Numbers, named, reference
from torch.nn.utils import vector_to_parameters

from nas_lib.config import NasPolicyConfig, RandomConfig, ReinforceConfig
from nas_lib.controllers import Lesson, Shard, build_controller
from nas_lib.controllers.nas_policy import NasPolicy
from nas_lib.controllers.reinforce import ReinforceState
from nas_lib.controllers.state import Vector, join
from nas_lib.spaces.decisions import Choice, Decision

SMALL = NasPolicyConfig(hidden_size=3)
WIDE = NasPolicyConfig(hidden_size=4, init_range=1)  # large enough for every term to matter


def with_baseline(shards: Sequence[Shard], baseline: float) -> list[Shard]:
    return [replace(shards[0], state={**shards[0].state, "baseline": baseline}), *shards[1:]]


def lesson_of(values: Vector, *rewards: float) -> Lesson:
    """A lesson whose gradient is known."""
    return Lesson(values, rewards, metrics={"entropy": 1.0})


def as_policy(
    flat: Vector | Numbers, decisions: Sequence[Decision], config: NasPolicyConfig
) -> NasPolicy:
    """Any vector over the parameters, by their names."""
    policy = NasPolicy(decisions, config)
    vector_to_parameters(torch.tensor(flat), policy.parameters())
    return policy


def test_gradient_of_one_decision_is_probability_minus_choice_times_advantage() -> None:
    decisions = (Choice("a", 3),)
    controller = build_controller(ReinforceConfig(policy=WIDE), decisions)
    shards = with_baseline(controller.init(seed=0, num_shards=1), 0.5)
    lesson = controller.lesson(shards, decisions=decisions, tokens=[(2,), (0,)], rewards=[0.9, 0.2])
    policy = as_policy(join(shards), decisions, WIDE)
    p = [np.exp(reference(policy, decisions, (token,))[0]) for token in range(3)]
    # d log P(a) / d bias = onehot(a) - p; advantages 0.9 - 0.5 = 0.4 and 0.2 - 0.5 = -0.3.
    expected = -(0.4 * (np.array([0, 0, 1]) - p) - 0.3 * (np.array([1, 0, 0]) - p)) / 2
    bias = named(as_policy(lesson.values, decisions, WIDE))["a.head.bias"]
    np.testing.assert_allclose(bias.detach().numpy(), expected, atol=1e-6)


def test_gradient_of_the_entropy_bonus_of_one_decision() -> None:
    decisions = (Choice("a", 3),)
    controller = build_controller(ReinforceConfig(policy=WIDE, entropy_weight=0.7), decisions)
    shards = controller.init(seed=0, num_shards=1)
    # The only reward is its own baseline: no advantage, just the bonus.
    lesson = controller.lesson(shards, decisions=decisions, tokens=[(2,)], rewards=[0.9])
    policy = as_policy(join(shards), decisions, WIDE)
    log_p = np.array([reference(policy, decisions, (token,))[0] for token in range(3)])
    p = np.exp(log_p)
    entropy = -(p * log_p).sum()
    assert lesson.metrics["entropy"] == pytest.approx(entropy, abs=1e-6)
    # d entropy / d bias_k = -p_k (log p_k + entropy)
    bias = named(as_policy(lesson.values, decisions, WIDE))["a.head.bias"]
    np.testing.assert_allclose(bias.detach().numpy(), 0.7 * p * (log_p + entropy), atol=1e-6)


def test_gradient_of_a_whole_round_equals_finite_differences_of_the_written_out_loss() -> None:
    decisions = cnn_decisions(3, num_options=2)
    config = NasPolicyConfig(hidden_size=2, init_range=1)
    controller = build_controller(ReinforceConfig(policy=config, entropy_weight=0.1), decisions)
    shards = with_baseline(controller.init(seed=0, num_shards=2), 0.3)
    tokens = controller.propose(shards, decisions=decisions, num=3, seed=0)
    rewards = [0.9, None, 0.2]
    lesson = controller.lesson(shards, decisions=decisions, tokens=tokens, rewards=rewards)

    def loss(flat: Numbers) -> float:
        policy = as_policy(flat, decisions, config)
        scores = [reference(policy, decisions, tokens[index]) for index in (0, 2)]
        terms = [(0.9 - 0.3) * scores[0][0] + 0.1 * scores[0][1]]
        terms += [(0.2 - 0.3) * scores[1][0] + 0.1 * scores[1][1]]
        return -sum(terms) / 2

    flat = join(shards).astype(np.float64)
    numeric = [
        (loss(flat + 1e-5 * unit) - loss(flat - 1e-5 * unit)) / 2e-5 for unit in np.eye(len(flat))
    ]
    np.testing.assert_allclose(lesson.values, numeric, atol=2e-6)
    assert np.count_nonzero(lesson.values) > 0.9 * len(flat)


def test_the_first_rounds_baseline_is_its_own_mean() -> None:
    controller = build_controller(ReinforceConfig(policy=SMALL), DECISIONS)
    fresh = controller.init(seed=0, num_shards=1)
    tokens = controller.propose(fresh, decisions=DECISIONS, num=2, seed=0)
    first = controller.lesson(fresh, decisions=DECISIONS, tokens=tokens, rewards=[0.4, 0.8])
    known = controller.lesson(
        with_baseline(fresh, 0.6), decisions=DECISIONS, tokens=tokens, rewards=[0.4, 0.8]
    )
    np.testing.assert_array_equal(first.values, known.values)


LEAVE_ONE_OUT = ReinforceConfig(policy=WIDE, baseline="leave_one_out")


def bias_gradient(
    config: ReinforceConfig,
    tokens: Sequence[int],
    rewards: Sequence[float | None],
    baseline: float | None = None,
) -> tuple[Numbers, Numbers]:
    """Of one decision with three options: the gradient of its bias, and its probabilities."""
    decisions = (Choice("a", 3),)
    controller = build_controller(config, decisions)
    shards: Sequence[Shard] = controller.init(seed=0, num_shards=1)
    if baseline is not None:
        shards = with_baseline(shards, baseline)
    lesson = controller.lesson(
        shards, decisions=decisions, tokens=[(token,) for token in tokens], rewards=rewards
    )
    policy = as_policy(join(shards), decisions, WIDE)
    p = np.exp([reference(policy, decisions, (token,))[0] for token in range(3)])
    bias = named(as_policy(lesson.values, decisions, WIDE))["a.head.bias"]
    return bias.detach().numpy(), p


def test_each_child_may_be_measured_against_the_mean_of_the_others_of_its_round() -> None:
    found, p = bias_gradient(LEAVE_ONE_OUT, (2, 0, 1, 2), (0.9, 0.2, None, 0.4), baseline=5.0)

    # Of those that count 0.9 - (0.2 + 0.4) / 2 = 0.6, 0.2 - (0.9 + 0.4) / 2 = -0.45 and
    # 0.4 - (0.9 + 0.2) / 2 = -0.15, whatever the moving average is.
    first, second, third = np.eye(3)[[2, 0, 2]] - p
    np.testing.assert_allclose(found, -(0.6 * first - 0.45 * second - 0.15 * third) / 3, atol=1e-6)


def test_what_all_children_of_a_round_share_cancels_against_the_mean_of_the_others() -> None:
    hard, _ = bias_gradient(LEAVE_ONE_OUT, (2, 0, 1), (0.5, 0.25, 0.75))
    easy, _ = bias_gradient(LEAVE_ONE_OUT, (2, 0, 1), (0.75, 0.5, 1.0))

    np.testing.assert_array_equal(hard, easy)
    assert np.abs(hard).max() > 0.01


def test_entropy_in_the_reward_counts_for_the_others_too() -> None:
    config = LEAVE_ONE_OUT.model_copy(update={"entropy_weight": 0.7, "entropy_in": "reward"})
    found, p = bias_gradient(config, (2, 0), (0.9, 0.2))

    # One decision has one entropy, whatever is drawn: it cancels, and 0.9 - 0.2 = 0.7 is left.
    first, second = np.eye(3)[[2, 0]] - p
    np.testing.assert_allclose(found, -(0.7 * first - 0.7 * second) / 2, atol=1e-6)


def test_an_only_child_is_measured_against_the_moving_average() -> None:
    found, p = bias_gradient(LEAVE_ONE_OUT, (2, 0), (0.9, None), baseline=0.5)
    np.testing.assert_allclose(found, -0.4 * (np.array([0, 0, 1]) - p), atol=1e-6)  # 0.9 - 0.5

    found, _ = bias_gradient(LEAVE_ONE_OUT, (2, 0), (0.9, None))  # the very first: its own mean
    np.testing.assert_array_equal(found, 0)


@pytest.mark.parametrize("baseline", ["moving_average", "leave_one_out"])
def test_baseline_sequence_by_hand(baseline: Literal["moving_average", "leave_one_out"]) -> None:
    config = ReinforceConfig(policy=SMALL, baseline_decay=0.9, baseline=baseline)
    controller = build_controller(config, DECISIONS)
    shards: Sequence[Shard] = controller.init(seed=0, num_shards=2)
    tokens = controller.propose(shards, decisions=DECISIONS, num=2, seed=0)
    baselines = [shards[0].state["baseline"]]
    rounds: list[list[float | None]] = [[None, None], [0.4, 0.8], [None, 1.0], [0.2, 0.5]]
    for round, rewards in enumerate(rounds):
        shards = learn(controller, shards, tokens, rewards, round=round)
        baselines.append(shards[0].state["baseline"])
    # no reward yet; the first mean (0.4 + 0.8) / 2 = 0.6; 0.9 * 0.6 + 0.1 * 1.0 = 0.64;
    # 0.9 * 0.64 + 0.1 * 0.2 = 0.596, then 0.9 * 0.596 + 0.1 * 0.5 = 0.5864.
    assert baselines == [None, None, *map(pytest.approx, [0.6, 0.64, 0.5864])]
    assert shards[1].state["baseline"] is None


def test_a_push_meets_newer_parameters_than_it_was_taken_at() -> None:
    """Two replicas pull version 0; the second pushes onto what the first made of it."""
    controller = build_controller(ReinforceConfig(policy=SMALL), DECISIONS)
    (start,) = controller.init(seed=0, num_shards=1)
    size = controller.num_parameters
    lessons = [lesson_of(np.full(size, g, np.float32), 0.5) for g in (1.0, 3.0)]
    first = controller.apply(start, lessons[0], replica=0, round=0)
    both = controller.apply(first, lessons[1], replica=1, round=0)
    # Adam's mean after both: 0.9 * (0.1 * 1) + 0.1 * 3 = 0.39
    known = ReinforceState.of(both)
    np.testing.assert_allclose(known.first_moment, 0.39, rtol=1e-6)
    assert (known.steps, both.applied) == (2, {0: (0, 1), 1: (0, 2)})


def test_the_baseline_is_among_the_metrics_once_there_is_one() -> None:
    controller = build_controller(ReinforceConfig(policy=SMALL, baseline_decay=0.9), DECISIONS)
    shards = controller.init(seed=0, num_shards=2)
    tokens = controller.propose(shards, decisions=DECISIONS, num=2, seed=0)
    nothing = controller.lesson(shards, decisions=DECISIONS, tokens=tokens, rewards=[None] * 2)
    assert "baseline" not in controller.metrics(nothing, shards)
    known = with_baseline(shards, 0.6)
    lesson = controller.lesson(known, decisions=DECISIONS, tokens=tokens, rewards=[0.2, None])
    pushed = [controller.apply(shard, lesson, replica=0, round=0) for shard in known]
    # After the push: 0.9 * 0.6 + 0.1 * 0.2 = 0.56
    assert controller.metrics(lesson, pushed)["baseline"] == pytest.approx(0.56)


def test_entropy_in_the_reward_has_no_gradient_of_its_own() -> None:
    decisions = (Choice("a", 3),)
    config = ReinforceConfig(policy=WIDE, entropy_weight=0.7, entropy_in="reward")
    controller = build_controller(config, decisions)
    shards = controller.init(seed=0, num_shards=1)
    policy = as_policy(join(shards), decisions, WIDE)
    log_p = np.array([reference(policy, decisions, (token,))[0] for token in range(3)])
    entropy = -(np.exp(log_p) * log_p).sum()
    lesson = controller.lesson(
        with_baseline(shards, 0.5), decisions=decisions, tokens=[(2,)], rewards=[0.9]
    )
    assert lesson.rewards == pytest.approx([0.9 + 0.7 * entropy], abs=1e-6)
    assert lesson.metrics["mean_reward"] == 0.9
    # d log P(2) / d bias = onehot(2) - p; the advantage is 0.9 + 0.7 H - 0.5.
    expected = -(0.9 + 0.7 * entropy - 0.5) * (np.array([0, 0, 1]) - np.exp(log_p))
    bias = named(as_policy(lesson.values, decisions, WIDE))["a.head.bias"]
    np.testing.assert_allclose(bias.detach().numpy(), expected, atol=1e-6)


def search(config: ReinforceConfig | RandomConfig, *, rounds: int) -> Numbers:
    """The share of each child's tokens that match a hidden architecture's, `[rounds, 8]`."""
    decisions = cnn_decisions(3)
    controller = build_controller(config, decisions)
    shards: Sequence[Shard] = controller.init(seed=0, num_shards=2)
    target = (3, 0, 2, 1, 1, 3, 1, 0, 2, 3, 0, 1)  # one of 4^9 * 2^3 = 2,097,152
    matches = []
    for round in range(rounds):
        tokens = controller.propose(shards, decisions=decisions, num=8, seed=round)
        matches.append([sum(map(int.__eq__, t, target)) / len(target) for t in tokens])
        rewards = [share**3 for share in matches[-1]]
        shards = learn(controller, shards, tokens, rewards, round=round, decisions=decisions)
    return np.array(matches)


def test_the_policy_learns_to_propose_the_optimum_and_random_search_does_not_find_it() -> None:
    learned = search(ReinforceConfig(learning_rate=0.01, entropy_weight=0.03), rounds=150)
    uniform = search(RandomConfig(), rounds=150)
    # A uniform token matches with probability (9 / 4 + 3 / 2) / 12 = 0.31 on average.
    assert uniform.mean() == pytest.approx(0.31, abs=0.02)
    assert uniform.max() < 1
    assert learned[:5].mean() == pytest.approx(0.31, abs=0.1)
    assert learned[-10:].mean() > 0.9
    assert learned.max() == 1


def test_gradients_gather_until_there_are_enough_for_one_step() -> None:
    policy = NasPolicyConfig(hidden_size=7)
    one = build_controller(ReinforceConfig(policy=policy), DECISIONS)
    three = build_controller(ReinforceConfig(policy=policy, gradients_per_update=3), DECISIONS)
    shards = one.init(seed=1, num_shards=2)
    lessons = [
        one.lesson(
            shards,
            decisions=DECISIONS,
            tokens=one.propose(shards, decisions=DECISIONS, num=4, seed=seed),
            rewards=[0.1, 0.9, 0.5, 0.3],
        )
        for seed in range(3)
    ]
    gathered = list(shards)
    for replica, lesson in enumerate(lessons):
        assert [ReinforceState.of(shard).num_pending for shard in gathered] == [replica, replica]
        assert join(gathered).tobytes() == join(shards).tobytes()  # no step yet
        gathered = [three.apply(each, lesson, replica=replica, round=0) for each in gathered]
    # The third one makes a step along (g0 + g1 + g2) / 3; each moved the baseline.
    values = (lessons[0].values + lessons[1].values + lessons[2].values) / np.float32(3)
    mean = lesson_of(values, 0.1, 0.9, 0.5, 0.3)
    expected = [one.apply(each, mean, replica=0, round=0) for each in shards]
    assert join(gathered).tobytes() == join(expected).tobytes()
    assert [each.version for each in gathered] == [3, 3]
    after = [ReinforceState.of(each) for each in gathered]
    assert [(each.steps, each.num_pending) for each in after] == [(1, 0)] * 2
    once = ReinforceState.of(
        expected[0]
    ).baseline  # (0.1 + 0.9 + 0.5 + 0.3) / 4 = 0.45 from its own first rewards
    assert once == pytest.approx(0.45)
    assert after[0].baseline != once


def test_what_waits_in_a_shard_survives_the_store() -> None:
    controller = build_controller(ReinforceConfig(gradients_per_update=2), DECISIONS)
    (shard,) = controller.init(seed=1, num_shards=1)
    values = np.random.default_rng(0).random(controller.num_parameters, dtype=np.float32)
    waiting = controller.apply(shard, lesson_of(values, 0.5), replica=0, round=0)
    reread = type(shard).from_bytes(waiting.to_bytes(), key="shard")
    last = lesson_of(values, 0.7)
    assert state([controller.apply(reread, last, replica=1, round=0)]) == state(
        [controller.apply(waiting, last, replica=1, round=0)]
    )
