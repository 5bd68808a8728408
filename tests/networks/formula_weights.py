"""Weights and images as functions of their names, the same on every machine and in every version.

Needs NumPy and nothing of ours: it also runs where timm is.
"""

from __future__ import annotations

import zlib

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def uniform(name: str, shape: tuple[int, ...]) -> Array:
    """Return numbers in [-1, 1): the finaliser of MurmurHash3 over name and position."""
    position = np.arange(np.prod(shape, dtype=np.int64), dtype=np.uint32)
    # wraps around at 2^32, as it should
    x = position * np.uint32(0x9E3779B1) + np.uint32(zlib.crc32(name.encode()))
    for shift, factor in ((16, 0x85EBCA6B), (13, 0xC2B2AE35)):
        x = (x ^ (x >> np.uint32(shift))) * np.uint32(factor)
    x ^= x >> np.uint32(16)
    return (x.astype(np.float64) / 2**31 - 1).reshape(shape)


def weights(name: str, shape: tuple[int, ...]) -> Array:
    """Return a parameter or a statistic of BatchNorm, of such a scale that outputs stay small."""
    x = uniform(name, shape)
    if name.endswith("running_var"):
        return 1 + x / 2
    if name.endswith("running_mean") or name.endswith("bias"):
        return x / 10
    if len(shape) == 1:  # of BatchNorm; sums of two operations are to be as large as one
        return 0.7 + x / 5
    # He's: of numbers in [-1, 1) the variance is 1/3
    return x * np.sqrt(6 / np.prod(shape[1:]))
