from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from controller_contract import DECISIONS, learn
from torch.nn.utils import parameters_to_vector, vector_to_parameters

from nas_lib.config import NasPolicyConfig, PpoConfig, ReinforceConfig
from nas_lib.controllers import Controller, Lesson, Shard, build_controller
from nas_lib.controllers.nas_policy import NasPolicy
from nas_lib.controllers.policy_gradient import GradientState
from nas_lib.controllers.ppo import MOST_NATS, clipped_loss
from nas_lib.controllers.state import join
from nas_lib.spaces.decisions import Choice, Decision

SMALL = NasPolicyConfig(hidden_size=3)
REWARDS = [0.9, None, 0.2, 0.4]


def ppo(**settings: Any) -> PpoConfig:
    return PpoConfig(policy=SMALL, **{"learning_rate": 0.01, **settings})


def with_baseline(shards: Sequence[Shard], baseline: float) -> list[Shard]:
    return [replace(shards[0], state={**shards[0].state, "baseline": baseline}), *shards[1:]]


def first_lesson(
    controller: Controller, *, baseline: float = 0.3, decisions: Sequence[Decision] = DECISIONS
) -> tuple[list[Shard], Lesson]:
    """Shards, and what four children taught at them."""
    shards = with_baseline(controller.init(seed=0, num_shards=2), baseline)
    tokens = controller.propose(shards, decisions=decisions, num=4, seed=0)
    return shards, controller.lesson(shards, decisions=decisions, tokens=tokens, rewards=REWARDS)


@pytest.mark.parametrize(
    ("ratio", "advantage", "gains", "slope"),
    [
        # min(r A, clip(r, 0.8, 1.2) A), and what it gains as r grows
        (1.0, 2.0, 2.0, 2.0),
        (1.1, 2.0, 2.2, 2.0),
        (1.5, 2.0, 2.4, 0.0),  # more probable by far: 1.2 * 2
        (0.5, 2.0, 1.0, 2.0),  # better, and yet less probable: counts in full
        (1.5, -2.0, -3.0, -2.0),  # worse, and yet more probable: counts in full
        (0.5, -2.0, -1.6, 0.0),  # less probable by far: 0.8 * -2
    ],
)
def test_what_a_child_gains_is_clipped_on_the_side_it_was_pushed_to(
    ratio: float, advantage: float, gains: float, slope: float
) -> None:
    nats = torch.tensor([math.log(ratio)], requires_grad=True)
    loss = clipped_loss(nats, torch.tensor([advantage]), torch.zeros(1), clip=0.2)
    loss.backward()  # type: ignore[no-untyped-call]

    assert -loss.item() == pytest.approx(gains, abs=1e-6)
    # d r / d log r = r
    assert nats.grad is not None
    assert -nats.grad.item() == pytest.approx(slope * ratio, abs=1e-6)


def test_the_loss_is_a_mean_and_has_the_bonus_of_each_child() -> None:
    nats = torch.tensor([0.0, math.log(1.5)])
    loss = clipped_loss(nats, torch.tensor([1.0, 3.0]), torch.tensor([0.5, 0.1]), clip=0.2)
    # -(1 * 1 + 0.5 + 1.2 * 3 + 0.1) / 2 = -2.6
    assert loss.item() == pytest.approx(-2.6)


@pytest.mark.parametrize("nats", [1e4, -1e4, 3e38, -3e38])
@pytest.mark.parametrize("advantage", [1.0, -1.0])
def test_a_ratio_does_not_overflow(nats: float, advantage: float) -> None:
    difference = torch.tensor([nats], requires_grad=True)
    loss = clipped_loss(difference, torch.tensor([advantage]), torch.zeros(1), clip=0.2)
    loss.backward()  # type: ignore[no-untyped-call]

    assert abs(loss.item()) <= math.exp(MOST_NATS) * 1.001
    assert difference.grad is not None
    assert torch.isfinite(difference.grad).all()


