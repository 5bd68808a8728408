from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from nas_lib.networks import build_network
from nas_lib.spaces import ReferencePlan


def norm(x_BCHW: Tensor, state: dict[str, Tensor], name: str) -> Tensor:
    mean, var, weight, bias = (
        state[f"{name}.norm.{each}"][:, None, None]
        for each in ("running_mean", "running_var", "weight", "bias")
    )
    return (x_BCHW - mean) / (var + 1e-5).sqrt() * weight + bias


def test_a_network_is_the_papers_block_by_block() -> None:
    torch.manual_seed(0)
    network = build_network(ReferencePlan.parse("resnet-14"), image_shape=(3, 7, 8), num_classes=4)
    images = torch.randn(5, 3, 7, 8)
    network(images)  # so that averages are not as they begin
    state = network.eval().state_dict()

    def conv(x_BCHW: Tensor, name: str, stride: int = 1) -> Tensor:
        weight = state[f"{name}.conv.weight"]
        return norm(F.conv2d(x_BCHW, weight, stride=stride, padding=1), state, name)

    x = conv(images, "stem").relu()
    for number in range(6):  # (14 - 2) / 6 = 2 of each stage
        halves = number in (2, 4)
        y = conv(x, f"blocks.{number}.first", 2 if halves else 1).relu()
        y = conv(y, f"blocks.{number}.second")
        if halves:  # every second pixel, and as many channels more, which are zero
            x = torch.cat([x[:, :, ::2, ::2], torch.zeros(x[:, :, ::2, ::2].shape)], dim=1)
        x = (x + y).relu()
    assert x.shape == (5, 64, 2, 2)  # of 7 x 8: 4 x 4, 2 x 2
    weight, bias = state["classifier.linear.weight"], state["classifier.linear.bias"]
    expected = x.mean(dim=(2, 3)) @ weight.t() + bias

    torch.testing.assert_close(network(images), expected, rtol=1e-4, atol=1e-5)
