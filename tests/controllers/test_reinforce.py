import dataclasses

import numpy as np
import pytest
import torch
from controller_contract import DECISIONS, PolicyContract, learn, state
from decision_lists import cnn_decisions
from policy_reference import named, reference
from torch.nn.utils import vector_to_parameters

from nas_lib.config import RandomConfig, ReinforceConfig
from nas_lib.controllers import Gradient, build_controller
from nas_lib.controllers.policy import Policy
from nas_lib.controllers.state import join
from nas_lib.spaces.decisions import Choice


class TestReinforceController(PolicyContract):
    config = ReinforceConfig(hidden_size=7)


def test_a_search_learns_what_it_always_learned():
    """Recorded before the code was shared with another policy: tokens, and some parameters."""
    decisions = cnn_decisions(3)
    controller = build_controller(
        ReinforceConfig(entropy_weight=0.03, learning_rate=0.01), decisions
    )
    shards = controller.init(seed=1, num_shards=2)
    for round in range(20):
        tokens = controller.propose(shards, decisions=decisions, num=8, seed=[5, round])
        rewards = [sum(sequence) / 20 for sequence in tokens]
        shards = learn(controller, shards, tokens, rewards, round=round)
    assert tokens[0] == (3, 2, 3, 3, 3, 3, 1, 3, 3, 3, 1, 1)
    expected = [-0.0767142, 0.1555111, -0.0995075, -0.2280247, -0.0314909, -0.1419775]
    np.testing.assert_allclose(join(shards)[::4680], expected, atol=1e-4)
    assert shards[0].baseline == pytest.approx(1.3612866867, abs=1e-6)


def test_parameters_start_uniform_in_the_configured_range():
    controller = build_controller(ReinforceConfig(), cnn_decisions(12))
    parameters = join(controller.init(seed=0, num_shards=20))
    assert parameters.dtype == np.float32
    assert -0.08 <= parameters.min() < -0.079
    assert 0.079 < parameters.max() <= 0.08
    assert abs(parameters.mean()) < 0.001  # 0.08 / sqrt(3 * 23,952) = 0.0003 is one deviation


def test_number_of_parameters_of_the_papers_controller():
    controller = build_controller(ReinforceConfig(), cnn_decisions(12))
    lstm = 2 * (4 * 35 * (35 + 35) + 2 * 4 * 35)  # two layers: 20,160
    choices = 3 * (4 * 35 + 4 * 35 + 4)  # embedding, weight, bias: 852
    skips = 35 + 11 * 35 + 2 * 35 * 35 + 35  # decided, embedding, W_prev and W_curr, v: 2,905
    assert controller.num_parameters == 35 + lstm + choices + skips == 23_952


def with_baseline(shards, baseline):
    return [dataclasses.replace(shards[0], baseline=baseline), *shards[1:]]


def as_policy(flat, decisions, config):
    """Any vector over the parameters, by their names."""
    policy = Policy(decisions, hidden_size=config.hidden_size, num_layers=config.num_layers)
    vector_to_parameters(torch.tensor(flat), policy.parameters())
    return policy


def test_gradient_of_one_decision_is_probability_minus_choice_times_advantage():
    decisions, config = (Choice("a", 3),), ReinforceConfig(hidden_size=4, init_range=1)
    controller = build_controller(config, decisions)
    shards = with_baseline(controller.init(seed=0, num_shards=1), 0.5)
    gradient = controller.gradient(
        shards, decisions=decisions, tokens=[(2,), (0,)], rewards=[0.9, 0.2]
    )
    policy = as_policy(join(shards), decisions, config)
    p = [np.exp(reference(policy, decisions, (token,))[0]) for token in range(3)]
    # d log P(a) / d bias = onehot(a) - p; advantages 0.9 - 0.5 = 0.4 and 0.2 - 0.5 = -0.3.
    expected = -(0.4 * (np.array([0, 0, 1]) - p) - 0.3 * (np.array([1, 0, 0]) - p)) / 2
    bias = named(as_policy(gradient.values, decisions, config))["a.head.bias"]
    np.testing.assert_allclose(bias.detach().numpy(), expected, atol=1e-6)


