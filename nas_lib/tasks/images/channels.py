"""Means and deviations of the channels of images that do not fit into memory."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np

from nas_lib.data.rows import Rows, in_file_order, pieces


def exact_statistics(images: Rows, *, at_once: int) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Return mean and standard deviation of each channel of uint8 images.

    The sums are whole numbers, so the order does not matter, and images are read once, as they lie
    on the disk.

    Args:
        images: `[N, C, H, W]`.
        at_once: How many are in float64 at a time.
    """
    num_channels, num = images.shape[1], math.prod(images.shape) // images.shape[1]
    sums, squares = [0] * num_channels, [0] * num_channels
    for piece in pieces(in_file_order(images), at_once):
        for channel in range(num_channels):
            values = piece[:, channel].astype(np.float64).reshape(-1)
            sums[channel] += int(values.sum())
            squares[channel] += int(values @ values)
    means = [Fraction(each, num) for each in sums]
    variances = [
        Fraction(square, num) - mean**2 for square, mean in zip(squares, means, strict=True)
    ]
    return tuple(map(float, means)), tuple(math.sqrt(each) for each in variances)
