"""What a network costs: parameters and multiply-adds."""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from nas_lib.networks.image_network import without_auxiliary


class Cost(NamedTuple):
    """The size of a network."""

    num_parameters: int  # trainable, without those of an auxiliary classifier
    num_multiply_adds: int  # of convolutions and matrices, for one image or word


@torch.inference_mode()
def count(network: nn.Module, image_shape: tuple[int, int, int]) -> Cost:
    """Return the cost of a network for images, for one of `[C, H, W]`.

    The network runs on a batch of no images: that costs nothing and gives every shape.
    """
    multiply_adds = 0

    def add(module: nn.Module, _: Any, output: Tensor) -> None:
        nonlocal multiply_adds
        assert isinstance(module, nn.Conv2d | nn.Linear)
        # each output value is a sum of as many products as one filter has weights
        multiply_adds += output.shape[1:].numel() * module.weight.shape[1:].numel()

    hooks = [
        module.register_forward_hook(add)
        for module in network.modules()
        if isinstance(module, nn.Conv2d | nn.Linear)
    ]
    was_training = network.training
    network.eval()(torch.empty(0, *image_shape))  # eval: BatchNorm keeps its statistics
    network.train(was_training)
    for hook in hooks:
        hook.remove()
    parameters = without_auxiliary(dict(network.named_parameters()))
    return Cost(sum(weight.numel() for weight in parameters.values()), multiply_adds)
