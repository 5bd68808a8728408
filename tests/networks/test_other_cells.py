"""Cells that others published are built by the same network, as large as they say."""

from __future__ import annotations

import pytest
import torch
from other_cells import AMOEBANET_A, PNASNET_5, AmoebaNet, PNasNet

from nas_lib.networks import count
from nas_lib.networks.nasnet import NasNet
from nas_lib.spaces import NasNetPlan
from nas_lib.spaces.nasnet_plan import Cell

Cells = dict[str, Cell]
CIFAR, MOBILE, LARGE = (None, 32, 10), (32, 224, 1000), (96, 331, 1000)  # stem, size, classes


@pytest.mark.parametrize(
    ("kind", "published", "cells", "filters", "data", "parameters", "multiply_adds"),
    [
        (AmoebaNet, AMOEBANET_A, 6, 36, CIFAR, 3.2e6, None),
        (AmoebaNet, AMOEBANET_A, 4, 50, MOBILE, 5.1e6, 555e6),
        (PNasNet, PNASNET_5, 3, 48, CIFAR, 3.2e6, None),
        (PNasNet, PNASNET_5, 3, 54, MOBILE, 5.1e6, 588e6),
        (PNasNet, PNASNET_5, 4, 216, LARGE, 86.1e6, 25.0e9),
    ],
    ids=[
        "AmoebaNet-A",
        "AmoebaNet-A, mobile",
        "PNASNet-5",
        "PNASNet-5, mobile",
        "PNASNet-5, large",
    ],
)
def test_published_cells_are_as_large_as_published(
    kind: type[NasNet],
    published: Cells,
    cells: int,
    filters: int,
    data: tuple[int | None, int, int],
    parameters: float,
    multiply_adds: float | None,
) -> None:
    stem, size, num_classes = data
    plan = NasNetPlan(cells, filters, large_stem=stem, **published)
    cost = count(kind(plan, image_channels=3, num_classes=num_classes), (3, size, size))

    assert cost.num_parameters == pytest.approx(parameters, rel=0.02)
    if multiply_adds is not None:
        assert cost.num_multiply_adds == pytest.approx(multiply_adds, rel=0.005)


@pytest.mark.parametrize("stem", [None, 4])
@pytest.mark.parametrize(
    ("kind", "published"),
    [(AmoebaNet, AMOEBANET_A), (PNasNet, PNASNET_5)],
    ids=["AmoebaNet-A", "PNASNet-5"],
)
def test_every_parameter_of_them_learns(
    kind: type[NasNet], published: Cells, stem: int | None
) -> None:
    plan = NasNetPlan(1, 16, large_stem=stem, **published)
    network = kind(plan, image_channels=3, num_classes=5)

    network(torch.randn(2, 3, 33, 33)).square().sum().backward()

    for name, parameter in network.named_parameters():
        assert parameter.grad is not None, name
