from __future__ import annotations

import pytest
import torch
from pydantic import ValidationError
from torch import nn
from torch.optim import Optimizer
from toy_images import children

from nas_lib.training.optimizers import RmsProp, build_optimizer


def one_weight(value: float) -> nn.Parameter:
    return nn.Parameter(torch.tensor([value]))


def rmsprop(weight: nn.Parameter, *, weight_decay: float = 0.0) -> RmsProp:
    return RmsProp([weight], 0.1, decay=0.9, epsilon=1.0, momentum=0.9, weight_decay=weight_decay)


def step(optimizer: Optimizer, weight: nn.Parameter, gradient: float, rate: float) -> float:
    weight.grad = torch.full_like(weight, gradient)
    optimizer.param_groups[0]["lr"] = rate
    optimizer.step()
    return weight.item()


def test_rmsprop_has_epsilon_under_the_root_and_the_rate_within_the_momentum() -> None:
    weight = one_weight(1.0)
    optimizer = rmsprop(weight)

    found = [step(optimizer, weight, *each) for each in ((1, 0.1), (-2, 0.1), (2, 0.01))]

    # mean square 0.9 x 1 + 0.1 x 1 = 1; buffer 0.1 x 1 / sqrt(1 + 1) = 0.0707107
    # 0.9 x 1 + 0.1 x 4 = 1.3; 0.9 x 0.0707107 - 0.1 x 2 / sqrt(1.3 + 1) = -0.0682365
    # 0.9 x 1.3 + 0.1 x 4 = 1.57; 0.9 x -0.0682365 + 0.01 x 2 / sqrt(1.57 + 1) = -0.0489372
    assert found == pytest.approx([0.9292893, 0.9975258, 1.0464630], abs=1e-6)


def test_rmsprop_adds_the_l2_penalty_to_the_gradient_before_it_is_squared() -> None:
    weight = one_weight(2.0)

    # 1 + 0.5 x 2 = 2; mean square 0.9 + 0.1 x 4 = 1.3; 0.1 x 2 / sqrt(1.3 + 1) = 0.1318761
    found = step(rmsprop(weight, weight_decay=0.5), weight, 1, 0.1)

    assert found == pytest.approx(2 - 0.1318761, abs=1e-6)


def test_rmsprop_leaves_weights_without_a_gradient_alone() -> None:
    used, unused = one_weight(1.0), one_weight(1.0)
    optimizer = RmsProp([used, unused], 0.1, decay=0.9, epsilon=1.0, momentum=0.9, weight_decay=0.5)
    optimizer.step()
    assert (used.item(), unused.item()) == (1, 1)

    step(optimizer, used, 1, 0.1)

    assert used.item() < unused.item() == 1


def test_children_are_trained_by_the_optimizer_that_their_settings_name() -> None:
    network = nn.Linear(1, 1)

    by_sgd = build_optimizer(network, children())
    by_rmsprop = build_optimizer(network, children(optimizer="rmsprop", nesterov=False))
    by_adam = build_optimizer(network, children(optimizer="adam", nesterov=False))

    assert (type(by_sgd), type(by_rmsprop)) == (torch.optim.SGD, RmsProp)
    assert type(by_adam) is torch.optim.Adam


def adam(weight: nn.Parameter, **settings: float) -> Optimizer:
    network = nn.Module()
    network.register_parameter("weight", weight)
    return build_optimizer(network, children(optimizer="adam", nesterov=False, **settings))


def test_adam_divides_the_mean_gradient_by_the_root_of_the_mean_square() -> None:
    weight = one_weight(1.0)
    optimizer = adam(weight, adam_beta_1=0.5, adam_beta_2=0.75, adam_epsilon=0.5, weight_decay=0)

    found = [step(optimizer, weight, *each) for each in ((2, 0.1), (-4, 0.1))]

    # means 0.5 x 2 = 1 and 0.25 x 4 = 1, over 1 - 0.5 and 1 - 0.75: 2 and 4; 0.1 x 2 / (2 + 0.5)
    # 0.5 x 1 - 0.5 x 4 = -1.5 over 0.75: -2; 0.75 + 0.25 x 16 = 4.75 over 0.4375: 10.8571429;
    # -0.1 x 2 / (3.2950179 + 0.5) = -0.0527007
    assert found == pytest.approx([0.92, 0.9727007], abs=1e-6)


def test_adam_adds_the_l2_penalty_to_the_gradient() -> None:
    weight = one_weight(2.0)

    # -3 + 1 x 2 = -1, whose first step is 0.1 whatever its size: up
    found = step(adam(weight, weight_decay=1.0), weight, -3, 0.1)

    assert found == pytest.approx(2.1, abs=1e-6)


@pytest.mark.parametrize("optimizer", ["rmsprop", "adam"])
def test_nesterov_is_of_sgd(optimizer: str) -> None:
    with pytest.raises(ValidationError, match=f"expected false with optimizer {optimizer}, got tr"):
        children(optimizer=optimizer)
