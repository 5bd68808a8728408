"""Regularised evolution: tournaments among the newest results (Real et al. 2019, algorithm 1)."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from nas_lib.config import EvolutionConfig
from nas_lib.controllers.memory import Memory, Tokens
from nas_lib.controllers.mutation import Limits, at_depth, draw, mutated
from nas_lib.controllers.novelty import Known

_TRIES = 4
"""Batches of children with so many decisions changed, before another one is."""

_MOST_CHANGES = 4


class Evolution:
    """Random ones first; then children, each of the best of a tournament, with a token changed."""

    def __init__(self, config: EvolutionConfig) -> None:
        self._config = config

    def candidates(
        self, memory: Memory, known: Known, limits_W: Limits, *, num: int, rng: np.random.Generator
    ) -> Iterator[Tokens]:
        """Yield what the population lacks, then children of other tournaments each time."""
        # Of a population that waits for its first results nothing is known: random ones it is.
        lacking = self._config.population - memory.num_results
        if lacking > 0:
            yield draw(limits_W, min(lacking, num), rng)
        population = memory.newest(self._config.population).judged()
        if not len(population.rewards):
            return
        for attempt in range(_TRIES * _MOST_CHANGES):
            children = at_depth(self._parents(population, num, rng), limits_W, rng)
            for _ in range(1 + attempt // _TRIES):  # further away, once all that is near is known
                children = mutated(children, limits_W, rng)
            yield children

    def _parents(self, population: Memory, num: int, rng: np.random.Generator) -> Tokens:
        """Return the winners `[C, W]` of so many tournaments, drawn with replacement."""
        entrants = rng.integers(len(population.rewards), size=(num, self._config.sample))
        winners = population.rewards[entrants].argmax(1)
        parents: Tokens = population.tokens[entrants[np.arange(num), winners]]
        return parents
