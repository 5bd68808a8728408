from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from nas_lib.networks.depthwise import convolve_channels


@pytest.mark.parametrize("window", [1, 3, 5, 7])
@pytest.mark.parametrize("size", [(6, 5), (4, 1), (1, 3), (2, 2)])
def test_the_gradient_of_single_channels_is_that_of_torchs_convolution(
    window: int, size: tuple[int, int]
) -> None:
    x = torch.randn(2, 3, *size, dtype=torch.float64, requires_grad=True)
    weight = torch.randn(3, 1, window, window, dtype=torch.float64, requires_grad=True)
    torchs = F.conv2d(x, weight, padding=window // 2, groups=3)

    ours = convolve_channels(x, weight)

    torch.testing.assert_close(ours, torchs)
    towards = torch.randn_like(ours)
    for got, expected in zip(
        torch.autograd.grad(ours, (x, weight), towards),
        torch.autograd.grad(torchs, (x, weight), towards),
        strict=True,
    ):
        torch.testing.assert_close(got, expected)
