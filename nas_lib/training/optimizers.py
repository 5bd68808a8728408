"""What makes the steps: SGD, RMSProp as TensorFlow has it, or Adam; and what they remember.

torch's RMSProp is another one: it adds epsilon to the root. With an epsilon of 1, which published
settings for ImageNet have, that is far from the same.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Final

import torch
from torch import Tensor, nn
from torch.optim import SGD, Adam, Optimizer

from nas_lib.config import TrainedChildrenPart

Remembered = dict[str, dict[str, Tensor]]
"""By part of a checkpoint what is remembered of each parameter: `momentum`, the running sum or mean
of gradients; `mean_square`, the moving mean of their squares; `steps`, how many there were."""

_MOMENTUM: Final = "momentum_buffer"
_MEAN_SQUARE: Final = "mean_square"


class RmsProp(Optimizer):
    """RMSProp as TensorFlow has it (`tf.train.RMSPropOptimizer`, not centred).

    mean_square <- decay * mean_square + (1 - decay) * gradient^2, from 1 on;
    buffer <- momentum * buffer + learning_rate * gradient / sqrt(mean_square + epsilon), from 0 on;
    weight <- weight - buffer.
    """

    def __init__(
        self,
        parameters: Iterable[nn.Parameter],
        learning_rate: float,
        *,
        decay: float,
        epsilon: float,
        momentum: float,
        weight_decay: float,
    ) -> None:
        super().__init__(parameters, {"lr": learning_rate})
        self._decay, self._epsilon = decay, epsilon
        self._momentum, self._weight_decay = momentum, weight_decay

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> None:  # type: ignore[override]
        """Take a step along the gradients that there are."""
        assert closure is None
        (group,) = self.param_groups
        pairs = [(weight, weight.grad) for weight in group["params"] if weight.grad is not None]
        if not pairs:
            return
        weights, gradients = zip(*pairs, strict=True)
        squares = [self._of(weight, _MEAN_SQUARE, first=1) for weight in weights]
        buffers = [self._of(weight, _MOMENTUM, first=0) for weight in weights]
        # All weights in one operation: on a GPU, hundreds of small ones would wait for each other.
        steps = torch._foreach_add(gradients, weights, alpha=self._weight_decay)
        torch._foreach_mul_(squares, self._decay)
        torch._foreach_addcmul_(squares, steps, steps, value=1 - self._decay)
        roots = torch._foreach_add(squares, self._epsilon)
        torch._foreach_sqrt_(roots)
        torch._foreach_mul_(buffers, self._momentum)
        torch._foreach_addcdiv_(buffers, steps, roots, value=group["lr"])
        torch._foreach_sub_(weights, buffers)

    def _of(self, weight: Tensor, name: str, *, first: float) -> Tensor:
        state = self.state[weight]
        if name not in state:
            state[name] = torch.full_like(weight, first)
        remembered: Tensor = state[name]
        return remembered


def build_optimizer(network: nn.Module, settings: TrainedChildrenPart) -> Optimizer:
    """Return what trains a child's network."""
    if settings.optimizer == "rmsprop":
        return RmsProp(
            network.parameters(),
            settings.learning_rate,
            decay=settings.rms_decay,
            epsilon=settings.rms_epsilon,
            momentum=settings.momentum,
            weight_decay=settings.weight_decay,
        )
    if settings.optimizer == "adam":
        return Adam(
            network.parameters(),
            settings.learning_rate,
            betas=(settings.adam_beta_1, settings.adam_beta_2),
            eps=settings.adam_epsilon,
            weight_decay=settings.weight_decay,
        )
    return SGD(
        network.parameters(),
        settings.learning_rate,
        momentum=settings.momentum,
        nesterov=settings.nesterov,
        weight_decay=settings.weight_decay,
    )


_PARTS: Final[dict[type[Optimizer], dict[str, str]]] = {
    SGD: {"momentum": _MOMENTUM},
    RmsProp: {"momentum": _MOMENTUM, "mean_square": _MEAN_SQUARE},
    Adam: {"momentum": "exp_avg", "mean_square": "exp_avg_sq", "steps": "step"},
}
"""What each optimiser calls the parts of what it remembers, in the state of a parameter."""


def remembered(network: nn.Module, optimizer: Optimizer) -> Remembered:
    """Return what an optimiser remembers, by its parts; nothing of who has made no step yet."""
    parts: Remembered = {}
    for part, name in _PARTS[type(optimizer)].items():
        tensors = {
            parameter_name: optimizer.state[parameter].get(name)
            for parameter_name, parameter in network.named_parameters()
        }
        parts[part] = {key: tensor for key, tensor in tensors.items() if tensor is not None}
    return parts


def remind(
    network: nn.Module, optimizer: Optimizer, parts: Mapping[str, Mapping[str, Tensor]]
) -> None:
    """Give the optimiser copies of what `remembered` returned; parts of others are left out."""
    for part, name in _PARTS[type(optimizer)].items():
        for key, parameter in network.named_parameters():
            if key in parts[part]:
                tensor = parts[part][key]
                like = tensor if part == "steps" else parameter  # Adam counts on the CPU
                optimizer.state[parameter][name] = torch.empty_like(like).copy_(tensor)
