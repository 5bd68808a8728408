"""Steps from one architecture to others: a token changed, or all tokens that can be.

Every token sequence that decisions allow is an architecture, whatever the kinds of its decisions:
another option, another anchor to point at, one connection more or less.

Letters in names: W tokens of an architecture, C candidates.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from nas_lib.controllers.memory import NO_TOKEN, Tokens
from nas_lib.spaces.decisions import Decision

Limits = npt.NDArray[np.int64]


def token_limits(decisions: Sequence[Decision]) -> Limits:
    """Return of each token `[W]` how many values it can have."""
    return np.array(
        [each.num_values for each in decisions for _ in range(each.num_tokens)], np.int64
    )


def draw(limits_W: Limits, num: int, rng: np.random.Generator) -> Tokens:
    """Return so many architectures `[C, W]` of which every token is uniformly random."""
    return rng.integers(limits_W, size=(num, len(limits_W))).astype(np.int32)


def mutated(tokens_CW: Tokens, limits_W: Limits, rng: np.random.Generator) -> Tokens:
    """Return each architecture with one of its tokens changed to another value.

    Which one is uniformly random among those that have several values, and so is the value. Where
    there is nothing to decide, nothing changes.
    """
    free = np.flatnonzero(limits_W > 1)
    changed = tokens_CW.copy()
    if not len(free):
        return changed
    rows, columns = np.arange(len(changed)), rng.choice(free, size=len(changed))
    steps = rng.integers(1, limits_W[columns])
    changed[rows, columns] = (changed[rows, columns] + steps) % limits_W[columns]
    return changed


def changes(limits_W: Limits) -> tuple[Limits, Limits]:
    """Return all changes of one token, as its column and a step `[C]`, which is added to it.

    A sum counts on from 0 where it reaches the number of values.
    """
    columns = np.repeat(np.arange(len(limits_W)), limits_W - 1)
    firsts = np.cumsum(limits_W - 1) - (limits_W - 1)
    return columns, np.arange(len(columns)) - firsts[columns] + 1


def neighbours(tokens_W: Tokens, limits_W: Limits) -> Tokens:
    """Return all architectures `[C, W]` that differ from one in one token."""
    columns, steps = changes(limits_W)
    found = np.repeat(tokens_W[None, :], len(columns), axis=0)
    found[np.arange(len(columns)), columns] = (tokens_W[columns] + steps) % limits_W[columns]
    return found


def at_depth(tokens_CW: Tokens, limits_W: Limits, rng: np.random.Generator) -> Tokens:
    """Return architectures of any depth at the depth of these tokens.

    Deeper ones lose what is too much, others get random tokens for what they lack: the decisions
    of a smaller depth are a prefix of those of a larger one.
    """
    wanted = tokens_CW[:, : len(limits_W)]
    lacks = wanted == NO_TOKEN
    return np.where(lacks, draw(limits_W, len(wanted), rng), wanted) if lacks.any() else wanted
