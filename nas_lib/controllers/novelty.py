"""What is new: architectures that no result is of, none twice.

Letters in names: C candidates, W tokens of an architecture, N results.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt

from nas_lib.controllers.memory import NO_TOKEN, Memory, Tokens
from nas_lib.controllers.mutation import Limits, draw

Hashes = npt.NDArray[np.uint64]

_FEW = 4
"""So many times what is known and wanted, and a space is listed rather than drawn from."""


def first_new(
    batches: Iterable[Tokens],
    memory: Memory,
    limits_W: Limits,
    *,
    num: int,
    rng: np.random.Generator,
) -> Tokens:
    """Return the first candidates that are new, and random new ones where those are too few.

    Args:
        batches: Candidates `[C, W]` in the order in which they are wanted; a further batch is
            asked for while too few of those before it are new.
        memory: What is not new, as far as it is of this depth.
        limits_W: Of the tokens at this depth.
        num: How many; only where the space has no more that are new, some are repeats.
        rng: For the random ones.
    """
    known_N = hashes(at_this_depth(memory, len(limits_W)))
    found = np.zeros((0, len(limits_W)), np.int32)
    for batch in batches:
        found = _new(np.concatenate([found, batch]), known_N)[:num]
        if len(found) == num:
            return found
    return _filled(found, known_N, limits_W, num, rng)


def at_this_depth(memory: Memory, num_tokens: int) -> Tokens:
    """Return the architectures `[N, W]` of a memory that have so many tokens."""
    rows = memory.tokens
    is_of_it = np.ones(len(rows), bool)
    if num_tokens < rows.shape[1]:
        is_of_it &= rows[:, num_tokens] == NO_TOKEN
    if num_tokens:
        is_of_it &= rows[:, num_tokens - 1] != NO_TOKEN
    return rows[is_of_it, :num_tokens]


def hashes(tokens_CW: npt.NDArray[Any]) -> Hashes:
    """Return numbers that are equal for equal architectures, and practically never for others."""
    wide = tokens_CW.astype(np.uint64)
    wide *= _factors(tokens_CW.shape[1])
    summed: Hashes = wide.sum(1, dtype=np.uint64)
    return summed


@cache
def _factors(num_tokens: int) -> Hashes:
    """Return a random factor for each token: a sum of products is 0 once in 2^64 times."""
    return np.random.default_rng(0).integers(2**64, size=num_tokens, dtype=np.uint64) | np.uint64(1)


def _new(tokens_CW: Tokens, known_N: Hashes) -> Tokens:
    """Return the candidates that are not known, each once, in their order."""
    found_C = hashes(tokens_CW)
    is_new = ~np.isin(found_C, known_N)
    is_first = np.zeros(len(found_C), bool)
    is_first[np.unique(found_C, return_index=True)[1]] = True
    return tokens_CW[is_new & is_first]


def _filled(
    found: Tokens, known_N: Hashes, limits_W: Limits, num: int, rng: np.random.Generator
) -> Tokens:
    """Return what was found, and random new ones up to `num`; repeats if there are no more."""
    size = math.prod(limits_W.tolist())
    if size > _FEW * (len(known_N) + num):
        while len(found) < num:  # at least three of four draws are new
            found = _new(np.concatenate([found, draw(limits_W, num, rng)]), known_N)[:num]
        return found
    if size > 1:
        listed = np.stack(np.unravel_index(rng.permutation(size), limits_W), 1).astype(np.int32)
        found = _new(np.concatenate([found, listed]), known_N)[:num]
    return np.concatenate([found, draw(limits_W, num - len(found), rng)])