def test_gradient_of_the_entropy_bonus_of_one_decision():
    decisions = (Choice("a", 3),)
    config = ReinforceConfig(hidden_size=4, init_range=1, entropy_weight=0.7)
    controller = build_controller(config, decisions)
    shards = controller.init(seed=0, num_shards=1)
    # The only reward is its own baseline: no advantage, just the bonus.
    gradient = controller.gradient(shards, decisions=decisions, tokens=[(2,)], rewards=[0.9])
    policy = as_policy(join(shards), decisions, config)
    log_p = np.array([reference(policy, decisions, (token,))[0] for token in range(3)])
    p = np.exp(log_p)
    entropy = -(p * log_p).sum()
    assert gradient.entropy == pytest.approx(entropy, abs=1e-6)
    # d entropy / d bias_k = -p_k (log p_k + entropy)
    bias = named(as_policy(gradient.values, decisions, config))["a.head.bias"]
    np.testing.assert_allclose(bias.detach().numpy(), 0.7 * p * (log_p + entropy), atol=1e-6)


def test_gradient_of_a_whole_round_equals_finite_differences_of_the_written_out_loss():
    decisions = cnn_decisions(3, num_options=2)
    config = ReinforceConfig(hidden_size=2, init_range=1, entropy_weight=0.1)
    controller = build_controller(config, decisions)
    shards = with_baseline(controller.init(seed=0, num_shards=2), 0.3)
    tokens = controller.propose(shards, decisions=decisions, num=3, seed=0)
    rewards = [0.9, None, 0.2]
    gradient = controller.gradient(shards, decisions=decisions, tokens=tokens, rewards=rewards)

    def loss(flat):
        policy = as_policy(flat, decisions, config)
        scores = [reference(policy, decisions, tokens[index]) for index in (0, 2)]
        terms = [(0.9 - 0.3) * scores[0][0] + 0.1 * scores[0][1]]
        terms += [(0.2 - 0.3) * scores[1][0] + 0.1 * scores[1][1]]
        return -sum(terms) / 2

    flat = join(shards).astype(np.float64)
    numeric = [
        (loss(flat + 1e-5 * unit) - loss(flat - 1e-5 * unit)) / 2e-5 for unit in np.eye(len(flat))
    ]
    np.testing.assert_allclose(gradient.values, numeric, atol=2e-6)
    assert np.count_nonzero(gradient.values) > 0.9 * len(flat)


def test_the_first_rounds_baseline_is_its_own_mean():
    controller = build_controller(ReinforceConfig(hidden_size=3), DECISIONS)
    fresh = controller.init(seed=0, num_shards=1)
    tokens = controller.propose(fresh, decisions=DECISIONS, num=2, seed=0)
    first = controller.gradient(fresh, decisions=DECISIONS, tokens=tokens, rewards=[0.4, 0.8])
    known = controller.gradient(
        with_baseline(fresh, 0.6), decisions=DECISIONS, tokens=tokens, rewards=[0.4, 0.8]
    )
    np.testing.assert_array_equal(first.values, known.values)


def test_baseline_sequence_by_hand():
    controller = build_controller(ReinforceConfig(hidden_size=3, baseline_decay=0.9), DECISIONS)
    shards = controller.init(seed=0, num_shards=2)
    tokens = controller.propose(shards, decisions=DECISIONS, num=2, seed=0)
    baselines = [shards[0].baseline]
    for round, rewards in enumerate([[None, None], [0.4, 0.8], [None, 1.0], [0.2, 0.5]]):
        shards = learn(controller, shards, tokens, rewards, round=round)
        baselines.append(shards[0].baseline)
    # no reward yet; the first mean (0.4 + 0.8) / 2 = 0.6; 0.9 * 0.6 + 0.1 * 1.0 = 0.64;
    # 0.9 * 0.64 + 0.1 * 0.2 = 0.596, then 0.9 * 0.596 + 0.1 * 0.5 = 0.5864.
    assert baselines == [None, None, *map(pytest.approx, [0.6, 0.64, 0.5864])]
    assert shards[1].baseline is None


