"""What the engine adds to a round whose children take one second each."""

from __future__ import annotations

from benchmarks.children import WAIT_S
from benchmarks.figure import Figure
from benchmarks.rounds import round_s
from nas_lib.config import (
    CnnSpaceConfig,
    DepthConfig,
    OwnChildrenConfig,
    RoundsConfig,
    SearchConfig,
)

WORKERS = 2
CHILDREN_PER_ROUND = 8
ROUNDS = 8


def measure() -> list[Figure]:
    """Return the overhead with the paper's space at 12 layers, in a folder."""
    config = SearchConfig(
        space=CnnSpaceConfig(depth=DepthConfig(start=12, step=0, max=12)),
        children=OwnChildrenConfig(evaluate="benchmarks.children:wait"),
        search=RoundsConfig(
            max_children=ROUNDS * CHILDREN_PER_ROUND,
            children_per_round=CHILDREN_PER_ROUND,
            repeats="train",
        ),
    )
    ideal_s = CHILDREN_PER_ROUND / WORKERS * WAIT_S
    percent = 100 * (round_s(config, workers=WORKERS) / ideal_s - 1)
    return [Figure("engine overhead, 1-second children, %", percent, at_most=3)]
