"""Memory: the results that a controller without a network goes by, and learners that rank them.

They travel in a `Lesson` and stay in the state of the first shard, so all replicas share them. It
is the newest that are kept, and the best of all: a round costs no more late than early.

Letters in names: N results, W tokens of an architecture at the greatest depth, C candidates.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import numpy.typing as npt

from nas_lib.controllers.state import Array, Lesson, Shard, State

Tokens = npt.NDArray[np.int32]
Rewards = npt.NDArray[np.float64]

NO_TOKEN = -1
"""Stands where an architecture of a smaller depth has no token."""

_WIDTHS = (np.int8, np.int32)
"""Of stored tokens: the first where all fit in."""

MOST = 2000
"""Results that are kept at most."""

NUM_BEST = 50
"""Of them, the best of all are kept however old they are."""

_SHARE_FORGOTTEN = 4
"""One in so many is forgotten when there are more than may be kept."""


@dataclass(frozen=True, eq=False)
class Memory:
    """Results, the oldest first.

    Attributes:
        tokens: What was judged, `[N, W]`; `NO_TOKEN` behind the tokens of a smaller depth.
        rewards: What it earned, `[N]`; nan for one that does not count (crashed or missing).
        num_results: How many there were in all, with those that are forgotten.
    """

    tokens: Tokens
    rewards: Rewards
    num_results: int

    @classmethod
    def empty(cls, num_tokens: int) -> Memory:
        """Return the memory of nothing, for architectures of so many tokens at most."""
        return cls(np.zeros((0, num_tokens), np.int32), np.zeros(0), 0)

    @classmethod
    def of(cls, shards: Sequence[Shard]) -> Memory:
        """Return what the first of a controller's shards holds."""
        state = cast(Mapping[str, Any], shards[0].state)
        tokens = state["tokens"].astype(np.int32, copy=False)
        return cls(tokens, state["rewards"], state["num_results"])

    @property
    def state(self) -> State:
        """What the first shard keeps of it, by name; it is written in each round, so as small."""
        small, wide = _WIDTHS
        fits = self.tokens.max(initial=0) <= np.iinfo(small).max
        tokens = self.tokens.astype(small if fits else wide, copy=False)
        return {"tokens": tokens, "rewards": self.rewards, "num_results": self.num_results}

    def after(self, lesson: Lesson, *, most: int = MOST) -> Memory:
        """Return the memory with what a round's lesson says, and at most so many results."""
        tokens_NW = np.concatenate([self.tokens, lesson.arrays["tokens"]])
        rewards_N = np.concatenate([self.rewards, lesson.arrays["rewards"]])
        num_results = self.num_results + len(lesson.arrays["rewards"])
        if len(rewards_N) > most:
            # many at once, so that what follows from their order seldom changes
            most -= most // _SHARE_FORGOTTEN
            kept = best_and_newest(rewards_N, most, num_best=min(NUM_BEST, most // 2))
            tokens_NW, rewards_N = tokens_NW[kept], rewards_N[kept]
        return Memory(tokens_NW, rewards_N, num_results)

    def newest(self, num: int) -> Memory:
        """Return the newest so many results."""
        first = max(0, len(self.rewards) - num)
        return Memory(self.tokens[first:], self.rewards[first:], self.num_results)

    def judged(self) -> Memory:
        """Return those results that count."""
        counts = ~np.isnan(self.rewards)
        return Memory(self.tokens[counts], self.rewards[counts], self.num_results)

    def misfit(self) -> str:
        """Say why this cannot have been stored; empty if it can."""
        tokens, rewards = self.tokens, self.rewards
        if not isinstance(tokens, np.ndarray) or tokens.dtype not in _WIDTHS or tokens.ndim != 2:
            return "expected tokens to be rows of int32, or of int8"
        if not isinstance(rewards, np.ndarray) or rewards.dtype != np.float64:
            return "expected rewards to be float64"
        if rewards.shape != tokens.shape[:1]:
            return f"it has {len(tokens)} architectures and rewards of shape {rewards.shape}"
        if np.isinf(rewards).any():
            return "rewards has numbers that are not finite"
        if not isinstance(self.num_results, int) or self.num_results < len(rewards):
            return f"it has {len(rewards)} of {self.num_results} results"
        return ""


def results_of(
    tokens: Sequence[Sequence[int]], rewards: Sequence[float | None], *, num_tokens: int
) -> dict[str, Array]:
    """Return a round's results as the arrays of a lesson.

    Args:
        tokens: One sequence per child, all of one depth.
        rewards: One per child; None for one that does not count.
        num_tokens: Of an architecture at the greatest depth.
    """
    padded = np.full((len(tokens), num_tokens), NO_TOKEN, np.int32)
    rows = np.array(tokens, np.int32).reshape(len(tokens), -1)
    padded[:, : rows.shape[1]] = rows
    earned = [np.nan if reward is None else reward for reward in rewards]
    return {"tokens": padded, "rewards": np.array(earned, np.float64)}


def results_misfit(found: State, limits_W: npt.NDArray[np.int64]) -> str:
    """Say why what is stored by these names cannot be results; empty if it can.

    Args:
        found: Of a shard or a lesson.
        limits_W: Of the tokens at the greatest depth, how many values each can have.
    """
    names = ("num_results", "rewards", "tokens")
    if sorted(found) != [*names]:
        return f"expected {', '.join(names)}, got {', '.join(sorted(found)) or 'nothing':.80}"
    memory = Memory(**cast(Mapping[str, Any], found))
    return memory.misfit() or _tokens_misfit(memory.tokens, limits_W)


def _tokens_misfit(tokens_NW: Tokens, limits_W: npt.NDArray[np.int64]) -> str:
    if tokens_NW.shape[1] != len(limits_W):
        return f"expected architectures of {len(limits_W)} tokens, got {tokens_NW.shape[1]}"
    if not ((tokens_NW >= NO_TOKEN) & (tokens_NW < limits_W)).all():
        return "tokens has some that no decision allows"
    return ""


def best_and_newest(rewards_N: Rewards, most: int, *, num_best: int) -> npt.NDArray[np.int64]:
    """Return at most so many results in their order: the best, and of the others the newest."""
    if len(rewards_N) <= most:
        return np.arange(len(rewards_N))
    # of equal ones the older, so that a best one is not replaced by each that is as good
    best = np.argsort(-np.nan_to_num(rewards_N, nan=-np.inf), kind="stable")[:num_best]
    is_kept = np.zeros(len(rewards_N), bool)
    is_kept[best] = True
    others = np.flatnonzero(~is_kept)
    is_kept[others[len(others) - (most - num_best) :]] = True
    return np.flatnonzero(is_kept)
