from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from nas_lib.networks import ImageNetwork, build_network, count
from nas_lib.spaces import REFERENCES, ReferencePlan


def built(name: str, channels: int = 1, *, num_classes: int = 2) -> ImageNetwork:
    torch.manual_seed(0)
    plan = ReferencePlan.parse(name)
    return build_network(plan, image_shape=(channels, 1, 24), num_classes=num_classes)


@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        # windows x channels in x filters, and 2 of BatchNorm a filter; then (128 + 1) x 2
        ("fcn", (8 * 1 * 128 + 256) + (5 * 128 * 256 + 512) + (3 * 256 * 128 + 256) + 258),
        (
            "resnet-1d",
            # convolutions of 64, 128 and 128 filters: 8 steps of what comes in, 5, and 3 ...
            (8 * 1 + 8 * 64) * 64
            + (8 * 64 + 8 * 128) * 128
            + (8 * 128 + 8 * 128) * 128
            # ... shortcuts of one step where the number of channels changes, BatchNorm of all ...
            + 1 * 64
            + 64 * 128
            + 4 * 2 * (64 + 128 + 128)
            # ... and the classifier
            + 258,
        ),
    ],
)
def test_a_network_has_as_many_parameters_as_are_counted_by_hand(
    name: str, parameters: int
) -> None:
    assert count(built(name), (1, 1, 24)).num_parameters == parameters


def test_a_residual_network_is_the_papers_block_by_block() -> None:
    network = built("resnet-1d", 3)
    series = torch.randn(5, 3, 1, 11)
    network(series)  # so that averages are not as they begin
    state = network.eval().state_dict()

    def norm(x_BCW: Tensor, name: str) -> Tensor:
        mean, var, weight, bias = (
            state[f"{name}.{each}"][:, None]
            for each in ("running_mean", "running_var", "weight", "bias")
        )
        return (x_BCW - mean) / (var + 1e-5).sqrt() * weight + bias

    def conv(x_BCW: Tensor, name: str) -> Tensor:
        weight = state[f"{name}.conv.weight"][:, :, 0]
        steps = weight.shape[2]
        padded = F.pad(x_BCW, ((steps - 1) // 2, steps // 2))  # as Keras has "same"
        return norm(F.conv1d(padded, weight), f"{name}.norm")

    x = series[:, :, 0]
    for number in range(3):
        name = f"blocks.{number}"
        y = conv(conv(conv(x, f"{name}.first").relu(), f"{name}.second").relu(), f"{name}.last")
        is_wider = number < 2
        x = (y + (conv if is_wider else norm)(x, f"{name}.shortcut")).relu()
    expected = x.mean(dim=2) @ state["classifier.linear.weight"].t()
    expected = expected + state["classifier.linear.bias"]

    torch.testing.assert_close(network(series), expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", REFERENCES["series"])
def test_a_network_takes_series_of_any_length_and_learns_in_all_its_parts(name: str) -> None:
    network = built(name, 2, num_classes=3)

    for steps in (1, 2, 7):
        assert network(torch.randn(2, 2, 1, steps)).shape == (2, 3)
    network(torch.randn(4, 2, 1, 9)).square().sum().backward()

    assert all(each.grad is not None and each.grad.any() for each in network.parameters())
