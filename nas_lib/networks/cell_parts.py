"""What networks of cells have in common, whatever is in their cells.

An auxiliary classifier serves images of every size: it takes the means of four windows at the
corners, 5/8 of the height and width each, which on 8 x 8 pixels are the published 5 x 5 windows
with stride 3.

Shapes: B images, C channels, H x W pixels, K classes.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from nas_lib.networks.layers import ConvNorm

_AUXILIARY_FILTERS = 128, 768
_NUM_CORNERS = 4


class AuxiliaryClassifier(nn.Module):
    """A classifier on an earlier cell's output, whose loss is added to that of the network."""

    def __init__(self, in_channels: int, num_classes: int) -> None:
        super().__init__()
        narrow, wide = _AUXILIARY_FILTERS
        self.narrow = ConvNorm(in_channels, narrow)
        self.corners = nn.Linear(_NUM_CORNERS * narrow, wide, bias=False)
        self.norm = nn.BatchNorm1d(wide)
        self.linear = nn.Linear(wide, num_classes, bias=False)
        for layer in (self.corners, self.linear):
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")

    def forward(self, x_BCHW: Tensor) -> Tensor:
        """Return the logits, `[B, K]`, from a cell's output after ReLU."""
        # C: first `narrow` channels of 2 x 2 windows, then `wide` features
        corners_BC22 = F.relu(self.narrow(corner_means(x_BCHW)))
        features_BC = F.relu(self.norm(self.corners(corners_BC22.flatten(1))))
        logits_BK: Tensor = self.linear(features_BC)
        return logits_BK


def corner_means(x_BCHW: Tensor) -> Tensor:
    """Return the means of four windows at the corners, 5/8 of height and width, `[B, C, 2, 2]`."""
    # rounded up, so that even a single pixel is a window
    height, width = (-(-5 * size // 8) for size in x_BCHW.shape[2:])
    # A window's mean is that of its rows' means: first upper and lower, then left and right.
    rows_BC2W = torch.stack(
        [x_BCHW[:, :, :height].mean(dim=2), x_BCHW[:, :, -height:].mean(dim=2)], dim=2
    )
    return torch.stack(
        [rows_BC2W[..., :width].mean(dim=3), rows_BC2W[..., -width:].mean(dim=3)], dim=3
    )


def drop_path(x_BCHW: Tensor, dropped: float) -> Tensor:
    """Set whole examples to 0 at random, and divide the others by the fraction that is kept."""
    # dropout of ones: 0 or 1 / (1 - dropped), one number for each example
    kept_B111 = F.dropout(x_BCHW.new_ones(len(x_BCHW), 1, 1, 1), dropped)
    return x_BCHW * kept_B111
