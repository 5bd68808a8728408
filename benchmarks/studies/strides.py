"""Strides chosen from {1, 2, 3} against strides fixed at 1, on digits at an equal budget.

The fixed arm is the first half of the searches of `benchmarks.studies.digits`: the budget is no
part of what a search proposes, so these are the very children that a search of half the size has.
"""

from __future__ import annotations

from statistics import fmean

import nas_lib
from benchmarks.studies import digits
from benchmarks.studies.study import RUNS, Spread, paired, print_table, write_result
from nas_lib.config import SearchConfig
from nas_lib.results import TOPS, by_time, top_k_mean

SEEDS = digits.SEEDS
NUM_CHILDREN = 48


def config(seed: int) -> SearchConfig:
    """Return half a digits search in which the controller also chooses strides."""
    preset = digits.config("reinforce", seed)
    return preset.model_copy(
        update={
            "name": f"strides-{seed}",
            "space": preset.space.model_copy(update={"strides": (1, 2, 3)}),
            "search": preset.search.model_copy(update={"max_children": NUM_CHILDREN}),
        }
    )


def measure(handle: nas_lib.SearchHandle) -> dict[str, float]:
    """Return what the first children of a search came to, each measure by its name."""
    rows = by_time(handle.children)[:NUM_CHILDREN]
    best = max(rows, key=lambda row: row.reward)
    found = {f"top {k}": top_k_mean(rows, k)[-1] for k in TOPS}
    found["mean reward, last two rounds"] = fmean(row.reward for row in rows[-16:])
    costs = {
        "multiply-adds of the best (k)": [(best.num_multiply_adds or 0) / 1e3],
        "multiply-adds (k)": [(row.num_multiply_adds or 0) / 1e3 for row in rows],
        "parameters (k)": [(row.num_parameters or 0) / 1e3 for row in rows],
        "seconds": [row.seconds for row in rows],
    }
    found.update({name: fmean(values) for name, values in costs.items()})
    return {name: value for name, value in found.items() if value is not None}


def main() -> None:
    """Run all searches and print the comparison."""
    fixed, chosen = [], []
    for seed in SEEDS:
        folder = RUNS / "digits" / f"reinforce-{seed}"
        fixed.append(measure(nas_lib.search(digits.config("reinforce", seed), store=str(folder))))
        folder = RUNS / "strides" / f"strides-{seed}"
        chosen.append(measure(nas_lib.search(config(seed), store=str(folder))))
        print(f"seed {seed}: fixed {fixed[-1]['top 5']:.4f}, chosen {chosen[-1]['top 5']:.4f}")
    rows = []
    for name in fixed[0]:
        base, ours = ([each[name] for each in arm] for arm in (fixed, chosen))
        digits_shown = 4 if fmean(base) < 1 else 1  # accuracies, or costs
        spreads = [
            Spread.of(values).text(digits_shown) for values in (base, ours, paired(ours, base))
        ]
        rows.append([name, *spreads])
    header = ["measure", "fixed at 1", "chosen", "difference"]
    print_table(f"{NUM_CHILDREN} children, {len(SEEDS)} paired seeds", header, rows)
    write_result("strides", {"seeds": SEEDS, "fixed": fixed, "chosen": chosen})


if __name__ == "__main__":
    main()