def test_a_policy_with_extreme_logits_learns_finite_numbers() -> None:
    controller = build_controller(ppo(learning_rate=100.0, entropy_weight=0.1), DECISIONS)
    shards = [
        replace(shard, values=shard.values * np.float32(1e4))
        for shard in with_baseline(controller.init(seed=0, num_shards=2), 0.5)
    ]
    tokens = [(3, 0, 2, 1, 1, 3, 1, 0, 2, 3, 0, 1), (0, 3, 1, 0, 2, 0, 0, 3, 1, 0, 1, 0)]
    for round in range(3):
        shards = learn(controller, shards, tokens, [0.0, 1.0], round=round)
        for shard in shards:
            state = GradientState.of(shard)
            for vector in (shard.values, state.first_moment, state.second_moment):
                assert np.isfinite(vector).all()


@pytest.mark.parametrize("entropy_in", ["objective", "reward"])
def test_one_epoch_is_a_round_of_reinforce(entropy_in: str) -> None:
    same = {"learning_rate": 0.01, "entropy_weight": 0.1, "entropy_in": entropy_in}
    one = build_controller(ppo(epochs=1, **same), DECISIONS)
    other = build_controller(ReinforceConfig.model_validate({"policy": SMALL, **same}), DECISIONS)
    shards, lesson = first_lesson(one)
    _, gradient = first_lesson(other)

    assert lesson.rewards == gradient.rewards
    # At a ratio of 1 the gradient is the same, and Adam's mean of it is a tenth.
    np.testing.assert_allclose(lesson.arrays["first_moment"], 0.1 * gradient.values, rtol=1e-6)
    after = [one.apply(shard, lesson, replica=0, round=0) for shard in shards]
    shards, _ = first_lesson(other)
    expected = [other.apply(shard, gradient, replica=0, round=0) for shard in shards]
    np.testing.assert_allclose(join(after), join(expected), atol=1e-7)


def test_several_epochs_equal_those_of_torch() -> None:
    config = ppo(epochs=5, clip=0.05, learning_rate=0.02, entropy_weight=0.1)
    controller = build_controller(config, DECISIONS)
    shards, lesson = first_lesson(controller)
    policy = NasPolicy(DECISIONS, SMALL)
    vector_to_parameters(torch.tensor(join(shards)), policy.parameters())
    drawn = controller.propose(shards, decisions=DECISIONS, num=4, seed=0)
    tokens = torch.tensor([drawn[0], drawn[2], drawn[3]])  # the others have no reward
    advantage = torch.tensor([0.6, -0.1, 0.1])  # of 0.9, 0.2 and 0.4 against 0.3
    with torch.no_grad():
        before = policy(DECISIONS, tokens).log_prob
    adam = torch.optim.Adam(policy.parameters(), lr=0.02)
    for _ in range(5):
        adam.zero_grad()
        scores = policy(DECISIONS, tokens)
        ratio = torch.exp(scores.log_prob - before)
        gain = torch.minimum(ratio * advantage, ratio.clamp(0.95, 1.05) * advantage)
        (-(gain + 0.1 * scores.entropy).mean()).backward()
        adam.step()

    after = [controller.apply(shard, lesson, replica=0, round=0) for shard in shards]
    expected = parameters_to_vector(policy.parameters()).detach().numpy()
    np.testing.assert_allclose(join(after), expected, atol=2e-6)
    for name, theirs in (("first_moment", "exp_avg"), ("second_moment", "exp_avg_sq")):
        ours = np.concatenate([getattr(GradientState.of(shard), name) for shard in after])
        moments = [adam.state[parameter][theirs].flatten() for parameter in policy.parameters()]
        np.testing.assert_allclose(ours, torch.cat(moments).numpy(), rtol=1e-3, atol=1e-7)
    assert [GradientState.of(shard).steps for shard in after] == [5, 5]


def test_a_child_that_became_more_probable_than_the_clip_allows_counts_no_more() -> None:
    decisions = (Choice("a", 3),)
    lessons = []
    for epochs in (1, 4):
        controller = build_controller(ppo(epochs=epochs, clip=0.001, learning_rate=0.1), decisions)
        shards = with_baseline(controller.init(seed=0, num_shards=1), 0.0)
        lessons.append(controller.lesson(shards, decisions=decisions, tokens=[(2,)], rewards=[1.0]))
    once, often = (lesson.arrays["first_moment"] for lesson in lessons)
    # One step of 0.1 is beyond; the gradients of the next three are zero: 0.9^3 = 0.729 is left.
    np.testing.assert_allclose(often, 0.729 * once, rtol=1e-5)
    assert np.abs(once).max() > 0


