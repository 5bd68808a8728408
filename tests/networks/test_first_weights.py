from __future__ import annotations

from collections.abc import Callable
from typing import Any, get_args

import pytest
import torch
from torch import nn
from toy_images import PLAN

from nas_lib.config.training import Initialisation
from nas_lib.networks import build_network, initialise


def network() -> nn.Sequential:
    torch.manual_seed(3)
    return nn.Sequential(nn.Conv2d(2, 4, 3), nn.BatchNorm2d(4), nn.Conv2d(4, 4, 1), nn.Linear(4, 2))


@pytest.mark.parametrize(
    ("scheme", "draw"),
    [
        ("kaiming_normal", lambda w: nn.init.kaiming_normal_(w, nonlinearity="relu")),
        ("kaiming_uniform", lambda w: nn.init.kaiming_uniform_(w, nonlinearity="relu")),
        ("xavier_normal", nn.init.xavier_normal_),
        ("xavier_uniform", nn.init.xavier_uniform_),
        ("orthogonal", nn.init.orthogonal_),
    ],
)
def test_convolutions_and_matrices_are_drawn_as_torch_does_and_the_rest_stays(
    scheme: Initialisation, draw: Callable[[torch.Tensor], Any]
) -> None:
    mine, theirs = network(), network()

    torch.manual_seed(7)
    initialise(mine, scheme)

    torch.manual_seed(7)
    for number in (0, 2, 3):
        draw(theirs[number].weight)
    torch.testing.assert_close(mine.state_dict(), theirs.state_dict(), rtol=0, atol=0)


def test_every_scheme_of_the_document_is_known_and_what_nobody_learns_stays() -> None:
    for scheme in get_args(Initialisation):
        one = network()
        one[0].weight.requires_grad = False
        before = one[0].weight.clone(), one[2].weight.clone()

        initialise(one, scheme)

        assert torch.equal(one[0].weight, before[0])
        assert not torch.equal(one[2].weight, before[1])


def test_every_norm_has_the_epsilon_and_momentum_that_are_asked_for_or_the_networks_own() -> None:
    for asked, expected in (((None, None), (1e-5, 0.1)), ((0.02, 0.3), (0.02, 0.3))):
        found = build_network(
            PLAN,
            image_shape=(1, 6, 6),
            num_classes=3,
            norm_epsilon=asked[0],
            norm_momentum=asked[1],
        )

        norms = [module for module in found.modules() if isinstance(module, nn.BatchNorm2d)]
        assert [(norm.eps, norm.momentum) for norm in norms] == [expected, expected]
