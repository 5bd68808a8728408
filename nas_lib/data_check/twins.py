"""Equal and nearly equal images of two parts, without comparing each with each.

Hashes of 64 bits that differ in at most 7 agree in one of their 8 bytes: only images that share
that byte are compared. What their hashes take for nearly equal, their thumbnails confirm.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from nas_lib.data.rows import Indices
from nas_lib.data_check.looks import NUM_BYTES, Looks, likeness

MOST_BITS: Final = NUM_BYTES - 1
"""In which hashes of nearly equal images differ at most."""
_ALIKE: Final = 0.97  # likeness of thumbnails, from where on images are nearly equal
_PAIRS_AT_ONCE: Final = 2**20
_CONFIRMED_AT_ONCE: Final = 2**12
_ONES: Final = np.array([number.bit_count() for number in range(2**16)], np.uint8)

Hashes = npt.NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class Twins:
    """Images of one part that have a twin in another.

    Attributes:
        ones: Which they are, in order.
        others: The twin of each that is the most alike.
        is_equal: Whether that has the same pixels.
    """

    ones: Indices
    others: Indices
    is_equal: npt.NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.ones)


def find_twins(one: Looks, other: Looks, *, only_equal: bool = False) -> Twins:
    """Return which images of a part have a twin in another one; those of one colour have none.

    Args:
        one: The part.
        other: The other one.
        only_equal: Whether nearly equal ones count as none.
    """
    equal = _equal(one, other)
    best = np.where(equal >= 0, np.float32(2), np.float32(_ALIKE))  # nothing is more than equal
    twin = equal.copy()
    rest = np.flatnonzero((equal < 0) & ~one.is_plain & (not only_equal))
    seen = np.flatnonzero(~other.is_plain)
    for at, among in near_pairs(one.hashes[rest], other.hashes[seen]):
        for first in range(0, len(at), _CONFIRMED_AT_ONCE):
            some = slice(first, first + _CONFIRMED_AT_ONCE)
            _confirm(one, other, rest[at[some]], seen[among[some]], best, twin)
    ones = np.flatnonzero(twin >= 0)
    return Twins(ones, twin[ones], equal[ones] >= 0)


def near_pairs(one: Hashes, other: Hashes) -> Iterator[tuple[Indices, Indices]]:
    """Yield the pairs of hashes `[N, 8]` that differ in at most 7 bits, each once, some at a time.

    Memory is bounded however many share a byte.
    """
    for byte in range(NUM_BYTES):
        order, starts = _by_value(one[:, byte])
        other_order, other_starts = _by_value(other[:, byte])
        for value in range(256):
            rows = order[starts[value] : starts[value + 1]]
            columns = other_order[other_starts[value] : other_starts[value + 1]]
            if not (len(rows) and len(columns)):
                continue
            at_once = max(1, _PAIRS_AT_ONCE // len(columns))
            for first in range(0, len(rows), at_once):
                yield from _near(one, other, rows[first : first + at_once], columns, byte)


def _near(
    one: Hashes, other: Hashes, rows: Indices, columns: Indices, byte: int
) -> Iterator[tuple[Indices, Indices]]:
    """Yield the near ones of all these pairs, but for those that an earlier byte has told."""
    differing = _words(one[rows])[:, np.newaxis] ^ _words(other[columns])
    counts = _ONES[differing[..., 0]]
    for word in range(1, differing.shape[2]):
        counts += _ONES[differing[..., word]]
    at, among = np.nonzero(counts <= MOST_BITS)
    if not len(at):
        return
    at, among = rows[at], columns[among]
    is_new = ~(one[at, :byte] == other[among, :byte]).any(axis=1)
    yield at[is_new], among[is_new]


def _words(hashes: Hashes) -> npt.NDArray[np.uint16]:
    return np.ascontiguousarray(hashes).view(np.uint16)


def _by_value(bytes_N: Hashes) -> tuple[Indices, Indices]:
    """Return the indices in the order of their values, and where each value begins."""
    order = np.argsort(bytes_N, kind="stable")
    return order, np.searchsorted(bytes_N[order], np.arange(257))


def _equal(one: Looks, other: Looks) -> Indices:
    """Return the first image of the other part with the same pixels, `[N]`; -1 if none has them."""
    digests, firsts = np.unique(other.digests, return_index=True)
    places = np.searchsorted(digests, one.digests).clip(max=max(0, len(digests) - 1))
    if not len(digests):
        return np.full(len(one), -1, np.intp)
    is_there = (digests[places] == one.digests) & ~one.is_plain
    return np.where(is_there, firsts[places], -1)


def _confirm(
    one: Looks,
    other: Looks,
    at: Indices,
    among: Indices,
    best: npt.NDArray[np.float32],
    twin: Indices,
) -> None:
    """Note the pairs whose thumbnails are more alike than what is known of their first one."""
    alike = likeness(one.thumbnails[at], other.thumbnails[among])
    order = np.argsort(alike, kind="stable")  # of several, the last one stays
    order = order[alike[order] > best[at[order]]]
    best[at[order]], twin[at[order]] = alike[order], among[order]
