from __future__ import annotations

import math
from itertools import product

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from nas_lib.config import CnnSpaceConfig, DepthConfig
from nas_lib.errors import ArchitectureError
from nas_lib.networks import Regularisation, build_network
from nas_lib.networks.cnn import DenseBlock, MaxPool, concatenate
from nas_lib.spaces import CnnPlan, CnnSpace, RnnPlan
from nas_lib.spaces.cnn import Layer

Array = NDArray[np.float64]


def build(config: str, image_shape: tuple[int, int, int] = (3, 8, 8)) -> nn.Module:
    return build_network(CnnPlan.parse(config), image_shape=image_shape, num_classes=10)


def layer_of(text: str) -> Layer:
    (layer,) = CnnPlan.parse(text).layers
    return layer


def test_a_plan_of_no_image_network_is_refused() -> None:
    plan = RnnPlan.parse("8 units | tanh | mean of 0")

    sentence = "^CellModel is no network for images, got the plan 8 units"
    with pytest.raises(ArchitectureError, match=sentence):
        build_network(plan, image_shape=(1, 8, 8), num_classes=2)


def test_smaller_features_are_padded_with_zeros_around_the_centre() -> None:
    flat, tall, large = torch.ones(1, 1, 1, 2), torch.ones(1, 1, 2, 1), torch.ones(1, 1, 3, 3)

    joined = concatenate([flat, tall, large])

    # two missing go to both sides, one to the end: rows of `flat` and columns of `tall`, then
    # columns of `flat` and rows of `tall`
    assert joined[0, 0].tolist() == [[0, 0, 0], [1, 1, 0], [0, 0, 0]]
    assert joined[0, 1].tolist() == [[0, 1, 0], [0, 1, 0], [0, 0, 0]]
    assert joined[0, 2].tolist() == [[1, 1, 1]] * 3


def test_features_that_are_larger_in_one_direction_each_are_both_padded() -> None:
    assert concatenate([torch.ones(2, 3, 4, 1), torch.ones(2, 5, 2, 6)]).shape == (2, 8, 4, 6)


def test_every_window_and_stride_gives_size_over_stride_pixels_rounded_up() -> None:
    for window, stride, size in product(range(1, 9), range(1, 4), (1, 2, 5, 8)):
        images = torch.randn(2, 1, size, 3)
        for kind, filters in (("conv", "x4"), ("max_pool", "")):
            layer = layer_of(f"{kind} {window}x2{filters}/{stride}x2 <- image")
            module = DenseBlock(layer, 1) if kind == "conv" else MaxPool(layer)

            assert module(images).shape[2:] == (math.ceil(size / stride), 2)  # ceil(3 / 2) columns


def test_pooling_never_sees_its_padding() -> None:
    layer = layer_of("max_pool 2x2/2x2 <- image")
    images = -torch.arange(1.0, 10.0).reshape(1, 1, 3, 3)

    # windows: -1 -2 -4 -5 | -3 -6 || -7 -8 | -9
    assert MaxPool(layer)(images)[0, 0].tolist() == [[-1, -3], [-7, -9]]


def test_a_forward_pass_has_the_values_of_a_plain_reference() -> None:
    """Covers even windows, strides, two layers on the image, two unused outputs, zero padding."""
    network = build("conv 2x3x2/2x1 <- image | conv 3x1x2/1x1 <- image", (2, 3, 4)).double().eval()
    for layer in network.layers:
        nn.init.uniform_(layer.convs[0].norm.bias)  # so that a padded zero is no layer's output
        nn.init.uniform_(layer.convs[0].norm.running_mean)
    images = torch.randn(1, 2, 3, 4, dtype=torch.float64)
    state = {name: tensor.detach().numpy() for name, tensor in network.state_dict().items()}

    first = reference_layer(images[0].numpy(), state, "layers.0.convs.0", stride=(2, 1))
    second = reference_layer(images[0].numpy(), state, "layers.1.convs.0", stride=(1, 1))
    # 2x4 and 3x4 pixels: means over 12, for the first one of 8 values and 4 zeros
    means = np.concatenate([first.sum(axis=(1, 2)) / 12, second.mean(axis=(1, 2))])
    logits = state["classifier.weight"] @ means + state["classifier.bias"]

    np.testing.assert_allclose(network(images)[0].detach().numpy(), logits, rtol=1e-12)


