"""First weights by torch's schemes, where a training wants others than the network's own."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from torch import nn

from nas_lib.config.training import Initialisation

_SCHEMES: dict[Initialisation, Callable[..., Any]] = {
    "kaiming_normal": partial(nn.init.kaiming_normal_, nonlinearity="relu"),
    "kaiming_uniform": partial(nn.init.kaiming_uniform_, nonlinearity="relu"),
    "xavier_normal": nn.init.xavier_normal_,
    "xavier_uniform": nn.init.xavier_uniform_,
    "orthogonal": nn.init.orthogonal_,
}


def initialise(network: nn.Module, scheme: Initialisation) -> None:
    """Draw the weights of all convolutions and matrices that are learnt, in the network's order.

    From torch's global generator. What has one dimension (biases, BatchNorm) stays as it is.
    """
    for weight in network.parameters():
        if weight.requires_grad and weight.dim() > 1:
            _SCHEMES[scheme](weight)
