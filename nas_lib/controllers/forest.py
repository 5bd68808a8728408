"""A random forest that predicts rewards: the most promising changes to the best are proposed.

As in sequential model-based optimisation by forests (Hutter et al. 2011, SMAC), the trees' spread
says how sure a prediction is.

Letters in names: N results, C candidates, F features, T trees, W tokens of an architecture.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from nas_lib.config import ForestConfig
from nas_lib.controllers.encoding import features, normal_scores
from nas_lib.controllers.memory import Memory, Tokens
from nas_lib.controllers.mutation import Limits, at_depth, draw, mutated
from nas_lib.controllers.novelty import Known, hashes, new_neighbours
from nas_lib.errors import MissingExtraError

Predicted = npt.NDArray[np.float64]

_NUM_PARENTS = 10
"""Best results whose changes are candidates."""

_NOISE = 0.05
"""Variance of a result by itself, where all of them together have 1."""


class Forest:
    """Random ones first; then by the upper confidence bound that a forest gives for candidates.

    Raises:
        ConfigError: scikit-learn is not installed.
    """

    def __init__(self, config: ForestConfig) -> None:
        self._config = config
        try:
            from sklearn.ensemble import RandomForestRegressor
        except ImportError as err:
            raise MissingExtraError(
                "controller.kind forest needs scikit-learn, which is not installed", "forest", err
            ) from err
        self._regressor = RandomForestRegressor

    def candidates(
        self, memory: Memory, known: Known, limits_W: Limits, *, num: int, rng: np.random.Generator
    ) -> Iterator[Tokens]:
        """Yield what the opening lacks, then changes to the best in the order of their bound."""
        lacking = self._config.initial - memory.num_results
        if lacking > 0:
            yield draw(limits_W, min(lacking, num), rng)
        judged = memory.judged()
        if len(judged.rewards) < 2 or not (limits_W > 1).any():
            return
        found = self._changed(judged, known, limits_W, rng)
        if len(found):
            predicted_TC = self._predicted(judged, found, limits_W, rng)
            yield found[_picked(predicted_TC, num, self._config.exploration)]

    def _changed(
        self, judged: Memory, known: Known, limits_W: Limits, rng: np.random.Generator
    ) -> Tokens:
        """Return new ones that differ from a good result in one token, and some in two."""
        best = np.argsort(-judged.rewards, kind="stable")[:_NUM_PARENTS]
        parents = at_depth(judged.tokens[best], limits_W, rng)
        near, _ = new_neighbours(parents, known, limits_W, rng)
        near = rng.permutation(near)[: self._config.candidates]
        far = parents[rng.integers(len(parents), size=self._config.candidates // 2)]
        far = mutated(mutated(far, limits_W, rng), limits_W, rng)
        found = np.concatenate([near, far])
        return found[known.new(hashes(found))]

    def _predicted(
        self, judged: Memory, found: Tokens, limits_W: Limits, rng: np.random.Generator
    ) -> Predicted:
        """Return what each tree of a forest says `[T, C]`, fitted on all that is known."""
        forest = self._regressor(
            self._config.trees,
            max_features="sqrt",
            n_jobs=1,  # several have no order in which they are added up
            random_state=int(rng.integers(2**31)),
        )
        forest.fit(features(judged.tokens, limits_W), normal_scores(judged.rewards))
        features_CF = features(found, limits_W)
        trees: Any = forest.estimators_
        return np.stack([tree.predict(features_CF) for tree in trees])


def _picked(predicted_TC: Predicted, num: int, exploration: float) -> npt.NDArray[np.int64]:
    """Return the candidates of a round in the order in which they are picked.

    After each it is as if its reward were known: what it shares with others is no longer unsure
    of these (Desautels et al. 2014), so that a round does not ask the same eight times.
    """
    mean_C = predicted_TC.mean(0)
    unsure_TC = (predicted_TC - mean_C) / np.sqrt(len(predicted_TC))
    left_C = np.ones(len(mean_C), bool)
    picked = []
    for _ in range(min(num, len(mean_C))):
        bound_C = mean_C + exploration * np.sqrt((unsure_TC**2).sum(0))
        best = int(np.where(left_C, bound_C, -np.inf).argmax())
        left_C[best] = False
        picked.append(best)
        of_best_T = unsure_TC[:, best]
        shared_C = of_best_T @ unsure_TC
        unsure_TC = unsure_TC - np.outer(of_best_T, shared_C) / (of_best_T @ of_best_T + _NOISE)
    return np.array(picked)
