"""How fast the controller samples and learns: the paper's policy, 12 layers with skip connections.

Prints JSON: architectures per second, one torch thread, median of the repeats. A sample is
`propose`; an update is `gradient` (replay, loss, backward) and `apply` (Adam).
"""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Callable

import torch

from nas_lib.config import ReinforceConfig
from nas_lib.controllers import build_controller
from nas_lib.spaces.decisions import Choice, Decision, Subset

BATCHES = (256, 20, 8)
REPEATS = 21


def decisions(num_layers: int) -> list[Decision]:
    """Return per layer filter height, filter width, number of filters, and skip connections."""
    options: list[Decision] = [
        Choice(kind, 4) for kind in ("filter_height", "filter_width", "num_filters")
    ]
    space: list[Decision] = []
    for layer in range(num_layers):
        space += [*options, Subset("skip", layer)]
    return space


def median_s(work: Callable[[], object]) -> float:
    """Return the median wall-clock time of one call, in seconds."""
    work()  # warm up
    times = []
    for _ in range(REPEATS):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def measure(batch: int) -> dict[str, int]:
    """Return architectures per second at one batch size."""
    space = decisions(12)
    controller = build_controller(ReinforceConfig(), space)
    shards = controller.init(seed=0, num_shards=1)
    tokens = controller.propose(shards, decisions=space, num=batch, seed=0)
    rewards = [sum(sequence) / 200 for sequence in tokens]

    def sample() -> None:
        controller.propose(shards, decisions=space, num=batch, seed=0)

    def update() -> None:
        gradient = controller.gradient(shards, decisions=space, tokens=tokens, rewards=rewards)
        controller.apply(shards[0], gradient, replica=0, round=0)

    return {
        "batch": batch,
        "sampled_per_s": round(batch / median_s(sample)),
        "updated_per_s": round(batch / median_s(update)),
    }


if __name__ == "__main__":
    rows = [measure(batch) for batch in BATCHES]
    print(json.dumps({"benchmark": "controller", "torch": torch.__version__, "rows": rows}))
