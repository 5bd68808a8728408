"""How many times as many equal children two workers finish as one in the same time."""

from __future__ import annotations

from statistics import median

from benchmarks.figure import Figure
from benchmarks.rounds import round_s
from nas_lib.config import OwnChildrenConfig, RandomConfig, RoundsConfig, SearchConfig
from nas_lib.presets import preset

REPEATS = 3
ROUNDS = RoundsConfig(max_children=12, children_per_round=4, repeats="train")


def measure() -> list[Figure]:
    """Return the ratios for a busy loop, and for training on the digits."""
    busy = SearchConfig(
        controller=RandomConfig(),
        children=OwnChildrenConfig(evaluate="benchmarks.children:work"),
        search=ROUNDS,
    )
    return [
        Figure("2 workers against 1, busy loops, times", _ratio(busy), at_least=1.8),
        Figure("2 workers against 1, digits, times", _ratio(_digits()), at_least=1.6),
    ]


def _digits() -> SearchConfig:
    """Return the demo's search in a space that has one architecture only."""
    digits = preset("digits")
    fixed = {"filter_heights": (3,), "filter_widths": (3,), "num_filters": (24,)}
    space = digits.space.model_copy(update={**fixed, "skip_connections": False})
    return digits.model_copy(
        update={"space": space, "controller": RandomConfig(), "search": ROUNDS}
    )


def _ratio(config: SearchConfig) -> float:
    """Return the median over pairs of runs, one right after the other."""
    return median(round_s(config, workers=1) / round_s(config, workers=2) for _ in range(REPEATS))
