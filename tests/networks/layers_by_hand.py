"""Layers of image networks in plain NumPy, pixel windows by hand, as a reference.

Images are `[C, H, W]`, one at a time; weights come from a network's state dict in float64.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from torch import nn

Array = NDArray[np.float64]
State = Mapping[str, Array]


def randomised(network: nn.Module) -> State:
    """Give a network BatchNorms that do something; return its state dict as arrays."""
    network.double().eval()
    for module in network.modules():
        if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d):
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.uniform_(module.bias, -0.5, 0.5)
            nn.init.uniform_(module.running_mean, -0.5, 0.5)
            nn.init.uniform_(module.running_var, 0.5, 2.0)
    return {name: x.detach().numpy() for name, x in network.state_dict().items()}


def relu(x_CHW: Array) -> Array:
    return np.maximum(x_CHW, 0)


def norm(x_CHW: Array, state: State, name: str) -> Array:
    """BatchNorm in evaluation."""
    mean, var, scale, shift = (
        state[f"{name}.{part}"][:, None, None]
        for part in ("running_mean", "running_var", "weight", "bias")
    )
    return (x_CHW - mean) / np.sqrt(var + 1e-5) * scale + shift


def windows(x_CHW: Array, size: int, stride: int, *, fill: float) -> Array:
    """Return the window around every stride-th pixel, `[C, rows, columns, size, size]`."""
    half = size // 2
    padded = np.pad(x_CHW, ((0, 0), (half, half), (half, half)), constant_values=fill)
    height, width = x_CHW.shape[1:]
    return np.stack(
        [
            np.stack(
                [padded[:, i : i + size, j : j + size] for j in range(0, width, stride)], axis=1
            )
            for i in range(0, height, stride)
        ],
        axis=1,
    )


def conv(x_CHW: Array, weight_FCHW: Array, stride: int = 1) -> Array:
    found = windows(x_CHW, weight_FCHW.shape[-1], stride, fill=0.0)
    return np.einsum("cijhw,fchw->fij", found, weight_FCHW)


def conv_norm(x_CHW: Array, state: State, name: str) -> Array:
    return norm(conv(x_CHW, state[f"{name}.conv.weight"]), state, f"{name}.norm")


def separable_norm(x_CHW: Array, state: State, name: str, stride: int = 1) -> Array:
    """Each channel by itself, then all by 1x1."""
    depthwise = state[f"{name}.depthwise.weight"][:, 0]
    found = windows(x_CHW, depthwise.shape[-1], stride, fill=0.0)
    filtered = np.einsum("cijhw,chw->cij", found, depthwise)
    mixed = np.einsum("cij,fc->fij", filtered, state[f"{name}.pointwise.weight"][:, :, 0, 0])
    return norm(mixed, state, f"{name}.norm")


def reduction(x_CHW: Array, state: State, name: str) -> Array:
    """Even pixels to one half of the channels, odd ones to the other; zeros beyond the edge."""
    height, width = x_CHW.shape[1:]
    beyond = np.pad(x_CHW, ((0, 0), (0, 2), (0, 2)))
    shifted = beyond[:, 1 : height + 1, 1 : width + 1]
    halves = [
        np.einsum("cij,fc->fij", pixels[:, ::2, ::2], state[f"{name}.{part}.weight"])
        for part, pixels in (("even", x_CHW), ("odd", shifted))
        if f"{name}.{part}.weight" in state
    ]
    return norm(np.concatenate(halves), state, f"{name}.norm")


def pool(x_CHW: Array, kind: str, stride: int = 1) -> Array:
    """Mean or maximum of a 3x3 window's pixels that are in the image."""
    found = windows(x_CHW, 3, stride, fill=np.nan)
    return (np.nanmean if kind == "avg3" else np.nanmax)(found, axis=(3, 4))


def head(x_CHW: Array, state: State) -> Array:
    return state["head.linear.weight"] @ x_CHW.mean(axis=(1, 2))
