"""A random forest that predicts rewards: the most promising changes to the best are proposed.

Letters in names: N results, C candidates, F features, T trees, W tokens of an architecture.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from nas_lib.config import ForestConfig
from nas_lib.controllers.memory import Memory, Tokens
from nas_lib.controllers.mutation import Limits, at_depth, draw, mutated
from nas_lib.controllers.novelty import Known
from nas_lib.errors import MissingExtraError

Features = npt.NDArray[np.float32]

_MOST = 2000
"""Newest results that it is fitted on: what a round costs grows with them."""


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
        """Yield what the opening lacks, then candidates in the order of their bound."""
        config = self._config
        lacking = config.initial - memory.num_results
        if lacking > 0:
            yield draw(limits_W, min(lacking, num), rng)
        judged = memory.newest(_MOST).judged()
        if len(judged.rewards) < 2 or not (limits_W > 1).any():
            return
        forest = self._fitted(judged, limits_W, rng)
        for _ in range(3):
            found = self._changes(judged, limits_W, rng)
            yield found[np.argsort(-self._bounds(forest, features(found, limits_W)))]

    def _fitted(self, judged: Memory, limits_W: Limits, rng: np.random.Generator) -> Any:
        seed = int(rng.integers(2**31))
        forest = self._regressor(self._config.trees, n_jobs=1, random_state=seed)
        return forest.fit(features(judged.tokens[:, : len(limits_W)], limits_W), judged.rewards)

    def _changes(self, judged: Memory, limits_W: Limits, rng: np.random.Generator) -> Tokens:
        best = np.argsort(-judged.rewards, kind="stable")[:10]
        parents = judged.tokens[rng.choice(best, size=self._config.candidates)]
        found = mutated(at_depth(parents, limits_W, rng), limits_W, rng)
        again = rng.random(len(found)) < 0.5
        found[again] = mutated(found[again], limits_W, rng)
        return found

    def _bounds(self, forest: Any, features_CF: Features) -> npt.NDArray[np.float64]:
        predicted_TC = np.stack([tree.predict(features_CF) for tree in forest.estimators_])
        bounds_C: npt.NDArray[np.float64] = predicted_TC.mean(
            0
        ) + self._config.exploration * predicted_TC.std(0)
        return bounds_C


def features(tokens_CW: Tokens, limits_W: Limits) -> Features:
    """Return each token as what it may be, one of 0 and 1 for each value; a bit as it is.

    What a smaller depth lacks is 0 everywhere.
    """
    first = np.where(limits_W == 2, 1, 0)  # of a bit, that it is 1 says all
    columns = np.repeat(np.arange(len(limits_W)), limits_W - first)
    ends = np.cumsum(limits_W - first)
    values = np.arange(len(columns)) - np.repeat(ends - limits_W, limits_W - first)
    is_value: npt.NDArray[np.bool_] = tokens_CW[:, columns] == values
    return is_value.astype(np.float32)
