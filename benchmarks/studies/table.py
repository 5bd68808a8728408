"""A problem of which the value of every architecture is known, and searches on it.

Letters in names: C architectures, W tokens of one, T recorded trainings of one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from nas_lib.config import ControllerConfig
from nas_lib.controllers import build_controller
from nas_lib.spaces.decisions import Decision

Values = npt.NDArray[np.float64]
Tokens = npt.NDArray[np.integer]

_PATIENCE = 20  # rounds without anything new, after which a policy is taken to have settled


@dataclass(frozen=True, eq=False)
class Table:
    """What is searched.

    Attributes:
        name: Its own.
        decisions: Those of its space.
        truth: What each architecture is worth, with an axis for each token.
        noise: Standard deviation of a training around that ...
        trainings: ... or those that were recorded, along one more axis; nan where there are fewer.
    """

    name: str
    decisions: tuple[Decision, ...]
    truth: Values
    noise: float = 0.0
    trainings: Values | None = None

    @property
    def optimum(self) -> float:
        """What the best of all is worth."""
        return float(self.truth.max())

    def true(self, tokens_CW: Tokens) -> Values:
        """Return what architectures are worth."""
        found: Values = self.truth[tuple(tokens_CW.T)]
        return found

    def trained(self, tokens_CW: Tokens, rng: np.random.Generator) -> Values:
        """Return what one training of each says."""
        if self.trainings is None:
            return self.true(tokens_CW) + self.noise * rng.normal(size=len(tokens_CW))
        recorded_CT = self.trainings[tuple(tokens_CW.T)]
        drawn = rng.integers(np.isfinite(recorded_CT).sum(1))
        return recorded_CT[np.arange(len(drawn)), drawn]


def regrets(
    table: Table,
    config: ControllerConfig,
    *,
    marks: Sequence[int],
    seed: int,
    per_round: int = 8,
    noisy: bool = False,
) -> list[float]:
    """Return by how much the winner is worse than the best of all, after so many evaluations.

    What a search of one replica does, without its store: rounds of proposals, what was judged
    before has its verdict and costs nothing, and a lesson of all of them.

    Args:
        table: What is searched.
        config: Who proposes.
        marks: Numbers of evaluations, the last one the budget.
        seed: Of the search.
        per_round: Proposals.
        noisy: Whether it sees trainings; the regret is that of the truth all the same.
    """
    scores, truths = _evaluated(table, config, marks[-1], seed, per_round, noisy)
    winners = [int(np.argmax(scores[:mark])) for mark in marks]
    return [table.optimum - truths[winner] for winner in winners]


def _evaluated(
    table: Table, config: ControllerConfig, budget: int, seed: int, per_round: int, noisy: bool
) -> tuple[list[float], list[float]]:
    """Return the scores and the true values of what a search evaluates, in their order."""
    controller = build_controller(config, table.decisions)
    shards = controller.init(seed=seed, num_shards=1)
    rng = np.random.default_rng(10**6 + seed)
    scores: dict[tuple[int, ...], float] = {}
    truths: list[float] = []
    round_, idle = 0, 0
    while len(scores) < budget and idle < _PATIENCE:
        proposed = controller.propose(
            shards, decisions=table.decisions, num=per_round, seed=seed * 100_003 + round_
        )
        new = [each for each in dict.fromkeys(proposed) if each not in scores]
        new = new[: budget - len(scores)]
        idle = 0 if new else idle + 1
        if new:
            tokens = np.array(new)
            found = table.true(tokens)
            truths += found.tolist()
            seen = table.trained(tokens, rng) if noisy else found
            scores.update(zip(new, seen.tolist(), strict=True))
        known = [each for each in proposed if each in scores]
        lesson = controller.lesson(
            shards,
            decisions=table.decisions,
            tokens=known,
            rewards=[scores[each] for each in known],
        )
        shards = tuple(controller.apply(each, lesson, replica=0, round=round_) for each in shards)
        round_ += 1
    return list(scores.values()), truths
