"""Local search: what differs in one decision from the best, until nothing is left to try."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from nas_lib.config import LocalSearchConfig
from nas_lib.controllers.memory import Memory, Tokens
from nas_lib.controllers.mutation import Limits, at_depth, draw, neighbours

_MOST_STARTS = 50
"""Results whose neighbours are looked at, the best first."""


class LocalSearch:
    """Random ones first; then the neighbours of the best result, of the second best, and so on."""

    def __init__(self, config: LocalSearchConfig) -> None:
        self._config = config

    def candidates(
        self, memory: Memory, limits_W: Limits, *, num: int, rng: np.random.Generator
    ) -> Iterator[Tokens]:
        """Yield what the opening lacks, then the neighbours of one good result after the other."""
        lacking = self._config.initial - memory.num_results
        if lacking > 0:
            yield draw(limits_W, min(lacking, num), rng)
        judged = memory.judged()
        best = np.argsort(-judged.rewards, kind="stable")[:_MOST_STARTS]
        for start in at_depth(judged.tokens[best], limits_W, rng):
            yield rng.permutation(neighbours(start, limits_W))