def reference_layer(
    image_CHW: Array, state: dict[str, Array], name: str, *, stride: tuple[int, int]
) -> Array:
    """Convolution, BatchNorm in evaluation, ReLU, pixel by pixel."""
    weight_FCHW = state[f"{name}.conv.weight"]
    height, width = weight_FCHW.shape[2:]
    around = ((height - 1) // 2, height // 2), ((width - 1) // 2, width // 2)
    padded = np.pad(image_CHW, ((0, 0), *around))
    rows, columns = (-(-n // s) for n, s in zip(image_CHW.shape[1:], stride, strict=True))
    out = np.zeros((len(weight_FCHW), rows, columns))
    for f, i, j in np.ndindex(out.shape):
        top, left = i * stride[0], j * stride[1]
        out[f, i, j] = (weight_FCHW[f] * padded[:, top : top + height, left : left + width]).sum()
    mean, var, scale, shift = (
        state[f"{name}.norm.{part}"][:, None, None]
        for part in ("running_mean", "running_var", "weight", "bias")
    )
    return np.maximum(0, (out - mean) / np.sqrt(var + 1e-5) * scale + shift)


def test_a_layer_without_inputs_takes_the_image() -> None:
    network = build("conv 1x1x4/1x1 <- image | conv 1x1x6/1x1 <- image | conv 1x1x8/1x1 <- 1,2")

    in_channels = [layer.convs[0].conv.in_channels for layer in network.layers]

    assert in_channels == [3, 3, 10]  # the image twice, then 4 + 6 filters


def test_the_classifier_takes_all_outputs_that_no_layer_took() -> None:
    network = build("conv 1x1x4/1x1 <- image | conv 3x3x6/1x1 <- 1 | max_pool 2x2/2x2 <- 1")

    assert network.classifier.in_features == 10  # 6 filters, and 4 channels that were pooled


def test_a_block_is_densely_connected_and_puts_out_all_its_convolutions() -> None:
    layer = layer_of("3*conv 3x3x4/1x1 <- image")
    block, images = DenseBlock(layer, in_channels=2).eval(), torch.randn(1, 2, 5, 5)

    first = block.convs[0](images)
    second = block.convs[1](torch.cat([images, first], dim=1))
    third = block.convs[2](torch.cat([images, first, second], dim=1))

    assert torch.equal(block(images), torch.cat([first, second, third], dim=1))


def test_behind_a_stride_a_block_does_without_its_input() -> None:
    layer = layer_of("2*conv 3x3x4/1x2 <- image")
    block, images = DenseBlock(layer, in_channels=2).eval(), torch.randn(1, 2, 5, 5)

    first = block.convs[0](images)

    assert torch.equal(block(images), torch.cat([first, block.convs[1](first)], dim=1))
    assert block(images).shape == (1, 8, 5, 3)


def test_convolutions_start_he_normal() -> None:
    torch.manual_seed(0)
    network = build("conv 7x7x64/1x1 <- image", (64, 8, 8))

    weight = network.layers[0].convs[0].conv.weight
    # sqrt(2 / (64 channels x 7 x 7)) = 0.02525
    assert weight.std().item() == pytest.approx(0.02525, rel=0.02)
    assert weight.mean().item() == pytest.approx(0, abs=0.001)


def test_dropout_comes_before_the_classifier() -> None:
    torch.manual_seed(0)
    network = build_network(
        CnnPlan.parse("conv 3x3x40/1x1 <- image"),
        image_shape=(3, 8, 8),
        num_classes=10,
        regularisation=Regularisation(dropout=0.5),
    )
    features: list[Tensor] = []
    network.classifier.register_forward_pre_hook(lambda _, args: features.append(args[0]))

    network(torch.randn(8, 3, 8, 8))
    network.eval()(torch.randn(8, 3, 8, 8))

    # 320 fair coins: mean 160, deviation 8.9; five of those on each side
    assert 115 < (features[0] == 0).sum() < 205
    assert (features[1] > 0).all()


def test_tokens_that_a_pooling_layer_ignores_change_nothing() -> None:
    space = CnnSpace(CnnSpaceConfig(layer_types=("conv", "max_pool"), depth=DepthConfig(start=1)))
    one, other = space.decode((1, 0, 0, 0)), space.decode((1, 3, 2, 1))

    assert one.id == other.id
    torch.manual_seed(0)
    weights = build(one.config).state_dict()
    torch.manual_seed(0)
    assert_equal(build(other.config).state_dict(), weights)


def assert_equal(state: dict[str, Tensor], expected: dict[str, Tensor]) -> None:
    torch.testing.assert_close(state, expected, rtol=0, atol=0)
