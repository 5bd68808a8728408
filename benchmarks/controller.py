"""How fast the controller samples and learns: the paper's policy, 12 layers with skip connections.

A sample is `propose`; an update is `gradient` (replay, loss, backward) and `apply` (Adam). Both run
on one thread. A large part of an update is page faults: glibc gives the memory of large tensors
back to the kernel after each step. One figure shows the same with an allocator that keeps it.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from statistics import median

from benchmarks.figure import Figure
from nas_lib.config import CnnSpaceConfig, ReinforceConfig
from nas_lib.controllers import build_controller
from nas_lib.spaces import CnnSpace

NUM_LAYERS = 12  # 36 choices, and 12 subsets of together 66 bits
REPEATS = 21
BATCH = 256
MORE_BATCHES = (20, 8)  # without a target
KEEP_MEMORY = {"MALLOC_MMAP_THRESHOLD_": f"{2**25}", "MALLOC_TRIM_THRESHOLD_": f"{2**30}"}


def measure() -> list[Figure]:
    """Return architectures per second."""
    speed = Speed(BATCH)
    return [
        Figure(f"controller, batch {BATCH}: sampled per s", speed.sampled(), at_least=5000),
        Figure(f"controller, batch {BATCH}: updated per s", speed.updated(), at_least=2500),
        Figure(f"controller, batch {BATCH}: updated per s, memory kept", _updated_memory_kept()),
        *(figure for batch in MORE_BATCHES for figure in _without_target(batch)),
    ]


class Speed:
    """Of a new controller, in architectures per second, at one batch size."""

    def __init__(self, batch: int) -> None:
        self._batch = batch
        self._decisions = CnnSpace(CnnSpaceConfig()).decisions(NUM_LAYERS)
        self._controller = build_controller(ReinforceConfig(), self._decisions)
        self._shards = self._controller.init(seed=0, num_shards=1)

    def sampled(self) -> float:
        """Return how many are proposed."""
        return self._batch / _median_s(self._propose)

    def updated(self) -> float:
        """Return how many are learned from."""
        tokens = self._propose()
        rewards = [sum(sequence) / 200 for sequence in tokens]

        def update() -> None:
            gradient = self._controller.gradient(
                self._shards, decisions=self._decisions, tokens=tokens, rewards=rewards
            )
            self._controller.apply(self._shards[0], gradient, replica=0, round=0)

        return self._batch / _median_s(update)

    def _propose(self) -> list[tuple[int, ...]]:
        return self._controller.propose(
            self._shards, decisions=self._decisions, num=self._batch, seed=0
        )


def _without_target(batch: int) -> Iterator[Figure]:
    speed = Speed(batch)
    yield Figure(f"controller, batch {batch}: sampled per s", speed.sampled())
    yield Figure(f"controller, batch {batch}: updated per s", speed.updated())


def _updated_memory_kept() -> float:
    command = [sys.executable, "-m", "benchmarks.controller"]
    environment = {**os.environ, **KEEP_MEMORY}
    return float(subprocess.run(command, check=True, capture_output=True, env=environment).stdout)


def _median_s(work: Callable[[], object]) -> float:
    """Return the median wall-clock time of one call, in seconds."""
    work()  # warm up
    times = []
    for _ in range(REPEATS):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return median(times)


if __name__ == "__main__":
    print(Speed(BATCH).updated())
