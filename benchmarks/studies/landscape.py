"""How hard the computed reward is: what random networks are worth, where steepest ascent ends."""

from __future__ import annotations

from operator import itemgetter
from random import Random
from statistics import fmean, stdev

from benchmarks.studies.layered_reward import OPTIMUM, SPACE, reward
from benchmarks.studies.neighbourhood import neighbours, random_architecture
from benchmarks.studies.study import print_table, write_result
from nas_lib.architecture import Architecture
from nas_lib.spaces import CnnSpace, Space

NUM_RANDOM = 20_000
NUM_ASCENTS = 30


def ascend(space: Space, start: Architecture) -> tuple[float, int]:
    """Return the reward that no change of one token betters, and how many networks it took."""
    here, num_judged = reward(start), 1
    while True:
        around = [(reward(near), near) for _, near in neighbours(space, start)]
        num_judged += len(around)
        best, near = max(around, key=itemgetter(0))
        if best <= here:
            return here, num_judged
        start, here = near, best


def main() -> None:
    """Measure, and print what came out."""
    space, rng = CnnSpace(SPACE), Random(0)
    drawn = [reward(random_architecture(space, rng)) for _ in range(NUM_RANDOM)]
    ascents = [ascend(space, random_architecture(space, rng)) for _ in range(NUM_ASCENTS)]
    ends = [end for end, _ in ascents]
    around = [reward(near) for _, near in neighbours(space, OPTIMUM)]
    found = {
        "optimum": reward(OPTIMUM),
        "best neighbour of the optimum": max(around),
        "worst neighbour of the optimum": min(around),
        "random networks, mean": fmean(drawn),
        "random networks, standard deviation": stdev(drawn),
        "random networks, best": max(drawn),
        "ascents, worst end": min(ends),
        "ascents, mean end": fmean(ends),
        "ascents, best end": max(ends),
        "ascents, mean number of networks": fmean(num_judged for _, num_judged in ascents),
        "ascents that reach the optimum": sum(end == reward(OPTIMUM) for end in ends),
    }
    title = f"{NUM_RANDOM:,} random networks, {NUM_ASCENTS} ascents"
    print_table(title, ["", "reward"], [[name, f"{value:.4g}"] for name, value in found.items()])
    write_result("landscape", found)


if __name__ == "__main__":
    main()
