"""How far controllers without a server scale: K replicas, m children each, S shards.

Everything is real but the children, which take no time: the paper's controller and space, the
engine, the steps, and the store, a folder or an S3 server on this machine. Up to 32 processes share
the replicas and do nothing but propose, learn and push, all at once: the worst contention. With
--pushes, instead, writers only push, to see where one shard saturates.

    python -m benchmarks.studies.scaling [--pushes] [CELL ...]
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from itertools import product
from pathlib import Path
from statistics import fmean
from tempfile import TemporaryDirectory
from typing import Any
from unittest.mock import patch

from benchmarks.counted import CountedStore
from benchmarks.machine import facts
from benchmarks.simulated import SimulatedTrainer, log_normal
from benchmarks.studies.study import RUNS, print_table, write_result
from benchmarks.writers import peak_mb, run_together
from nas_lib import steps
from nas_lib.architecture import Architecture
from nas_lib.config import ChildrenConfig, LoopConfig, ReinforceConfig, SearchConfig
from nas_lib.engine import Engine, Listener
from nas_lib.records import Learned
from nas_lib.steps import OpenSearch
from nas_lib.store import layout
from tests.s3_server import running_s3_server

MAX_WRITERS = 32
MIN_ROUNDS = 500
STORES = ("folder", "S3")
REPLICAS = (1, 4, 16, 32, 100, 400)
PER_ROUND = (1, 8)
SHARDS = (1, 20)


@dataclass(frozen=True)
class Cell:
    """One cell of the table.

    Attributes:
        store: `folder` or `S3`.
        replicas: K.
        per_round: m.
        shards: S.
        gradients: Of them make one step of Adam.
    """

    store: str
    replicas: int
    per_round: int
    shards: int
    gradients: int = 1

    @property
    def name(self) -> str:
        """Its file's name."""
        gathered = f"-g{self.gradients}" if self.gradients > 1 else ""
        return f"{self.store}-K{self.replicas}-m{self.per_round}-S{self.shards}{gathered}"

    @property
    def rounds(self) -> int:
        """Rounds of each replica: two at least, and over all of them enough."""
        return max(2, -(-MIN_ROUNDS // self.replicas))

    @property
    def config(self) -> SearchConfig:
        """The search: the published controller and space."""
        return SearchConfig(
            controller=ReinforceConfig(gradients_per_update=self.gradients),
            children=ChildrenConfig(evaluate=f"{__name__}:constant"),
            search=LoopConfig(
                max_children=self.rounds * self.replicas * self.per_round,
                children_per_round=self.per_round,
                replicas=self.replicas,
                shards=self.shards,
            ),
        )


def constant(architecture: Architecture) -> float:
    """The same reward for all: what is learned does not matter here."""
    return 0.5


def cells() -> list[Cell]:
    """Return all cells, the published settings first, then the corners, then the rest."""
    published = [
        cell
        for store in STORES
        for cell in (Cell(store, 100, 8, 20), Cell(store, 400, 1, 20, gradients=10))
    ]
    ends = (REPLICAS[0], REPLICAS[-1])
    grid = [Cell(*each) for each in product(STORES, REPLICAS, PER_ROUND, SHARDS)]
    grid.sort(key=lambda cell: cell.replicas not in ends)
    return list(dict.fromkeys([*published, *grid]))


# --- one writer's process -------------------------------------------------------------------------


class _Clock(Listener):
    """Notes the time and the controller's requests before the first round and after the last."""

    def __init__(self, wait: Callable[[], object], objects: CountedStore) -> None:
        self._wait = wait
        self._objects = objects
        self.start_s = self.end_s = 0.0
        self.cpu_s = 0.0
        self.before: Counter[str] = Counter()
        self.after: Counter[str] = Counter()

    def opened(self, search: OpenSearch, *, num_rounds: int, workers: int) -> None:
        search.controller  # noqa: B018 built before the time counts
        self._wait()
        self.before = self._objects.counts.copy()
        self.start_s = time.time()
        self.cpu_s = time.process_time()

    def learned(self, learned: Learned) -> None:
        self.after = self._objects.counts.copy()
        self.end_s = time.time()


def write_rounds(
    wait: Callable[[], object], uri: str, replicas: Sequence[int], per_round: int
) -> dict[str, Any]:
    """Be one machine: do all rounds of these replicas."""
    search, children = OpenSearch(uri), OpenSearch(uri)
    counted, counted_children = (
        CountedStore(search.store.objects),
        CountedStore(children.store.objects),
    )
    search.store.objects, children.store.objects = counted, counted_children
    clock = _Clock(wait, counted)
    trainer = SimulatedTrainer(
        children, seconds=log_normal(0), capacity=per_round * len(replicas)
    )
    engine = Engine(search, trainer=trainer.in_run, listener=clock, replicas=replicas)
    engine.run()
    return {
        "start_s": clock.start_s,
        "end_s": clock.end_s,
        "peak_mb": peak_mb(),
        "controller": clock.after - clock.before,
        "children": counted_children.counts,
    }
