"""Adam, as all learners with a policy take its steps."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from nas_lib.config import ReinforceConfig
from nas_lib.controllers import Shard
from nas_lib.controllers.policy_gradient import GradientState, adam_step
from nas_lib.controllers.reinforce import Reinforce
from nas_lib.controllers.state import Vector, join, split

RNG = np.random.default_rng(0)
PARAMETERS = RNG.uniform(-0.08, 0.08, 1003).astype(np.float32)
GRADIENTS = [
    (RNG.normal(size=1003) * 10.0 ** RNG.uniform(-6, 1, 1003)).astype(np.float32) for _ in range(50)
]


def first_shards(parameters: Vector, num_shards: int) -> list[Shard]:
    first_state = Reinforce(ReinforceConfig()).first_state
    return list(split(parameters, num_shards, first_state=first_state))


def descend(num_shards: int) -> list[Shard]:
    shards = first_shards(PARAMETERS, num_shards)
    for gradient in GRADIENTS:
        shards = [
            adam_step(shard, shard.slice_of(gradient), learning_rate=0.01) for shard in shards
        ]
    return shards


def test_the_first_step_by_hand() -> None:
    (shard,) = first_shards(np.array([1.0, 1.0, 1.0], dtype=np.float32), 1)
    after = adam_step(shard, np.array([2.0, -0.5, 0.0], dtype=np.float32), learning_rate=0.1)
    # m / (1 - 0.9) = g and v / (1 - 0.999) = g^2, so the step is 0.1 * g / |g|, or none for 0.
    np.testing.assert_allclose(after.values, [0.9, 1.1, 1.0], rtol=1e-6)
    known = GradientState.of(after)
    np.testing.assert_allclose(known.first_moment, [0.2, -0.05, 0.0], rtol=1e-6)
    np.testing.assert_allclose(known.second_moment, [0.004, 0.00025, 0.0], rtol=1e-6)
    assert known.steps == 1


def test_many_steps_equal_those_of_torch() -> None:
    parameter = torch.nn.Parameter(torch.tensor(PARAMETERS))
    optimizer = torch.optim.Adam([parameter], lr=0.01)
    for gradient in GRADIENTS:
        parameter.grad = torch.tensor(gradient)
        optimizer.step()
    # 50 steps of 0.01 in float32, which at this size rounds to 3e-8.
    np.testing.assert_allclose(join(descend(1)), parameter.detach().numpy(), atol=1e-6)


def test_other_decay_and_epsilon_equal_those_of_torch() -> None:
    parameter = torch.nn.Parameter(torch.tensor(PARAMETERS))
    optimizer = torch.optim.Adam([parameter], lr=0.01, betas=(0.0, 0.999), eps=1e-3)
    (shard,) = first_shards(PARAMETERS, 1)
    for gradient in GRADIENTS:
        parameter.grad = torch.tensor(gradient)
        optimizer.step()
        shard = adam_step(shard, gradient, learning_rate=0.01, beta_1=0.0, epsilon=1e-3)
    np.testing.assert_allclose(shard.values, parameter.detach().numpy(), atol=1e-6)


@pytest.mark.parametrize("num_shards", [3, 20, 1003])
def test_any_number_of_shards_gives_the_same_bits(num_shards: int) -> None:
    whole, parts = descend(1), descend(num_shards)
    assert join(parts).tobytes() == join(whole).tobytes()
    assert join(parts).dtype == np.float32
