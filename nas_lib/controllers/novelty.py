"""What is new: architectures that no result is of, none twice.

Letters in names: C candidates, W tokens of an architecture, N results, S starts.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt

from nas_lib.controllers.memory import NO_TOKEN, Memory, Tokens
from nas_lib.controllers.mutation import Limits, changes, draw

Hashes = npt.NDArray[np.uint64]

_MOST_CHANGES = 10_000
"""Of a start that has more neighbours, so many are looked at, at random."""

_FEW = 4
"""So many times what is known and wanted, and a space is listed rather than drawn from."""


@dataclass(frozen=True, eq=False)
class Known:
    """The architectures of one depth that were judged, by their hashes `[N]`, sorted."""

    hashes: Hashes

    @classmethod
    def of(cls, memory: Memory, num_tokens: int) -> Known:
        """Return those of a memory that have so many tokens."""
        rows = memory.tokens
        is_of_it = np.ones(len(rows), bool)
        if num_tokens < rows.shape[1]:
            is_of_it &= rows[:, num_tokens] == NO_TOKEN
        if num_tokens:
            is_of_it &= rows[:, num_tokens - 1] != NO_TOKEN
        return cls(np.sort(hashes(rows[is_of_it, :num_tokens])))

    def new(self, hashes_C: Hashes) -> npt.NDArray[np.int64]:
        """Return which candidates are not among them, each once, in their order."""
        places = np.searchsorted(self.hashes, hashes_C)
        places[places == len(self.hashes)] = 0
        unknown = np.arange(len(hashes_C))
        if len(self.hashes):
            unknown = np.flatnonzero(self.hashes[places] != hashes_C)
        return unknown[np.sort(np.unique(hashes_C[unknown], return_index=True)[1])]


def hashes(tokens_CW: npt.NDArray[Any]) -> Hashes:
    """Return numbers that are equal for equal architectures, and practically never for others."""
    found: Hashes = tokens_CW.astype(np.uint64) @ factors(tokens_CW.shape[1])
    return found


@cache
def factors(num_tokens: int) -> Hashes:
    """Return by what each token counts in a hash: random, so that sums hardly ever are equal."""
    return np.random.default_rng(0).integers(2**64, size=num_tokens, dtype=np.uint64) | np.uint64(1)


def first_new(
    batches: Iterable[Tokens],
    known: Known,
    limits_W: Limits,
    *,
    num: int,
    rng: np.random.Generator,
) -> Tokens:
    """Return the first candidates that are new, and random new ones where those are too few.

    Args:
        batches: Candidates `[C, W]` in the order in which they are wanted; a further batch is
            asked for while too few of those before it are new.
        known: What is not new.
        limits_W: Of the tokens at this depth.
        num: How many; only where the space has no more that are new, some are repeats.
        rng: For the random ones.
    """
    found = np.zeros((0, len(limits_W)), np.int32)
    for batch in batches:
        found = _with_new(found, batch, known, num)
        if len(found) == num:
            return found
    return _filled(found, known, limits_W, num, rng)


def new_neighbours(
    starts_SW: Tokens, known: Known, limits_W: Limits, rng: np.random.Generator
) -> tuple[Tokens, npt.NDArray[np.int64]]:
    """Return what is new and differs in one token from a start, and from which `[C]`.

    Those of the first start come first, of each in random order.
    """
    columns_C, steps_C = changes(limits_W)
    order_SX = _some_order(len(starts_SW), len(columns_C), rng)
    new = known.new(_changed_hashes(starts_SW, limits_W, order_SX).ravel())
    starts, places = np.divmod(new, max(1, order_SX.shape[1]))
    changed = order_SX[starts, places]
    found, rows, columns = starts_SW[starts], np.arange(len(new)), columns_C[changed]
    found[rows, columns] = (found[rows, columns] + steps_C[changed]) % limits_W[columns]
    return found, starts


def neighbour_hashes(starts_SW: Tokens, limits_W: Limits) -> Hashes:
    """Return the hashes `[S, C]` of all that differ in one token, without making them."""
    every_C = np.arange(len(changes(limits_W)[0]))
    return _changed_hashes(starts_SW, limits_W, np.tile(every_C, (len(starts_SW), 1)))


def _some_order(num_starts: int, num_changes: int, rng: np.random.Generator) -> Limits:
    """Return of each start which changes are looked at `[S, X]`, in random order."""
    if num_changes > _MOST_CHANGES:
        return rng.integers(num_changes, size=(num_starts, _MOST_CHANGES))
    return rng.permuted(np.tile(np.arange(num_changes), (num_starts, 1)), axis=1)


def _changed_hashes(starts_SW: Tokens, limits_W: Limits, changes_SX: Limits) -> Hashes:
    columns_C, steps_C = changes(limits_W)
    columns_SX = columns_C[changes_SX]
    before_SX = np.take_along_axis(starts_SW, columns_SX, 1)
    after_SX = (before_SX + steps_C[changes_SX]) % limits_W[columns_SX]
    change_SX = (after_SX - before_SX).astype(np.uint64) * factors(len(limits_W))[columns_SX]
    found: Hashes = hashes(starts_SW)[:, None] + change_SX
    return found


def _with_new(found: Tokens, batch: Tokens, known: Known, num: int) -> Tokens:
    tokens_CW = np.concatenate([found, batch])
    return tokens_CW[known.new(hashes(tokens_CW))[:num]]


def _filled(
    found: Tokens, known: Known, limits_W: Limits, num: int, rng: np.random.Generator
) -> Tokens:
    """Return what was found, and random new ones up to `num`; repeats if there are no more."""
    size = math.prod(limits_W.tolist())
    if size > _FEW * (len(known.hashes) + num):
        while len(found) < num:  # at least three of four draws are new
            found = _with_new(found, draw(limits_W, num, rng), known, num)
        return found
    if size > 1:
        listed = np.stack(np.unravel_index(rng.permutation(size), limits_W), 1).astype(np.int32)
        found = _with_new(found, listed, known, num)
    return np.concatenate([found, draw(limits_W, num - len(found), rng)])
