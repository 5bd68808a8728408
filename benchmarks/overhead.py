"""What the engine adds to a round whose children take one second each."""

from __future__ import annotations

import time
from itertools import pairwise
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from benchmarks.figure import Figure
from nas_lib.architecture import Architecture
from nas_lib.config import ChildrenConfig, CnnSpaceConfig, DepthConfig, LoopConfig, SearchConfig
from nas_lib.engine import Listener, search
from nas_lib.records import Learned

WORKERS = 2
CHILDREN_PER_ROUND = 8
ROUNDS = 8
CHILD_S = 1.0


def wait(architecture: Architecture) -> float:
    """Be a child that takes one second and none of the processor."""
    time.sleep(CHILD_S)
    return 0.5


class RoundClock(Listener):
    """Notes when each round ends."""

    def __init__(self) -> None:
        self.ends: list[float] = []

    def learned(self, learned: Learned) -> None:
        """Note the time."""
        self.ends.append(time.perf_counter())

    @property
    def seconds(self) -> list[float]:
        """Of every round but the first, whose workers have yet to start."""
        return [end - start for start, end in pairwise(self.ends)]


def measure() -> list[Figure]:
    """Return the overhead of a round, with the paper's space at 12 layers, in a folder."""
    config = SearchConfig(
        space=CnnSpaceConfig(depth=DepthConfig(start=12, step=0, max=12)),
        children=ChildrenConfig(evaluate="benchmarks.overhead:wait"),
        search=LoopConfig(
            max_children=ROUNDS * CHILDREN_PER_ROUND, children_per_round=CHILDREN_PER_ROUND
        ),
    )
    clock = RoundClock()
    with TemporaryDirectory() as folder:
        search(config, store=str(Path(folder) / "search"), workers=WORKERS, listener=clock)
    ideal_s = CHILDREN_PER_ROUND / WORKERS * CHILD_S
    overhead = median(clock.seconds) / ideal_s - 1
    return [Figure("engine overhead, 1-second children, 2 workers, %", 100 * overhead, at_most=3)]
