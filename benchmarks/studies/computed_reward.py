"""Policy gradient against random search on a computed reward with a known optimum.

Convolutional networks of six layers, 3,200 children in rounds of 8, ten paired seeds. With --tune,
instead, learning rate and entropy weight are varied, on seeds that the study itself does not use.
"""

from __future__ import annotations

import json
import sys
import time
from itertools import product

import nas_lib
from benchmarks.studies.layered_reward import OPTIMUM, SPACE, reward
from benchmarks.studies.study import RUNS, Spread, compare_arms, print_table, write_result
from nas_lib.config import (
    ControllerConfig,
    RandomConfig,
    ReinforceConfig,
    RoundsConfig,
    SearchConfig,
)
from nas_lib.results import TOPS, by_time, top_k_mean

MARKS = (400, 800, 1600, 3200)
SEEDS = range(1, 11)
TUNING_SEEDS = (101, 102)
LEARNING_RATES = (1e-3, 3e-3, 1e-2)
ENTROPY_WEIGHTS = (0.0, 0.003, 0.01, 0.03)
ARMS: dict[str, ControllerConfig] = {
    "random": RandomConfig(),
    "paper": ReinforceConfig(),
    "laptop": ReinforceConfig(learning_rate=1e-2, entropy_weight=0.01),
}

Measures = dict[str, float]


def measure(arm: str, controller: ControllerConfig, seed: int) -> Measures:
    """Return what a search comes to: measured now, or before under the same name of the arm."""
    path = RUNS / "computed_reward" / f"{arm}-{seed}.json"
    if path.exists():
        return dict(json.loads(path.read_text(encoding="utf-8")))
    found = _search(arm, controller, seed)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(found), encoding="utf-8")
    return found


def _search(arm: str, controller: ControllerConfig, seed: int) -> Measures:
    config = SearchConfig(
        seed=seed,
        space=SPACE,
        controller=controller,
        search=RoundsConfig(max_children=MARKS[-1], children_per_round=8, repeats="train"),
    )
    started_s = time.monotonic()
    handle = nas_lib.search(config, store=f"memory://{arm}-{seed}", evaluate=reward)
    seconds = time.monotonic() - started_s
    rows = by_time(handle.children)
    print(
        f"{arm}, seed {seed}: best {max(row.reward for row in rows):.4f}, {seconds:.0f} s",
        flush=True,
    )
    curves = {k: top_k_mean(rows, k) for k in TOPS}
    found = {f"top {k} at {mark}": curves[k][mark - 1] for mark in MARKS for k in TOPS}
    for mark in MARKS:
        found[f"mean of the last 80 at {mark}"] = Spread.of(
            row.reward for row in rows[mark - 80 : mark]
        ).mean
    return {name: value for name, value in found.items() if value is not None}


def study() -> None:
    """Run all searches and print the comparison."""
    found = {arm: [measure(arm, ARMS[arm], seed) for seed in SEEDS] for arm in ARMS}
    title = f"The optimum is {reward(OPTIMUM):.0f}; {len(SEEDS)} seeds"
    compare_arms(title, found, base="random", others=("paper", "laptop"))
    controllers = {arm: controller.model_dump() for arm, controller in ARMS.items()}
    write_result(
        "computed_reward",
        {"seeds": list(SEEDS), "controllers": controllers, "searches": found},
    )


def tune() -> None:
    """Print the mean of the top 15 for each learning rate and entropy weight."""
    rows = []
    searches = {}
    for rate, weight in product(LEARNING_RATES, ENTROPY_WEIGHTS):
        controller = ReinforceConfig(learning_rate=rate, entropy_weight=weight)
        found = [measure(f"tune-{rate}-{weight}", controller, seed) for seed in TUNING_SEEDS]
        searches[f"{rate}, {weight}"] = found
        tops = [Spread.of(each[f"top 15 at {mark}"] for each in found).text() for mark in MARKS]
        rows.append([rate, weight, *tops])
    header = ["learning rate", "entropy weight", *(f"top 15 at {mark}" for mark in MARKS)]
    print_table(f"Tuning, seeds {list(TUNING_SEEDS)}", header, rows)
    write_result("computed_reward_tuning", {"seeds": TUNING_SEEDS, "searches": searches})


if __name__ == "__main__":
    tune() if "--tune" in sys.argv else study()
