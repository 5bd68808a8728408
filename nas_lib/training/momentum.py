"""The momentum of SGD as named tensors, for checkpoints."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

_KEY = "momentum_buffer"  # in torch.optim.SGD's state of a parameter


def momentum_of(network: nn.Module, optimizer: torch.optim.Optimizer) -> dict[str, Tensor]:
    """Return the buffer of each parameter by its name; none without momentum, or before a step."""
    buffers = {
        name: optimizer.state[parameter].get(_KEY) for name, parameter in network.named_parameters()
    }
    return {name: buffer for name, buffer in buffers.items() if buffer is not None}


def set_momentum(
    network: nn.Module, optimizer: torch.optim.Optimizer, momentum: Mapping[str, Tensor]
) -> None:
    """Give the optimiser copies of the buffers that `momentum_of` returned."""
    for name, parameter in network.named_parameters():
        if name in momentum:
            optimizer.state[parameter][_KEY] = torch.empty_like(parameter).copy_(momentum[name])
