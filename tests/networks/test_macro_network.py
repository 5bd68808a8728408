from __future__ import annotations

import layers_by_hand as plain
import numpy as np
import pytest
import torch
from published_arcs import MACRO
from torch import Tensor, nn

from nas_lib.config import EnasMacroSpaceConfig, FiltersConfig
from nas_lib.networks import Regularisation, build_network, count
from nas_lib.spaces import EnasMacroSpace, MacroPlan

# what the numbers of a published architecture mean
WINDOW = {0: 3, 1: 3, 2: 5, 3: 5}
SEPARABLE = {1, 3}
POOL = {4: "avg3", 5: "max3"}

SMALL = """
4
3 1
5 0 1
1 1 0 0
0 0 1 1 0
2 1 0 1 0 1
"""  # every operation; skips over no, one and both reductions


def built(text: str, filters: int, image_shape: tuple[int, int, int]) -> nn.Module:
    layers = len(text.strip().splitlines())
    config = EnasMacroSpaceConfig(layers=layers, child=FiltersConfig(filters=filters))
    space = EnasMacroSpace(config)
    plan = space.plan(space.from_published(text).tokens)
    return build_network(plan, image_shape=image_shape, num_classes=10)


def reference(text: str, x_CHW: plain.Array, state: plain.State) -> plain.Array:
    """The network of a published text, step by step, on one image."""
    lines = [[*map(int, line.split())] for line in text.strip().splitlines()]
    third = len(lines) // 3
    outputs = [plain.conv_norm(x_CHW, state, "stem")]
    for number, (operation, *bits) in enumerate(lines):
        name = f"layers.{number}"
        out = plain.conv_norm(plain.relu(outputs[-1]), state, f"{name}.narrow")
        if operation in POOL:
            out = plain.pool(out, POOL[operation])
        else:
            apply = plain.separable_norm if operation in SEPARABLE else plain.conv_norm
            out = apply(plain.relu(out), state, f"{name}.operation.1")
        if number > 0:
            joined = [output for output, bit in zip(outputs, bits, strict=False) if bit]
            out = plain.conv_norm(plain.relu(np.concatenate([*joined, out])), state, f"{name}.join")
        outputs.append(out)
        if number in (third - 1, 2 * third - 1):
            outputs = [
                plain.reduction(output, state, f"reductions.{number}.of.{at}")
                if f"reductions.{number}.of.{at}.even.weight" in state
                else np.full(1, np.nan)  # taken by nobody
                for at, output in enumerate(outputs)
            ]
    return plain.head(outputs[-1], state)


@pytest.mark.parametrize(
    ("text", "filters", "size"),
    [(SMALL, 3, (7, 6)), (SMALL, 4, (8, 8)), (MACRO, 4, (8, 8))],
    ids=["small-odd", "small", "published"],
)
def test_a_forward_pass_has_the_values_of_a_plain_reference(
    text: str, filters: int, size: tuple[int, int]
) -> None:
    torch.manual_seed(0)
    network = built(text, filters, (3, *size))
    state = plain.randomised(network)
    images = torch.randn(1, 3, *size, dtype=torch.float64)

    logits = network(images)[0].detach().numpy()

    np.testing.assert_allclose(logits, reference(text, images[0].numpy(), state), rtol=1e-9)


def num_parameters(text: str, filters: int) -> int:
    """Count by hand; every convolution without bias, and BatchNorm of 2 per channel."""
    lines = [[*map(int, line.split())] for line in text.strip().splitlines()]
    third = len(lines) // 3
    total = 3 * 9 * filters + 2 * filters  # stem
    for number, (operation, *bits) in enumerate(lines):
        square = filters * filters
        total += square + 2 * filters  # 1x1
        if operation in SEPARABLE:
            total += WINDOW[operation] ** 2 * filters + square + 2 * filters
        elif operation in WINDOW:
            total += WINDOW[operation] ** 2 * square + 2 * filters
        if number > 0:
            total += (1 + sum(bits)) * square + 2 * filters
        if number in (third - 1, 2 * third - 1):
            later = {at for _, *skips in lines[number + 1 :] for at, bit in enumerate(skips) if bit}
            taken = {at for at in later if at <= number} | {number + 1}
            total += len(taken) * (filters * 2 * filters + 2 * 2 * filters)
            filters *= 2
    return total + 10 * filters


def test_the_published_architecture_has_as_many_parameters_as_counted_by_hand() -> None:
    """The paper says 21.3 million of one that it does not list, of 12 layers by its text.

    The published code would count 42,559,392 here, with full convolutions for separable ones.
    """
    network = built(MACRO, 96, (3, 32, 32))

    assert sum(weight.numel() for weight in network.parameters()) == 30_947_424
    assert num_parameters(MACRO, 96) == 30_947_424


def test_multiply_adds_are_those_computed_by_hand() -> None:
    network = built("0\n3 0\n4 0 0", 2, (3, 8, 8))

    # 64 pixels: stem 3 x 9 x 2 = 54, layer 1 2 x 2 + 2 x 9 x 2 = 40; reduced to 16 pixels by 2 x 4;
    # layer 2 4 x 4 + 4 x 25 + 4 x 4 + 4 x 4 = 148; reduced to 4 pixels by 4 x 8;
    # layer 3 8 x 8 + 8 x 8 = 128; classifier 8 x 10
    expected = 64 * (54 + 40) + 16 * (8 + 148) + 4 * (32 + 128) + 80
    assert count(network, (3, 8, 8)).num_multiply_adds == expected


def test_only_outputs_that_a_later_layer_takes_are_reduced() -> None:
    network = built("0\n0 0\n0 1 0\n0 0 0 0\n0 0 0 0 0\n0 1 0 0 1 0", 2, (3, 9, 9))

    # of those before layer 3 the stem and the last; before layer 5 the stem, 3 and the last
    assert [sorted(each.of) for each in network.reductions.values()] == [
        ["0", "2"],
        ["0", "3", "4"],
    ]


def test_dropout_comes_before_the_classifier() -> None:
    torch.manual_seed(0)
    network = build_network(
        MacroPlan.parse("8 filters | conv3 | conv3 | conv3"),
        image_shape=(3, 8, 8),
        num_classes=10,
        regularisation=Regularisation(dropout=0.5),
    )
    features: list[Tensor] = []
    network.head.linear.register_forward_pre_hook(lambda _, args: features.append(args[0]))

    network(torch.randn(8, 3, 8, 8))

    # 8 x 32 fair coins: mean 128, deviation 8; five of those on each side
    assert 88 < (features[0] == 0).sum() < 168
