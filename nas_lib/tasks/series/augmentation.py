"""Random changes to training series, without a loop over them.

Shapes: B series in a batch, C channels, height 1, W steps.
"""

from __future__ import annotations

import torch
from torch import Generator, Tensor

from nas_lib.config import SeriesAugmentConfig


def augment_series(x_BC1W: Tensor, augment: SeriesAugmentConfig, generator: Generator) -> Tensor:
    """Return each series shifted, scaled, with noise, and partly blank, as the settings say.

    Args:
        x_BC1W: Standardised series.
        augment: What is to be done.
        generator: The only source of randomness, on the CPU.
    """
    if augment.shift:
        x_BC1W = _shifted(x_BC1W, augment.shift, generator)
    if augment.scale:
        share_BC11 = 2 * torch.rand((*x_BC1W.shape[:2], 1, 1), generator=generator) - 1
        x_BC1W = x_BC1W * (1 + augment.scale * share_BC11).to(x_BC1W)
    if augment.noise:
        noise_BC1W = torch.randn(x_BC1W.shape, generator=generator)
        x_BC1W = x_BC1W + augment.noise * noise_BC1W.to(x_BC1W)
    if augment.cutout:
        x_BC1W = _cut_out(x_BC1W, augment.cutout, generator)
    return x_BC1W


def _shifted(x_BC1W: Tensor, most: int, generator: Generator) -> Tensor:
    """Return each series later or earlier by some steps; the value at its end is held."""
    num, steps = len(x_BC1W), x_BC1W.shape[3]
    most = min(most, steps - 1)
    by_B1 = torch.randint(-most, most + 1, (num, 1), generator=generator)
    from_BW = (torch.arange(steps) - by_B1).clamp(0, steps - 1).to(x_BC1W.device)
    return x_BC1W.gather(3, from_BW[:, None, None, :].expand_as(x_BC1W))


def _cut_out(x_BC1W: Tensor, size: int, generator: Generator) -> Tensor:
    """Set steps around a random one to 0; what lies outside the series is lost."""
    steps = x_BC1W.shape[3]
    first_B1 = torch.randint(steps, (len(x_BC1W), 1), generator=generator) - size // 2
    step_W = torch.arange(steps)
    is_blank_BW = ((first_B1 <= step_W) & (step_W < first_B1 + size)).to(x_BC1W.device)
    return x_BC1W.masked_fill(is_blank_BW[:, None, None, :], 0.0)