def test_a_push_meets_newer_moments_than_it_was_taken_at() -> None:
    """Two replicas pull version 0; the second pushes onto what the first made of it."""
    controller = build_controller(ppo(epochs=2), DECISIONS)
    (start,) = controller.init(seed=0, num_shards=1)
    size = controller.num_parameters

    def lesson_of(change: float, first: float, second: float) -> Lesson:
        values = {"first_moment": first, "second_moment": second}
        arrays = {name: np.full(size, value, np.float32) for name, value in values.items()}
        return Lesson(np.full(size, change, np.float32), (0.5,), {"entropy": 1.0}, arrays)

    first = controller.apply(start, lesson_of(0.25, 1.0, 2.0), replica=0, round=0)
    both = controller.apply(first, lesson_of(-0.5, 3.0, 4.0), replica=1, round=0)
    known = GradientState.of(both)
    np.testing.assert_allclose(both.values, start.values - 0.25, atol=1e-7)
    # two steps each: 0.9^2 * 1 + 3 = 3.81, and 0.999^2 * 2 + 4 = 5.996002
    np.testing.assert_allclose(known.first_moment, 3.81, rtol=1e-6)
    np.testing.assert_allclose(known.second_moment, 5.996002, rtol=1e-6)
    assert (known.steps, both.applied) == (4, {0: (0, 1), 1: (0, 2)})


def test_what_the_epochs_add_to_the_second_moment_is_never_negative() -> None:
    _, lesson = first_lesson(build_controller(ppo(epochs=10, entropy_weight=0.1), DECISIONS))
    assert lesson.arrays["second_moment"].min() >= 0
    assert lesson.arrays["second_moment"].max() > 0


def test_a_shard_of_another_number_of_epochs_is_named() -> None:
    controller = build_controller(ppo(epochs=2), DECISIONS)
    shards, lesson = first_lesson(controller)
    after = controller.apply(shards[0], lesson, replica=0, round=0)
    assert controller.misfit(after, num_shards=2) == ""

    too_many = replace(after, state={**after.state, "steps": 3})
    assert controller.misfit(too_many, num_shards=2) == "version 1 cannot be after 3 steps"


def test_a_lesson_without_what_moments_are_told_is_named() -> None:
    controller = build_controller(ppo(), DECISIONS)
    _, lesson = first_lesson(controller)
    assert controller.lesson_misfit(lesson) == ""

    less = replace(lesson, arrays={"first_moment": lesson.arrays["first_moment"]})
    wanted = "expected second_moment to be a row of float32, got none"
    assert controller.lesson_misfit(less) == wanted
    short = {**lesson.arrays, "first_moment": lesson.arrays["first_moment"][1:]}
    assert "expected first_moment to be" in controller.lesson_misfit(replace(lesson, arrays=short))


def children_until_found(config: PpoConfig | ReinforceConfig, *, seed: int) -> int:
    """How many children it takes until one is the best of 4^6 = 4,096; 104 and more count alike."""
    decisions = tuple(Choice(f"choice {index}", 4) for index in range(6))
    best = (0, 3, 2, 1, 0, 3)
    controller = build_controller(config, decisions)
    shards: Sequence[Shard] = controller.init(seed=seed, num_shards=1)
    for round in range(13):
        tokens = controller.propose(shards, decisions=decisions, num=8, seed=1000 * seed + round)
        rewards = [sum(map(int.__eq__, each, best)) / 6 for each in tokens]
        if best in tokens:
            return 8 * round + tokens.index(best) + 1
        shards = learn(controller, shards, tokens, rewards, round=round, decisions=decisions)
    return 104


def test_the_optimum_is_found_in_100_children_and_by_reinforce_it_is_not() -> None:
    shared: dict[str, Any] = {
        "learning_rate": 0.005,
        "entropy_weight": 0.1,
        "rewards": "rank",
        "repeats": "mutate",
    }
    several = [children_until_found(PpoConfig(epochs=4, **shared), seed=seed) for seed in range(4)]
    once = [children_until_found(ReinforceConfig(**shared), seed=seed) for seed in range(4)]
    assert max(several) <= 100
    assert min(once) > 100
