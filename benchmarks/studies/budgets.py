"""Which controller pays at 50 to 1,000 evaluations? And with noise, and in rounds of other sizes?

On tables whose best is known: NAS-Bench-201 on its three data sets and `synthetic` problems, half
of which no setting was chosen by. What is told is regret relative to random search with equally
many evaluations: 1 is no better than random, 0 the best of all.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from statistics import fmean
from typing import Any

from benchmarks.studies import nasbench201
from benchmarks.studies.study import RUNS, Spread, print_table, write_result
from benchmarks.studies.synthetic import FAMILIES, synthetic
from benchmarks.studies.table import Table, regrets
from nas_lib.config import (
    ControllerConfig,
    EvolutionConfig,
    ForestConfig,
    LocalSearchConfig,
    PpoConfig,
    RandomConfig,
    ReinforceConfig,
    RoundsConfig,
)

MARKS = (50, 100, 200, 500, 1000)
SHORT = (200,)
_RANKED: dict[str, Any] = {
    "learning_rate": 1e-2,
    "entropy_weight": 0.1,
    "rewards": "rank",
    "repeats": "mutate",
}
QUICK: dict[str, ControllerConfig] = {
    "random": RandomConfig(),
    "evolution": EvolutionConfig(),
    "local-search": LocalSearchConfig(),
    "auto": RoundsConfig().best_controller(),
}
SLOW: dict[str, ControllerConfig] = {
    "reinforce": ReinforceConfig(),
    "reinforce, 1e-2": ReinforceConfig(learning_rate=1e-2, entropy_weight=0.01),
    "reinforce, ranks": ReinforceConfig(**_RANKED),
    "ppo, ranks": PpoConfig(**_RANKED),
    "forest": ForestConfig(),
}
"""Of fewer seeds, and on two problems of each family; forests up to 200 evaluations."""

ARMS = {**QUICK, **SLOW}
WORST = 5.0  # a ratio counts at most this, so that no single problem makes a mean
LEAST = 1e-9  # regret of random search: a few seeds may all have found the best

GROUPS = {
    "NAS-Bench-201": [f"nb201-{data}" for data in nasbench201.DATA],
    "synthetic, tuned on": [f"{family}-{2 * i}" for family in FAMILIES for i in range(4)],
    "synthetic, held out": [f"{family}-{2 * i + 1}" for family in FAMILIES for i in range(4)],
}
FEW = [
    *GROUPS["NAS-Bench-201"],
    *(f"{family}-{number}" for family in FAMILIES for number in (0, 1)),
]
FEW_GROUPS = {
    group: [each for each in problems if each in FEW] for group, problems in GROUPS.items()
}
EVERYTHING = [problem for group in GROUPS.values() for problem in group]

Regrets = list[list[float]]  # of each seed, at each mark


@dataclass(frozen=True)
class Setup:
    """How searches are made.

    Attributes:
        marks: Numbers of evaluations at which they are looked at.
        per_round: Proposals.
        noisy: Whether they see single trainings.
        known: Whether only those are told of that were made already.
    """

    marks: tuple[int, ...] = MARKS
    per_round: int = 8
    noisy: bool = False
    known: bool = False

    def measure(self, problem: str, arm: str, num_seeds: int) -> Regrets:
        """Return the regrets of the first so many seeds; those made already are read."""
        noise = "-noisy" if self.noisy else ""
        name = f"{problem}-{arm}-{self.marks[-1]}-m{self.per_round}{noise}".replace(", ", "-")
        path = RUNS / "budgets" / f"{name}.json"
        found = json.loads(path.read_text(encoding="utf-8")) if path.exists() else []
        path.parent.mkdir(parents=True, exist_ok=True)
        for seed in range(len(found), 0 if self.known else num_seeds):
            found.append(
                regrets(
                    _table(problem),
                    ARMS[arm],
                    marks=self.marks,
                    seed=seed,
                    per_round=self.per_round,
                    noisy=self.noisy,
                )
            )
            path.write_text(json.dumps(found), encoding="utf-8")
        return [list(each) for each in found[:num_seeds]]


@cache
def _table(problem: str) -> Table:
    if problem.startswith("nb201-"):
        return nasbench201.table(problem.removeprefix("nb201-"))
    return synthetic(problem)


Found = Mapping[str, Regrets]  # by problem


def relative(found: Found, base: Found, problems: Sequence[str]) -> list[Spread]:
    """Return regrets relative to the mean of others, at each mark: mean and error over seeds.

    Args:
        found: What is told of.
        base: Those of random search.
        problems: Whose mean is taken, for each seed.
    """
    spreads = []
    for mark in range(len(found[problems[0]][0])):
        means = {
            each: max(fmean(regret[mark] for regret in base[each]), LEAST) for each in problems
        }
        by_seed = zip(*(found[each] for each in problems), strict=True)
        ratios = (
            fmean(
                min(regret[mark] / means[each], WORST)
                for each, regret in zip(problems, of_seed, strict=True)
            )
            for of_seed in by_seed
        )
        spreads.append(Spread.of(ratios))
    return spreads


def budgets(num_seeds: int, num_slow: int, *, known: bool) -> dict[str, Any]:
    """Compare all controllers at all budgets, rounds of 8, without noise."""
    setup = Setup(known=known)
    found = {arm: _measured(setup, arm, EVERYTHING, num_seeds) for arm in QUICK}
    every = _told("All problems", MARKS, found, GROUPS)
    for arm in SLOW:
        marks = MARKS[:3] if arm == "forest" else MARKS
        found[arm] = _measured(replace(setup, marks=marks), arm, FEW, num_slow)
    few = _told("Three of NAS-Bench-201, two of each family", MARKS, found, FEW_GROUPS)
    return {"relative": every, "relative, fewer problems": few, "regrets": _means(found)}


def noise(num_seeds: int, *, known: bool) -> dict[str, Any]:
    """Compare at 200 evaluations where each is a single, noisy training."""
    setup = Setup(SHORT, noisy=True, known=known)
    found = {arm: _measured(setup, arm, EVERYTHING, num_seeds) for arm in QUICK}
    told = _told("With noise", SHORT, found, GROUPS)
    return {"relative": told, "regrets": _means(found)}


def rounds(num_seeds: int, num_base: int, *, known: bool) -> dict[str, Any]:
    """Compare sizes of rounds at 200 evaluations, by what `auto` chooses."""
    setup, at = Setup(known=known), MARKS.index(SHORT[0])
    found = {
        "random": _at(_measured(setup, "random", FEW, num_base), at),
        "m = 8": _at(_measured(setup, "auto", FEW, num_seeds), at),
    }
    for per_round in (1, 32):
        setup = Setup(SHORT, per_round=per_round, known=known)
        found[f"m = {per_round}"] = _measured(setup, "auto", FEW, num_seeds)
    told = _told("Sizes of rounds", SHORT, found, FEW_GROUPS)
    return {"relative": told, "regrets": _means(found)}


def _at(found: Found, mark: int) -> dict[str, Regrets]:
    return {each: [[regret[mark]] for regret in seeds] for each, seeds in found.items()}


def _measured(
    setup: Setup, arm: str, problems: Iterable[str], num_seeds: int
) -> dict[str, Regrets]:
    """Return regrets of as many seeds of each problem, or nothing where one has none."""
    found = {each: setup.measure(each, arm, num_seeds) for each in problems}
    fewest = min(map(len, found.values()))
    return {each: seeds[:fewest] for each, seeds in found.items() if fewest}


def _told(
    title: str,
    marks: Sequence[int],
    found: Mapping[str, Found],
    groups: Mapping[str, Sequence[str]],
) -> dict[str, Any]:
    """Print the table of relative regrets, and return it."""
    rows, told = [], {}
    for group, problems in groups.items():
        for arm, of_arm in found.items():
            if of_arm:
                spreads = relative(of_arm, found["random"], problems)
                num_seeds = len(of_arm[problems[0]])
                rows.append([group, arm, num_seeds, *(each.text(2) for each in spreads)])
                told[f"{group}: {arm}"] = {
                    "seeds": num_seeds,
                    "mean": [round(each.mean, 4) for each in spreads],
                    "standard_error": [round(each.standard_error, 4) for each in spreads],
                }
    print_table(title, ["problems", "controller", "seeds", *map(str, marks)], rows)
    return told


def _means(found: Mapping[str, Found]) -> dict[str, Any]:
    """Return of each arm and problem the mean regret at each mark, and how many seeds it is of."""
    return {
        arm: {
            problem: {
                "seeds": len(seeds),
                "regret": [round(fmean(at_mark), 5) for at_mark in zip(*seeds, strict=True)],
            }
            for problem, seeds in of_arm.items()
        }
        for arm, of_arm in found.items()
    }


def main() -> None:
    """Run what is asked for, print the tables and write the result."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a seed of each, nothing written")
    parser.add_argument("--known", action="store_true", help="only what was measured already")
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--slow-seeds", type=int, default=5, help="of policies and the forest")
    asked = parser.parse_args()
    num, few = (1, 1) if asked.quick else (asked.seeds, asked.slow_seeds)
    result = {
        "marks": MARKS,
        "noise": noise(min(num, 10), known=asked.known),
        "rounds": rounds(min(num, few), num, known=asked.known),
        "budgets": budgets(num, few, known=asked.known),
    }
    if not asked.quick:
        write_result("budgets", result)


if __name__ == "__main__":
    main()
