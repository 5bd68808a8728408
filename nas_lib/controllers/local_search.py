"""Local search: what differs in one decision from the best, until nothing is left to try.

At a local optimum White et al. 2021, "Exploring the loss landscape in neural architecture search",
begin anew at random. Here the next best result is gone on from whose neighbours are not all judged:
such a new beginning is there already.

Letters in names: S starts, C changes of one token, N results, W tokens of an architecture.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count

import numpy as np
import numpy.typing as npt

from nas_lib.config import LocalSearchConfig
from nas_lib.controllers.memory import MOST, Memory, Rewards, Tokens
from nas_lib.controllers.mutation import Limits, at_depth, draw
from nas_lib.controllers.novelty import Known, hashes, neighbour_hashes, new_neighbours

_SURE = MOST // 2
"""Of so many newest results no neighbour is forgotten that was judged because of them."""

_MOST_LOOKED_UP = 2000
"""Neighbours of the leading results that are looked for among those that were judged."""

_NEIGHBOURS_SAY = 0.5
"""How much of a result's rank follows from its neighbours, where many are judged ..."""

_MANY = 5
"""... and half as much where so many are."""


class LocalSearch:
    """Random ones first; then new neighbours of the best few results, in turn, and of the next.

    A result that was lucky stops nothing: the worse its neighbours turn out the lower it ranks, and
    once they are judged others have their turn.
    """

    def __init__(self, config: LocalSearchConfig) -> None:
        self._config = config

    def candidates(
        self, memory: Memory, known: Known, limits_W: Limits, *, num: int, rng: np.random.Generator
    ) -> Iterator[Tokens]:
        """Yield what the opening lacks, then new neighbours, those of the best first."""
        lacking = self._config.initial - memory.num_results
        if lacking > 0:
            yield draw(limits_W, min(lacking, num), rng)
        judged = memory.newest(_SURE).judged()
        best = _ranked(judged, limits_W)
        num_seen = 0
        for doubling in count(2):  # mostly there is something new near the first few
            starts = judged.tokens[best[num_seen : num_seen + 2**doubling]]
            if not len(starts):
                return
            num_seen += len(starts)
            yield self._near(at_depth(starts, limits_W, rng), known, limits_W, num, rng)

    def _near(
        self, starts_SW: Tokens, known: Known, limits_W: Limits, num: int, rng: np.random.Generator
    ) -> Tokens:
        """Return new neighbours of the first few starts, in turn, then those of the next few."""
        found, starts = new_neighbours(starts_SW, known, limits_W, rng)
        _, ranks = np.unique(starts, return_inverse=True)  # of the starts that have any
        turns = np.arange(len(ranks)) - np.searchsorted(ranks, ranks)
        first = np.lexsort((ranks, turns, ranks // self._config.starts))[:num]
        return found[first]


def _ranked(judged: Memory, limits_W: Limits) -> npt.NDArray[np.int64]:
    """Return which results are best, as far as neighbours confirm it of the leading ones."""
    best = np.argsort(-judged.rewards, kind="stable")
    num_neighbours = int((limits_W - 1).sum())
    num_leading = _MOST_LOOKED_UP // max(1, num_neighbours)
    leading = best[:num_leading]
    confirmed = _estimates(judged, leading, limits_W)
    order = np.argsort(-confirmed, kind="stable")
    return np.concatenate([leading[order], best[num_leading:]])


def _estimates(judged: Memory, leading: npt.NDArray[np.int64], limits_W: Limits) -> Rewards:
    """Return the rewards of the leading results, drawn towards those of their neighbours.

    What is worse than half of all results counts as that: how bad says nothing of a neighbour.
    """
    if not len(leading):
        return judged.rewards[leading]
    tokens_NW = judged.tokens[:, : len(limits_W)]
    own_N = hashes(tokens_NW)
    order_N = np.argsort(own_N)
    near_SC = neighbour_hashes(tokens_NW[leading], limits_W)
    places_SC = np.searchsorted(own_N, near_SC, sorter=order_N).clip(max=len(own_N) - 1)
    found_SC = order_N[places_SC]
    is_judged_SC = own_N[found_SC] == near_SC
    said_N = judged.rewards.clip(min=np.median(judged.rewards))
    num_S = is_judged_SC.sum(1)
    mean_S = np.where(is_judged_SC, said_N[found_SC], 0).sum(1) / np.maximum(num_S, 1)
    weight_S = _NEIGHBOURS_SAY * num_S / (num_S + _MANY)
    estimates: Rewards = judged.rewards[leading] * (1 - weight_S) + mean_S * weight_S
    return estimates
