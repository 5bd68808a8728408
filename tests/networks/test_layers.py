from __future__ import annotations

import math
from itertools import product

import layers_by_hand as plain
import numpy as np
import pytest
import torch
from torch import Tensor

from nas_lib.networks.layers import (
    ConvNorm,
    FactorisedReduction,
    Head,
    ImageNorm,
    Pool,
    SeparableConvNorm,
    convolution,
)

SIZES = [(8, 8), (5, 4), (3, 7), (1, 2), (1, 1)]


def image(size: tuple[int, int], channels: int = 3) -> Tensor:
    return torch.randn(1, channels, *size, dtype=torch.float64)


@pytest.mark.parametrize("size", SIZES)
def test_layers_have_the_values_of_a_plain_reference(size: tuple[int, int]) -> None:
    torch.manual_seed(0)
    x_BCHW = image(size)
    x_CHW = x_BCHW[0].numpy()
    layer: torch.nn.Module

    layer = ConvNorm(3, 4, window=3)
    state = {f"a.{name}": x for name, x in plain.randomised(layer).items()}
    np.testing.assert_allclose(
        layer(x_BCHW)[0].detach(), plain.conv_norm(x_CHW, state, "a"), atol=1e-12
    )
    for stride, window in product((1, 2), (3, 5)):
        layer = SeparableConvNorm(3, 4, window=window, stride=stride)
        state = {f"a.{name}": x for name, x in plain.randomised(layer).items()}
        expected = plain.separable_norm(x_CHW, state, "a", stride)
        np.testing.assert_allclose(layer(x_BCHW)[0].detach(), expected, atol=1e-12)
    for num_filters in (1, 4, 5):
        layer = FactorisedReduction(3, num_filters)
        state = {f"a.{name}": x for name, x in plain.randomised(layer).items()}
        expected = plain.reduction(x_CHW, state, "a")
        np.testing.assert_allclose(layer(x_BCHW)[0].detach(), expected, atol=1e-12)
    for stride, kind in product((1, 2), ("avg3", "max3")):
        expected = plain.pool(x_CHW, kind, stride)
        np.testing.assert_allclose(Pool(kind, stride=stride)(x_BCHW)[0], expected, atol=1e-12)


@pytest.mark.parametrize("size", SIZES)
def test_a_stride_of_two_gives_half_the_pixels_rounded_up(size: tuple[int, int]) -> None:
    x_BCHW = image(size).float()
    layers = [
        SeparableConvNorm(3, 4, window=3, stride=2),
        SeparableConvNorm(3, 4, window=5, stride=2),
        FactorisedReduction(3, 4),
        Pool("avg3", stride=2),
        Pool("max3", stride=2),
    ]

    for layer in layers:
        assert layer.eval()(x_BCHW).shape[2:] == tuple(math.ceil(pixels / 2) for pixels in size)


def test_a_factorised_reduction_looks_at_pixels_0_2_and_1_3() -> None:
    layer = FactorisedReduction(1, 2).eval()
    torch.nn.init.ones_(layer.even.weight)
    torch.nn.init.ones_(layer.odd.weight)
    x_BCHW = torch.arange(9.0).reshape(1, 1, 3, 3)

    even, odd = layer(x_BCHW)[0] * math.sqrt(1 + 1e-5)  # BatchNorm divides by that

    # 0 1 2    even rows and columns: 0 2 / 6 8
    # 3 4 5    odd ones: only the 4, and zeros beyond the edge
    # 6 7 8
    torch.testing.assert_close(even, torch.tensor([[0.0, 2.0], [6.0, 8.0]]))
    torch.testing.assert_close(odd, torch.tensor([[4.0, 0.0], [0.0, 0.0]]))


def test_pooling_counts_only_the_pixels_of_the_image() -> None:
    x_BCHW = -torch.tensor([[1.0, 2.0], [3.0, 6.0]]).reshape(1, 1, 2, 2)

    assert Pool("avg3")(x_BCHW).flatten().tolist() == [-3.0] * 4  # (1 + 2 + 3 + 6) / 4
    assert Pool("max3")(x_BCHW).flatten().tolist() == [-1.0] * 4


def test_the_head_drops_features_only_in_training() -> None:
    torch.manual_seed(0)
    head = Head(2000, 1, dropout=0.25)
    torch.nn.init.ones_(head.linear.weight)
    x_BCHW = torch.ones(1, 2000, 3, 3)

    assert head.eval()(x_BCHW).item() == 2000
    # a feature is 4/3 with probability 3/4: deviation of 2000 of them 2000^(1/2) x 3^(-1/2) = 26
    dropped = head.train()(x_BCHW).item()
    assert dropped != 2000
    assert abs(dropped - 2000) < 5 * 26


def test_convolutions_start_he_normal() -> None:
    torch.manual_seed(0)

    # sqrt(2 / (64 channels x 5 x 5)) = 0.0354; each channel by itself sqrt(2 / 25) = 0.283
    assert convolution(64, 64, window=5).weight.std().item() == pytest.approx(0.0354, rel=0.02)
    alone = convolution(512, 512, window=5, groups=512)
    assert alone.weight.std().item() == pytest.approx(0.283, rel=0.02)


@pytest.mark.parametrize("num_groups", [1, 6])
@pytest.mark.parametrize("memory_format", [torch.contiguous_format, torch.channels_last])
def test_a_norm_of_images_is_as_exact_where_they_hardly_vary(
    num_groups: int, memory_format: torch.memory_format
) -> None:
    torch.manual_seed(0)
    x_BCHW = 5 + torch.randn(2, 6, 8, 8) / 1000  # squares differ by less than their last digit
    norm = ImageNorm(num_groups, 6)

    found = norm(x_BCHW.contiguous(memory_format=memory_format))

    expected = torch.group_norm(x_BCHW.double(), num_groups)
    assert (found - expected).abs().max() < 1e-3
    assert found.is_contiguous(memory_format=memory_format)


def test_the_norm_of_a_single_number_is_zero() -> None:
    assert ImageNorm(3, 3).eval()(torch.randn(1, 3, 1, 1)).abs().max() < 1e-3
