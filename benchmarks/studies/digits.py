"""Policy gradient against random search on digits: trained children, equal budget, paired seeds.

A pair shares its seed, and with it the split of the data; the seeds of the children differ as their
architectures do.
"""

from __future__ import annotations

import nas_lib
from benchmarks.studies.study import RUNS, Spread, paired, print_table, wins, write_result
from nas_lib.config import RandomConfig, ReinforceConfig, SearchConfig
from nas_lib.results import TOPS, by_time, mean_reward, scores, top_k_mean

SEEDS = (1, 2, 3)
MARKS = (24, 48, 96)
CONTROLLERS = {
    "reinforce": ReinforceConfig(learning_rate=0.01, entropy_weight=0.01),
    "random": RandomConfig(),
}
ARMS = tuple(CONTROLLERS)


def config(arm: str, seed: int) -> SearchConfig:
    """Return the digits preset with this controller and seed, as it was when this was studied."""
    preset = nas_lib.preset("digits")
    return preset.model_copy(
        update={
            "seed": seed,
            "name": f"{arm}-{seed}",
            "controller": CONTROLLERS[arm],
            "search": preset.search.model_copy(update={"confirm": None}),
        }
    )


def measure(arm: str, seed: int) -> dict[str, float]:
    """Search, and return what the search came to, each measure by its name."""
    handle = nas_lib.search(config(arm, seed), store=str(RUNS / "digits" / f"{arm}-{seed}"))
    rows = by_time(handle.children)
    found = {f"top {k} at {mark}": top_k_mean(rows, k)[mark - 1] for mark in MARKS for k in TOPS}
    rewards = [mean for _, mean in mean_reward(rows)]
    known = [score for score in scores(rows) if score is not None]
    found["mean reward, first quarter"] = Spread.of(rewards[: len(rewards) // 4]).mean
    found["mean reward, last quarter"] = Spread.of(rewards[-(len(rewards) // 4) :]).mean
    found["mean score of all"] = Spread.of(known).mean
    found["test accuracy of the winner"] = handle.view.test[0].score
    print(f"{arm}, seed {seed}: best {found['top 1 at 96']:.4f}", flush=True)
    return {name: value for name, value in found.items() if value is not None}


def main() -> None:
    """Run all searches and print the comparison."""
    found = {arm: [measure(arm, seed) for seed in SEEDS] for arm in ARMS}
    rows = []
    for name in found["reinforce"][0]:
        ours, base = ([each[name] for each in found[arm]] for arm in ARMS)
        differences = paired(ours, base)
        spreads = [Spread.of(values).text() for values in (ours, base, differences)]
        rows.append([name, *spreads, wins(differences)])
    header = ["measure", "policy gradient", "random", "difference", "wins"]
    print_table(f"Digits, validation accuracy, {len(SEEDS)} paired seeds", header, rows)
    write_result("digits", {"seeds": SEEDS, "searches": found})


if __name__ == "__main__":
    main()
