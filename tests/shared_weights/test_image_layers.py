from __future__ import annotations

import pytest
import torch
from plain_layers import randomise
from torch import Tensor, nn

from nas_lib.config import CellsConfig, EnasMacroSpaceConfig, EnasMicroSpaceConfig, FiltersConfig
from nas_lib.shared_weights.image_layers import (
    ConvNorm,
    FactorisedReduction,
    SeparableConvNorm,
)
from nas_lib.shared_weights.norm import Norm, OfBatch, Running, Training
from nas_lib.tasks.images.workload import build_super_network


@pytest.mark.parametrize(
    "layer",
    [ConvNorm(3, 4, window=3, relu=True), SeparableConvNorm(3, 4, window=5)],
    ids=["convolution", "separable"],
)
def test_folding_batchnorm_into_the_convolution_before_changes_nothing(layer: nn.Module) -> None:
    randomise(layer)
    layer.double().eval()
    images = torch.randn(5, 3, 6, 6, dtype=torch.float64)
    by_batch = layer(images, OfBatch())
    (norm,) = (module for module in layer.modules() if isinstance(module, Norm))
    seen: list[Tensor] = []
    norm.register_forward_pre_hook(lambda module, inputs: seen.append(inputs[0]))
    layer(images, OfBatch())
    norm.running_mean.copy_(seen[0].mean(dim=(0, 2, 3)))
    norm.running_variance.copy_(seen[0].var(dim=(0, 2, 3), correction=0))

    folded = layer(images, Running())

    assert len(seen) == 1  # the norm itself was not called again
    torch.testing.assert_close(folded, by_batch)


def test_half_of_a_reductions_filters_see_the_other_pixels() -> None:
    layer = FactorisedReduction(1, 2)
    nn.init.ones_(layer.even.weight)
    nn.init.ones_(layer.odd.weight)
    nn.init.constant_(layer.norm.running_variance, 1 - 1e-5)
    image = torch.arange(9.0).reshape(1, 1, 3, 3)

    first, second = layer(image, Running())[0]

    assert first.tolist() == [[0, 2], [6, 8]]
    assert second.tolist() == [[4, 0], [0, 0]]  # of three pixels, the fourth is a zero


def test_a_reduction_to_one_filter_sees_the_first_pixels_only() -> None:
    layer = FactorisedReduction(1, 1)

    layer(torch.randn(2, 1, 4, 4), Training()).sum().backward()

    assert layer.odd is None
    assert layer.even.weight.grad is not None


@pytest.mark.parametrize(
    ("space", "tokens"),
    [
        (
            EnasMacroSpaceConfig(layers=6, shared=FiltersConfig(filters=4)),
            (0, *(1, 1), *(2, 1, 0), *(3, 0, 1, 1), *(4, 1, 0, 0, 0), *(5, 0, 0, 1, 0, 1)),
        ),
        (
            EnasMicroSpaceConfig(nodes=2, shared=CellsConfig(cells=3, filters=4)),
            (0, 1, 0, 2, 2, 0, 1, 4) * 2,
        ),
    ],
    ids=["macro", "micro"],
)
def test_channels_lie_next_to_each_other_everywhere(
    space: EnasMacroSpaceConfig | EnasMicroSpaceConfig, tokens: tuple[int, ...]
) -> None:
    """Where they did not, one layer would be several times slower, and nothing else would show."""
    network = build_super_network(space, image_shape=(3, 16, 16), num_classes=5)
    maps: list[Tensor] = []
    gradients: list[Tensor] = []

    def look(module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        maps.extend([inputs[0], output])
        output.register_hook(gradients.append)

    for module in network.modules():
        if isinstance(module, Norm | SeparableConvNorm | FactorisedReduction):
            module.register_forward_hook(look)
    network(torch.randn(2, 3, 16, 16), tokens).sum().backward()

    assert len(gradients) > 20
    _of_mean, *others = gradients  # that of the mean over all pixels is one number for each map
    assert all(x.is_contiguous(memory_format=torch.channels_last) for x in [*maps, *others])
