from __future__ import annotations

import torch

from nas_lib.networks import build_network, count
from nas_lib.spaces import CnnPlan


def cost(config: str, image_shape: tuple[int, int, int]) -> tuple[int, int]:
    network = build_network(CnnPlan.parse(config), image_shape=image_shape, num_classes=10)
    return count(network, image_shape)


def test_parameters_and_multiply_adds_are_those_computed_by_hand() -> None:
    config = "conv 3x5x24/1x1 <- image | conv 1x1x36/2x2 <- image | conv 3x3x4/1x1 <- 1,2"

    num_parameters, num_multiply_adds = cost(config, (3, 8, 6))

    # weights:    24 x 3 x 3 x 5 = 1080,     36 x 3 = 108,       4 x (24 + 36) x 3 x 3 = 2160,
    # BatchNorm:  2 x 24 = 48,               2 x 36 = 72,        2 x 4 = 8,
    # classifier: 10 x 4 weights and 10 biases
    assert num_parameters == 1080 + 48 + 108 + 72 + 2160 + 8 + 50
    # pixels:     8 x 6 = 48,                4 x 3 = 12,         8 x 6 = 48;   classifier 40
    assert num_multiply_adds == 1080 * 48 + 108 * 12 + 2160 * 48 + 40


def test_a_dense_block_counts_the_inputs_it_joins() -> None:
    # convolutions on 3, 3 + 4 and 3 + 4 + 4 channels: 4 x 9 x (3 + 7 + 11) = 756
    # BatchNorm 3 x 8 = 24, classifier 10 x 12 + 10 = 130
    assert cost("3*conv 3x3x4/1x1 <- image", (3, 5, 5)) == (756 + 24 + 130, 756 * 25 + 120)
    # behind a stride on 3, 4 and 8 channels: 4 x 9 x 15 = 540, at 3 x 3 pixels
    assert cost("3*conv 3x3x4/2x2 <- image", (3, 5, 5)) == (540 + 24 + 130, 540 * 9 + 120)


def test_counting_leaves_the_network_as_it_was() -> None:
    plan = CnnPlan.parse("conv 3x3x4/1x1 <- image | max_pool 2x2/2x2 <- 1")
    network = build_network(plan, image_shape=(1, 4, 4), num_classes=2)
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}

    count(network, (1, 4, 4))

    assert network.training
    torch.testing.assert_close(network.state_dict(), before, rtol=0, atol=0)
