"""What images look like, in a few bytes each: what tells equal and nearly equal ones.

Shapes: N images, C channels of H x W pixels.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from nas_lib.data.rows import DiskRows, Rows, is_large, on_disk, pieces

SIDE: Final = 32
"""Pixels of a thumbnail's side."""
NUM_BYTES: Final = 8
"""Of a hash: 64 bits."""
_MARGIN: Final = 1.0  # of 255, by which a pixel is lighter: noise on plain surfaces is less
_PLAIN: Final = 8  # of 255, in which all of a thumbnail lies where there is nothing to see
_COLOUR: Final = 8  # of 255: red, green and blue of a grey JPEG differ by less
_AT_ONCE: Final = 512

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Looks:
    """What N images look like.

    Attributes:
        digests: Equal for the same pixels, `[N]`.
        hashes: 64 bits of each, of which few differ where images are nearly equal, `[N, 8]`.
        thumbnails: The images of 32 x 32 pixels, `[N, C * 1024]`.
        is_plain: Whether there is nothing to see: they are of one colour, `[N]`.
        has_colour: Whether any pixel is not grey, `[N]`.
    """

    digests: npt.NDArray[np.uint64]
    hashes: npt.NDArray[np.uint8]
    thumbnails: npt.NDArray[np.uint8] | DiskRows
    is_plain: npt.NDArray[np.bool_]
    has_colour: npt.NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.digests)


def looks_of(images: Rows) -> Looks:
    """Look at images `[N, C, H, W]`, some at a time.

    Numbers that are no bytes are taken from each image's lowest to its highest.
    """
    num, channels = len(images), 3 if images.shape[1] == 3 else 1
    found = Looks(
        np.empty(num, np.uint64),
        np.empty((num, NUM_BYTES), np.uint8),
        _array((num, channels * SIDE * SIDE)),
        np.empty(num, np.bool_),
        np.empty(num, np.bool_),
    )
    first = 0
    for piece in pieces(images, _num_at_once(images.shape)):
        some = slice(first, first + len(piece))
        levels = _levels(piece)
        thumbnails = _shrunk(levels, SIDE, SIDE).round().astype(np.uint8)
        found.digests[some] = [_digest(image) for image in piece]
        found.hashes[some] = _hashes(levels)
        found.thumbnails[some] = thumbnails.reshape(len(piece), -1)
        found.is_plain[some] = np.ptp(thumbnails, axis=(1, 2, 3)) < _PLAIN
        found.has_colour[some] = np.ptp(thumbnails, axis=1).max(axis=(1, 2)) > _COLOUR
        first += len(piece)
    return found


def likeness(one: npt.NDArray[np.uint8], other: npt.NDArray[np.uint8]) -> Floats:
    """Return how alike thumbnails are, pair by pair: 1 if but for brightness and contrast."""
    a_PT, b_PT = _unit(one), _unit(other)
    alike: Floats = np.einsum("pt,pt->p", a_PT, b_PT)
    return alike


def _array(shape: tuple[int, ...]) -> npt.NDArray[np.uint8] | DiskRows:
    return on_disk(shape, np.uint8) if is_large(math.prod(shape)) else np.empty(shape, np.uint8)


def _num_at_once(shape: Sequence[int]) -> int:
    """Return how many images are taken at a time: those that become floats of some MiB."""
    return max(1, min(_AT_ONCE, 2**22 // math.prod(shape[1:])))


def _digest(image: npt.NDArray[Any]) -> int:
    digest = hashlib.blake2b(image.tobytes(), digest_size=8).digest()
    return int.from_bytes(digest, "big")


def _levels(images: npt.NDArray[Any]) -> Floats:
    """Return levels from 0 to 255, of three channels or one."""
    levels = images.astype(np.float32)
    if levels.shape[1] not in (1, 3):
        levels = levels.mean(axis=1, keepdims=True)
    if images.dtype == np.uint8:
        return levels
    lowest = levels.min(axis=(1, 2, 3), keepdims=True)
    span = levels.max(axis=(1, 2, 3), keepdims=True) - lowest
    scaled: Any = (levels - lowest) * (255 / np.maximum(span, 1e-30))
    return np.asarray(scaled, np.float32)


def _hashes(levels: Floats) -> npt.NDArray[np.uint8]:
    """Return whether each of 8 x 8 places is darker than the one to its right.

    Each byte has a bit of each row and each column: so none is of a margin alone, which is the same
    in many images.
    """
    grey_NHW = _shrunk(levels.mean(axis=1, keepdims=True), 8, 9)[:, 0]
    bits_NHW = grey_NHW[:, :, 1:] > grey_NHW[:, :, :-1] + _MARGIN
    rows = np.arange(8)
    diagonals_N88 = bits_NHW[:, rows, (rows + rows[:, np.newaxis]) % 8]
    hashes: npt.NDArray[np.uint8] = np.packbits(diagonals_N88, axis=2)[:, :, 0]
    return hashes


def _shrunk(levels: Floats, height: int, width: int) -> Floats:
    """Return images of this size, each pixel the mean of what it covers."""
    down, across = _cover(levels.shape[2], height), _cover(levels.shape[3], width)
    return np.asarray(down @ levels @ across.T, np.float32)


@cache
def _cover(num: int, num_new: int) -> Floats:
    """Return how much of each new pixel each old one is, `[num_new, num]`."""
    edges = np.arange(num_new + 1)[:, np.newaxis] * num / num_new
    old = np.arange(num)
    shares = np.minimum(edges[1:], old + 1) - np.maximum(edges[:-1], old)
    cover: Floats = (shares.clip(0) * num_new / num).astype(np.float32)
    return cover


def _unit(thumbnails: npt.NDArray[np.uint8]) -> Floats:
    """Return thumbnails without brightness and contrast: of mean 0 and length 1."""
    values = thumbnails.astype(np.float32)
    values -= values.mean(axis=1, keepdims=True)
    lengths = np.sqrt(np.einsum("pt,pt->p", values, values))
    values /= np.maximum(lengths, 1e-6)[:, np.newaxis]
    return values
