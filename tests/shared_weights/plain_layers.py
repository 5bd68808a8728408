"""Layers computed plainly from a state dict, to compare super-networks with."""

from __future__ import annotations

import itertools
from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class PlainLayers:
    """Layers by the names of their weights; BatchNorm by the batch's moments or by running ones."""

    def __init__(self, state: Mapping[str, Tensor], *, by_batch: bool) -> None:
        self.state = {name: tensor.contiguous() for name, tensor in state.items()}
        self.by_batch = by_batch

    def conv(self, x: Tensor, name: str, *, dilation: int = 1) -> Tensor:
        weight = self.state[f"{name}.weight"]
        padding = [dilation * (size // 2) for size in weight.shape[2:]]
        groups = len(x[0]) // len(weight[0])
        return F.conv2d(x, weight, padding=padding, dilation=dilation, groups=groups)

    def norm(self, x: Tensor, name: str) -> Tensor:
        mean, variance, scale, shift = (
            self.state[f"{name}.{part}"][:, None, None]
            for part in ("running_mean", "running_variance", "scale", "shift")
        )
        if self.by_batch:
            mean = x.mean(dim=(0, 2, 3), keepdim=True)
            variance = (x - mean).square().mean(dim=(0, 2, 3), keepdim=True)
        return (x - mean) / (variance + 1e-5).sqrt() * scale + shift

    def conv_norm(self, x: Tensor, name: str, *, dilation: int = 1) -> Tensor:
        return self.norm(self.conv(x, f"{name}.conv", dilation=dilation), f"{name}.norm")

    def separable(self, x: Tensor, name: str) -> Tensor:
        return self.conv_norm(self.conv(x, f"{name}.depthwise"), f"{name}.pointwise")

    def reduction(self, x: Tensor, name: str) -> Tensor:
        shifted = torch.zeros_like(x)
        shifted[:, :, :-1, :-1] = x[:, :, 1:, 1:]
        halves = [self.conv(x, f"{name}.even"), self.conv(shifted, f"{name}.odd")]
        return self.norm(torch.cat(halves, dim=1)[:, :, ::2, ::2], f"{name}.norm")

    def pool(self, x: Tensor, kind: str) -> Tensor:
        """Each pixel's neighbours one by one; those outside count for nothing."""
        outside = 0.0 if kind == "avg3" else float("-inf")
        size = int(kind[-1])
        around = (size // 2,) * 4
        padded = F.pad(x, around, value=outside)
        exists = F.pad(torch.ones_like(x), around)
        height, width = x.shape[2:]
        starts = itertools.product(range(size), repeat=2)
        windows = [(slice(i, i + height), slice(j, j + width)) for i, j in starts]
        values = torch.stack([padded[:, :, rows, columns] for rows, columns in windows])
        number = torch.stack([exists[:, :, rows, columns] for rows, columns in windows]).sum(dim=0)
        return values.sum(dim=0) / number if kind == "avg3" else values.amax(dim=0)

    def head(self, x: Tensor) -> Tensor:
        return x.mean(dim=(2, 3)) @ self.state["head.linear.weight"].T


def randomise(network: nn.Module) -> None:
    """Give norms values that cannot be confused: a scale of either sign, and a shift."""
    for name, tensor in network.state_dict().items():
        if name.endswith("running_variance"):
            nn.init.uniform_(tensor, 0.5, 1.5)
        elif name.endswith(("scale", "shift", "running_mean", "norm.weight", "norm.bias")):
            nn.init.normal_(tensor)