def test_a_push_meets_newer_parameters_than_it_was_taken_at():
    """Two replicas pull version 0; the second pushes onto what the first made of it."""
    controller = build_controller(ReinforceConfig(hidden_size=3), DECISIONS)
    (start,) = controller.init(seed=0, num_shards=1)
    size = controller.num_parameters
    gradients = [Gradient(np.full(size, g, np.float32), (0.5,), 1.0) for g in (1.0, 3.0)]
    first = controller.apply(start, gradients[0], replica=0, round=0)
    both = controller.apply(first, gradients[1], replica=1, round=0)
    # Adam's mean after both: 0.9 * (0.1 * 1) + 0.1 * 3 = 0.39
    np.testing.assert_allclose(both.first_moment, 0.39, rtol=1e-6)
    assert (both.steps, both.applied) == (2, {0: (0, 1), 1: (0, 2)})


def search(config, *, rounds):
    """The share of each child's tokens that match a hidden architecture's, `[rounds, 8]`."""
    decisions = cnn_decisions(3)
    controller = build_controller(config, decisions)
    shards = controller.init(seed=0, num_shards=2)
    target = (3, 0, 2, 1, 1, 3, 1, 0, 2, 3, 0, 1)  # one of 4^9 * 2^3 = 2,097,152
    matches = []
    for round in range(rounds):
        tokens = controller.propose(shards, decisions=decisions, num=8, seed=[0, round])
        matches.append([sum(map(int.__eq__, t, target)) / len(target) for t in tokens])
        rewards = [share**3 for share in matches[-1]]
        shards = learn(controller, shards, tokens, rewards, round=round, decisions=decisions)
    return np.array(matches)


def test_the_policy_learns_to_propose_the_optimum_and_random_search_does_not_find_it():
    learned = search(ReinforceConfig(learning_rate=0.01, entropy_weight=0.03), rounds=150)
    uniform = search(RandomConfig(), rounds=150)
    # A uniform token matches with probability (9 / 4 + 3 / 2) / 12 = 0.31 on average.
    assert uniform.mean() == pytest.approx(0.31, abs=0.02)
    assert uniform.max() < 1
    assert learned[:5].mean() == pytest.approx(0.31, abs=0.1)
    assert learned[-10:].mean() > 0.9
    assert learned.max() == 1


def test_gradients_gather_until_there_are_enough_for_one_step():
    one = build_controller(ReinforceConfig(hidden_size=7), DECISIONS)
    three = build_controller(ReinforceConfig(hidden_size=7, gradients_per_update=3), DECISIONS)
    shards = one.init(seed=1, num_shards=2)
    gradients = [
        one.gradient(
            shards,
            decisions=DECISIONS,
            tokens=one.propose(shards, decisions=DECISIONS, num=4, seed=seed),
            rewards=[0.1, 0.9, 0.5, 0.3],
        )
        for seed in range(3)
    ]
    gathered = list(shards)
    for replica, gradient in enumerate(gradients):
        assert [shard.num_pending for shard in gathered] == [replica, replica]
        assert join(gathered).tobytes() == join(shards).tobytes()  # no step yet
        gathered = [three.apply(each, gradient, replica=replica, round=0) for each in gathered]
    # The third one makes a step along (g0 + g1 + g2) / 3; each moved the baseline.
    values = (gradients[0].values + gradients[1].values + gradients[2].values) / np.float32(3)
    mean = Gradient(values, (0.1, 0.9, 0.5, 0.3), entropy=0.0)
    expected = [one.apply(each, mean, replica=0, round=0) for each in shards]
    assert join(gathered).tobytes() == join(expected).tobytes()
    assert [(each.steps, each.num_pending, each.version) for each in gathered] == [(1, 0, 3)] * 2
    once = expected[0].baseline  # (0.1 + 0.9 + 0.5 + 0.3) / 4 = 0.45 from its own first rewards
    assert once == pytest.approx(0.45)
    assert gathered[0].baseline != once


def test_what_waits_in_a_shard_survives_the_store():
    controller = build_controller(ReinforceConfig(gradients_per_update=2), DECISIONS)
    (shard,) = controller.init(seed=1, num_shards=1)
    values = np.random.default_rng(0).random(controller.num_parameters, dtype=np.float32)
    waiting = controller.apply(shard, Gradient(values, (0.5,), 1.0), replica=0, round=0)
    reread = type(shard).from_bytes(waiting.to_bytes(), key="shard")
    last = Gradient(values, (0.7,), 1.0)
    assert state([controller.apply(reread, last, replica=1, round=0)]) == state(
        [controller.apply(waiting, last, replica=1, round=0)]
    )
