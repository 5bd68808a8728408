"""What reference networks have in common.

Shapes: B images, C channels, H x W pixels, K classes.
"""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn


class Classifier(nn.Module):
    """The mean over all pixels, dropout, and a linear layer with bias."""

    def __init__(self, in_channels: int, num_classes: int, *, dropout: float) -> None:
        super().__init__()
        self._dropout = dropout
        self.linear = nn.Linear(in_channels, num_classes)

    def forward(self, x_BCHW: Tensor) -> Tensor:
        """Return the logits, `[B, K]`."""
        # Published with a window of all that 32x32 pixels leave; the mean is that at any size.
        mean_BC = F.dropout(x_BCHW.mean(dim=(2, 3)), self._dropout, self.training)
        logits_BK: Tensor = self.linear(mean_BC)
        return logits_BK


def halved_by_mean(x_BCHW: Tensor) -> Tensor:
    """Return the means of 2x2 pixels; an odd last row or column is left out."""
    return F.avg_pool2d(x_BCHW, _window(x_BCHW))


def halved_by_maximum(x_BCHW: Tensor) -> Tensor:
    """Return the maxima of 2x2 pixels; an odd last row or column is left out."""
    return F.max_pool2d(x_BCHW, _window(x_BCHW))


def _window(x_BCHW: Tensor) -> tuple[int, int]:
    height, width = map(int, x_BCHW.shape[2:])  # where a network is traced, they are no numbers
    return min(2, height), min(2, width)  # a single row or column stays
