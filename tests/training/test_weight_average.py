from __future__ import annotations

import pytest
import torch
from torch import nn

from nas_lib.training.weight_average import WeightAverage, first_averaged_epoch


@pytest.mark.parametrize(
    ("losses", "patience", "first"),
    [
        ([], 1, None),
        ([3, 2, 1], 1, None),
        ([3, 2, 2], 1, 4),  # epoch 3 is no better than epoch 2
        ([3, 2, 2.5, 1, 1.5, 1.2], 2, 7),  # best in epoch 4, then two worse ones
        ([3, 2, 2.5, 1, 1.5, 1.2, 0.5, 0.4], 2, 7),  # it does not end again
        ([3, 3, 3], 3, None),
        ([1, 2, 3], None, None),
    ],
)
def test_averaging_begins_once_validation_stops_to_improve(
    losses: list[float], patience: int | None, first: int | None
) -> None:
    assert first_averaged_epoch(losses, patience) == first


def set_weight(network: nn.Module, value: float) -> None:
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.fill_(value)


def test_the_average_is_the_mean_of_the_weights_after_each_step() -> None:
    network = nn.Linear(2, 1)
    average = WeightAverage(network)
    for value in (1.0, 2.0, 6.0):
        set_weight(network, value)
        average.add_step()

    # (1 + 2 + 6) / 3
    assert torch.allclose(average.weights["weight"], torch.full((1, 2), 3.0))
    with average.in_place():
        assert torch.equal(network.weight, average.weights["weight"])
    assert torch.equal(network.weight, torch.full((1, 2), 6.0))


def test_an_average_goes_on_after_the_steps_that_it_has() -> None:
    network = nn.Linear(1, 1)
    weights = {name: torch.full_like(x, 3.0) for name, x in network.named_parameters()}
    average = WeightAverage(network, weights=weights, num_steps=3)
    set_weight(network, 7.0)
    average.add_step()

    # (3 * 3 + 7) / 4
    assert average.weights["bias"].item() == pytest.approx(4.0)
    assert weights["bias"].item() == 3.0


def test_an_error_leaves_the_network_with_its_own_weights() -> None:
    network = nn.Linear(1, 1)
    average = WeightAverage(network)
    set_weight(network, 7.0)
    with pytest.raises(RuntimeError), average.in_place():
        raise RuntimeError
    assert network.weight.item() == 7.0
