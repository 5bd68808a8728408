"""Bayesian optimisation: of changes to the best results, those that a Gaussian process promises.

It is local search that knows where to look. So it begins anew at random, as local search does
(White et al. 2021), once the best of its run has not become better for a while; what it knows, it
keeps.

Letters in names: N results, C candidates, W tokens of an architecture.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from nas_lib.config import GaussianProcessConfig
from nas_lib.controllers.encoding import normal_scores, one_hot
from nas_lib.controllers.memory import Memory, Rewards, Tokens, best_and_newest
from nas_lib.controllers.mutation import Limits, at_depth, draw, mutated
from nas_lib.controllers.novelty import Known, hashes, new_neighbours

if TYPE_CHECKING:
    from nas_lib.controllers.overlap_process import Hyperparameters, OverlapProcess

_NUM_PARENTS = 10
"""Best results of the run whose changes are candidates."""

_NUM_FAR = 100
"""Candidates with two tokens changed."""

_NUM_WEIGHED = 120
"""Candidates, the best by what is expected of them, whose doubt is weighed too."""

_NUM_FITTED = 200
"""Results by which the hyperparameters are chosen: half of them the best, half the newest."""

_GROWTH = 1.15
"""They are chosen anew when there are so many times as many results."""


class GaussianProcess:
    """Random ones first; then by the upper confidence bound of a Gaussian process.

    Args:
        config: Its settings.
        replicas: Of the controller. Each round looks at a share of the candidates, the next one
            at another, so that rounds of several replicas at a time seldom propose the same.
    """

    def __init__(self, config: GaussianProcessConfig, *, replicas: int = 1) -> None:
        self._config = config
        self._replicas = replicas
        self._fits: dict[bytes, Hyperparameters] = {}  # the last one, by what it was chosen by

    def candidates(
        self, memory: Memory, known: Known, limits_W: Limits, *, num: int, rng: np.random.Generator
    ) -> Iterator[Tokens]:
        """Yield what an opening lacks, then changes to the run's best, the most promising first."""
        judged = memory.judged()
        # a wave of all replicas says nothing yet of whether a run goes on well
        patience = max(self._config.patience, 4 * num * self._replicas)
        start = run_start(judged.rewards, patience=patience, initial=self._config.initial)
        lacking = self._config.initial - (len(judged.rewards) - start)
        if lacking > 0:
            yield draw(limits_W, min(lacking, num), rng)
        if len(judged.rewards) < 2 or start == len(judged.rewards) or not (limits_W > 1).any():
            return
        found = self._changed(judged, start, known, limits_W, rng)
        if self._replicas > 1:
            found = _share(found, memory.num_results // num, self._replicas)
        if len(found):
            yield self._promising(judged, found[: self._config.candidates], limits_W, num)

    def _changed(
        self, judged: Memory, start: int, known: Known, limits_W: Limits, rng: np.random.Generator
    ) -> Tokens:
        """Return new ones that differ from a good one of the run in one token, and some in two."""
        best = start + np.argsort(-judged.rewards[start:], kind="stable")[:_NUM_PARENTS]
        parents = at_depth(judged.tokens[best], limits_W, rng)
        near, _ = new_neighbours(parents, known, limits_W, rng)
        far = parents[rng.integers(len(parents), size=_NUM_FAR)]
        far = mutated(mutated(far, limits_W, rng), limits_W, rng)
        found = np.concatenate([near, far])
        new: Tokens = rng.permutation(found[known.new(hashes(found))])
        return new

    def _promising(self, judged: Memory, found: Tokens, limits_W: Limits, num: int) -> Tokens:
        """Return the best candidates, in the order in which they are picked."""
        from nas_lib.controllers.one_thread import one_thread

        features_CF = one_hot(found, limits_W)
        with one_thread():
            process = self._process(judged, limits_W)
            expected_C = process.mean(features_CF).numpy()
            weighed = np.argsort(-expected_C, kind="stable")[: max(_NUM_WEIGHED, 4 * num)]
            picked = process.picked(features_CF[weighed], num, exploration=self._config.exploration)
        promising: Tokens = found[weighed[picked]]
        return promising

    def _process(self, judged: Memory, limits_W: Limits) -> OverlapProcess:
        """Return what the results say, or as many of them as it takes: half of them the best."""
        from nas_lib.controllers.overlap_process import OverlapProcess

        features_NF, scores_N = one_hot(judged.tokens, limits_W), _scores(judged.rewards)
        hyperparameters = self._hyperparameters(judged, limits_W)
        kept = _told(judged.rewards, self._config.results)
        return OverlapProcess.of(features_NF[kept], scores_N[kept], hyperparameters)

    def _hyperparameters(self, judged: Memory, limits_W: Limits) -> Hyperparameters:
        """Return those that are likeliest by what was known when they were last chosen.

        So they follow from the results alone, and are chosen some times only.
        """
        from nas_lib.controllers.overlap_process import most_likely

        num = len(judged.rewards)
        by = max(2, int(_GROWTH ** math.floor(math.log(num, _GROWTH) + 1e-9)))
        tokens, rewards = judged.tokens[:by], judged.rewards[:by]
        by_what = (limits_W, tokens, rewards)  # at another depth it is another choice
        key = hashlib.sha256(b"".join(each.tobytes() for each in by_what)).digest()
        if key not in self._fits:
            kept = _told(rewards, _NUM_FITTED)
            features_NF, scores_N = one_hot(tokens, limits_W)[kept], _scores(rewards)[kept]
            num_tokens = int((limits_W > 1).sum())
            fit = most_likely(features_NF, scores_N - scores_N.mean(), num_tokens=num_tokens)
            self._fits = {key: fit}
        return self._fits[key]


def _share(found: Tokens, num_rounds: int, replicas: int) -> Tokens:
    """Return the candidates whose turn it is, one of so many shares after the other.

    A replica proposes once it has pushed. So each of the rounds that are on at a time was proposed
    after another number of rounds, unless some take much longer than others.

    Args:
        found: Candidates; to which share one belongs is its own.
        num_rounds: That are in what is known.
        replicas: As many shares there are.
    """
    shares_C = (hashes(found) >> np.uint64(32)) % np.uint64(replicas)
    ours: Tokens = found[shares_C == num_rounds % replicas]
    return ours


def run_start(rewards_N: Rewards, *, patience: int, initial: int) -> int:
    """Return where the run began that goes on after these results.

    A run ends once its best has not become better for so many results.

    Args:
        rewards_N: Of all results, the oldest first.
        patience: Of how many.
        initial: Results at least of a run.
    """
    start = last = 0
    best = -math.inf
    for index, reward in enumerate(rewards_N.tolist()):
        if reward > best:
            best, last = reward, index
        if index - last >= patience and index - start >= initial:
            start = last = index + 1
            best = -math.inf
    return start


def _told(rewards_N: Rewards, most: int) -> npt.NDArray[np.int64]:
    """Return which results count: half of them the best, and the newest, which may say what is bad.

    A run that has ended goes on to say so, too.
    """
    return best_and_newest(rewards_N, most, num_best=most // 2)


def _scores(rewards_N: Rewards) -> Rewards:
    """Return scores by rank, of mean 0 and standard deviation 1, or all 0."""
    scores_N = normal_scores(rewards_N)
    spread = float(scores_N.std())
    return scores_N / spread if spread else scores_N
