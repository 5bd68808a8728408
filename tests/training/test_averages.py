from __future__ import annotations

import pytest
import torch
from torch import nn

from nas_lib.training.averages import DecayingAverage


class Numbers(nn.Module):
    """A weight, a statistic as BatchNorm has one, and a count of steps."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(1))
        self.register_buffer("mean", torch.zeros(1))
        self.register_buffer("count", torch.tensor(0))

    def step(self, value: float) -> None:
        with torch.no_grad():
            self.weight.fill_(value)
        for name, number in (("mean", -value), ("count", int(value))):
            self.get_buffer(name).fill_(number)


@pytest.mark.parametrize(("decay", "expected"), [(0.999, 18.0), (0.1, 18.9)])
def test_first_weights_are_soon_forgotten_and_then_the_decay_holds(
    decay: float, expected: float
) -> None:
    network = Numbers()
    average = DecayingAverage(network, decay)

    for value in (10.0, 20.0):
        network.step(value)
        average.update_parameters(network)

    # Decays at most 1/10 and 2/11: 0.1 x 0 + 0.9 x 10 = 9; 2/11 x 9 + 9/11 x 20 = 198/11 = 18.
    # With 0.1 at most: 9 again; 0.1 x 9 + 0.9 x 20 = 18.9.
    assert average.module.weight.item() == pytest.approx(expected)
    assert average.module.get_buffer("mean").item() == pytest.approx(-expected)
    assert average.module.get_buffer("count").item() == 20
    assert network.weight.item() == 20


def test_a_long_training_averages_over_as_many_steps_as_the_decay_says() -> None:
    network = Numbers()
    average = DecayingAverage(network, 0.5)
    average.n_averaged.fill_(1000)  # (1 + 1000) / (10 + 1000) is more than 0.5

    network.step(8.0)
    average.update_parameters(network)

    assert average.module.weight.item() == 4  # half of 0 and of 8
