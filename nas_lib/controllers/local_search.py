"""Local search: what differs in one decision from the best, until nothing is left to try.

At a local optimum White et al. 2021, "Exploring the loss landscape in neural architecture search",
begin anew at random. Here the next best result is gone on from whose neighbours are not all judged:
such a new beginning is there already.

Letters in names: S starts, W tokens of an architecture.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count

import numpy as np

from nas_lib.config import LocalSearchConfig
from nas_lib.controllers.memory import MOST, Memory, Tokens
from nas_lib.controllers.mutation import Limits, at_depth, draw
from nas_lib.controllers.novelty import Known, new_neighbours

_SURE = MOST // 2
"""Of so many newest results no neighbour is forgotten that was judged because of them."""


class LocalSearch:
    """Random ones first; then new neighbours of the best few results, in turn, and of the next.

    A result that was lucky stops nothing: once its neighbours are judged, others have their turn.
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
        best = np.argsort(-judged.rewards, kind="stable")
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
