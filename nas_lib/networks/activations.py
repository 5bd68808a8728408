"""Activations: as torch has them, and into a given place; and gradients from results."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

import torch
from torch import Tensor

from nas_lib.spaces.nas_rnn import TreeActivation

ACTIVATIONS: Final[Mapping[TreeActivation, Callable[[Tensor], Tensor]]] = MappingProxyType(
    {
        "identity": lambda x: x,
        "tanh": torch.tanh,
        "sigmoid": torch.sigmoid,
        "relu": torch.relu,
        "sin": torch.sin,
    }
)
"""By the names that spaces have for them."""

_aten = torch.ops.aten

_FEW = 2048
"""Values for which one call is faster than three."""

_MINUS_ONE = torch.tensor(-1.0, device="cpu")  # whatever is set where this is first loaded


def activate(activation: TreeActivation, x: Tensor, *, out: Tensor) -> None:
    """Put the results in a place, which may be that of the arguments."""
    match activation:
        case "tanh":
            tanh(x, out=out)
        case "sigmoid":
            torch.sigmoid(x, out=out)
        case "relu":
            torch.clamp_min(x, 0, out=out)
        case "sin":
            torch.sin(x, out=out)
        case "identity" if out is not x:
            out.copy_(x)


def tanh(x: Tensor, *, out: Tensor) -> None:
    """Put tanh in a place: 2 sigmoid(2 x) - 1, as torch's own takes 7 times a sigmoid's time."""
    if x.numel() < _FEW:
        torch.tanh(x, out=out)
        return
    torch.add(x, x, out=out).sigmoid_()
    torch.add(_MINUS_ONE, out, alpha=2, out=out)


def activation_backward(
    activation: TreeActivation, grad: Tensor, result: Tensor, *, out: Tensor
) -> None:
    """Put the gradients of the arguments in a place, which may be that of the results.

    Args:
        activation: Its derivative follows from the result alone, but for a sine's.
        grad: Gradients of the results.
        result: The results; of a sine the cosines.
        out: The place.
    """
    match activation:
        case "tanh":
            _aten.tanh_backward.grad_input(grad, result, grad_input=out)
        case "sigmoid":
            _aten.sigmoid_backward.grad_input(grad, result, grad_input=out)
        case "relu":
            _aten.threshold_backward.grad_input(grad, result, 0, grad_input=out)
        case "sin":
            torch.mul(grad, result, out=out)
        case "identity":
            out.copy_(grad)
