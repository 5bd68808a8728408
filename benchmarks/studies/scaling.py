"""How far controllers without a server scale: K replicas, m children each, S shards.

Everything is real but the children, which take no time: the paper's controller and space, the
engine, the steps, and the store, a folder or an S3 server on this machine. Up to 32 processes share
the replicas and do nothing but propose, learn and push, all at once: the worst contention. Cells
that were measured before are not measured again; names of cells choose some.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
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
from benchmarks.simulated import SimulatedWorkers, log_normal
from benchmarks.studies.study import RUNS, print_table, write_result
from benchmarks.writers import peak_mb, run_together
from nas_lib import steps
from nas_lib.architecture import Architecture
from nas_lib.config import OwnChildrenConfig, ReinforceConfig, RoundsConfig, SearchConfig
from nas_lib.engine import Engine, Listener
from nas_lib.open_search import OpenSearch
from nas_lib.records import Learned
from nas_lib.store import layout
from tests.support.s3_server import running_s3_server

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
            children=OwnChildrenConfig(evaluate=f"{__name__}:constant"),
            search=RoundsConfig(
                max_children=self.rounds * self.replicas * self.per_round,
                children_per_round=self.per_round,
                replicas=self.replicas,
                shards=self.shards,
                repeats="train",
            ),
        )


def constant(architecture: Architecture) -> float:
    """The same reward for all: what is learned does not matter here."""
    return 0.5


def cells() -> list[Cell]:
    """Return all cells: the published settings, the corners, then the quick ones first."""
    published = [
        cell
        for store in STORES
        for cell in (Cell(store, 100, 8, 20), Cell(store, 400, 1, 20, gradients=10))
    ]
    grid = [Cell(*each) for each in product(STORES, REPLICAS, PER_ROUND, SHARDS)]
    ends = (REPLICAS[0], REPLICAS[-1])
    grid.sort(key=lambda cell: (cell.replicas not in ends, cell.shards * cell.per_round))
    return list(dict.fromkeys([*published, *grid]))


# --- one writer's process ---------------------------------------------------------------------


class _Clock(Listener):
    """Notes time and requests where the rounds begin, and where the last of them ends."""

    def __init__(self, wait: Callable[[], object], requests: Counter[str]) -> None:
        self._wait = wait
        self._requests = requests

    def opened(self, search: OpenSearch, *, num_rounds: int, workers: int) -> None:
        assert search.controller.num_parameters  # built before time counts
        self._wait()
        self.before = self._requests.copy()
        self.started_s = time.time()
        self.cpu_before_s = time.process_time()

    def learned(self, learned: Learned) -> None:
        self.requests = self._requests - self.before
        self.ended_s = time.time()
        self.cpu_s = time.process_time() - self.cpu_before_s


def write_rounds(
    wait: Callable[[], object], uri: str, replicas: Sequence[int], per_round: int
) -> dict[str, Any]:
    """Be one machine: do all rounds of these replicas, after the other machines have started."""
    search, children = OpenSearch(uri), OpenSearch(uri)
    requests, child_requests = (_counted(each) for each in (search, children))
    clock = _Clock(wait, requests)
    workers = SimulatedWorkers(children, seconds=log_normal(0), capacity=per_round * len(replicas))
    Engine(search, make_workers=workers.in_run, listener=clock, replicas=replicas).run()
    return {
        "started_s": clock.started_s,
        "ended_s": clock.ended_s,
        "cpu_s": clock.cpu_s,
        "peak_mb": peak_mb(),
        "requests": clock.requests,
        "child_requests": child_requests,
    }


def _counted(search: OpenSearch) -> Counter[str]:
    counted = CountedStore(search.store.objects)
    search.store.objects = counted
    return counted.counts


# --- one cell -----------------------------------------------------------------------------------


def measure(cell: Cell) -> dict[str, Any]:
    """Return what a cell comes to: measured now, or before."""
    path = _path(cell)
    if not path.exists():
        print(f"{time.strftime('%H:%M:%S')} {cell.name}", flush=True)
        with new_store(cell.store) as (uri, environment):
            found = {**asdict(cell), **_measure(cell, uri, environment)}
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(found), encoding="utf-8")
    return dict(json.loads(path.read_text(encoding="utf-8")))


def _path(cell: Cell) -> Path:
    return RUNS / "scaling" / f"{cell.name}.json"


@contextmanager
def new_store(kind: str) -> Iterator[tuple[str, Mapping[str, str]]]:
    """Yield the URI of a new search, and the environment in which it can be reached."""
    with TemporaryDirectory() as folder:
        if kind == "folder":
            yield f"{folder}/search", {}
            return
        with running_s3_server(Path(folder)) as server:
            cache = {"NAS_CACHE": f"{folder}/cache"}
            with patch.dict(os.environ, server.environment | cache):
                yield f"s3://{server.bucket}/search", server.environment | cache


def _measure(cell: Cell, uri: str, environment: Mapping[str, str]) -> dict[str, Any]:
    search = OpenSearch(uri)
    steps.prepare_data(search, config=cell.config)
    num_writers = min(cell.replicas, MAX_WRITERS)
    shares = [list(range(first, cell.replicas, num_writers)) for first in range(num_writers)]
    arguments = [(uri, share, cell.per_round) for share in shares]
    writers = run_together(write_rounds, arguments, environment)
    view = steps.view_search(search)
    num_rounds = len(view.learned)
    _check_exactly_once(search, num_rounds)
    wall_s = _last(writers, "ended_s") - min(each["started_s"] for each in writers)
    stored = list(search.store.objects.list(""))
    requests = _sum(writers, "requests")
    return {
        "rounds": num_rounds,
        "updates_per_s": num_rounds / wall_s,
        "conflicts_per_push": fmean(each.conflicts for each in view.learned) / cell.shards,
        "staleness_mean": fmean(fmean(each.staleness) for each in view.learned),
        "staleness_max": max(max(each.staleness) for each in view.learned),
        "requests_per_round": _divided(requests, num_rounds),
        "requests_per_child": _divided(_sum(writers, "child_requests"), len(view.rows)),
        "cpu_s_per_round": sum(each["cpu_s"] for each in writers) / num_rounds,
        "peak_mb": _last(writers, "peak_mb"),
        "stored_objects": len(stored),
        "stored_mb": sum(info.size for info in stored) / 2**20,
        "load": os.getloadavg()[0],
    }


def _check_exactly_once(search: OpenSearch, num_rounds: int) -> None:
    """Check that each shard has one version for each round, and the first one."""
    for index in range(search.config.search.shards):
        newest = search.store.newest(layout.versions(index))
        assert newest == num_rounds, f"shard {index}: version {newest} after {num_rounds} rounds"


def _last(writers: Sequence[Mapping[str, Any]], name: str) -> float:
    return max(each[name] for each in writers)


def _sum(writers: Sequence[Mapping[str, Any]], name: str) -> Counter[str]:
    return sum((each[name] for each in writers), Counter())


def _divided(requests: Counter[str], num: int) -> dict[str, float]:
    return {kind: total / num for kind, total in sorted(requests.items())}


# --- the table ----------------------------------------------------------------------------------


def study(wanted: Sequence[str]) -> None:
    """Measure the cells of these names, or all; print and write what is known by then."""
    found = [
        measure(cell)
        for cell in cells()
        if not wanted or cell.name in wanted or _path(cell).exists()
    ]
    header = ["store", "K", "m", "S", "gradients", "updates/s", "lost races per shard pushed"]
    header += ["staleness", "most", "requests per round", "KiB read", "KiB written"]
    header += ["CPU ms per round", "peak MiB", "objects", "MiB"]
    rows = [_row(each) for each in sorted(found, key=_order)]
    print_table("Controllers without a server", header, rows)
    write_result("scaling", {"on": facts(), "cells": found})


def _row(found: dict[str, Any]) -> list[object]:
    requests = dict(found["requests_per_round"])
    read, written = (requests.pop(f"bytes {done}") / 1024 for done in ("read", "written"))
    return [
        *(found[name] for name in ("store", "replicas", "per_round", "shards", "gradients")),
        f"{found['updates_per_s']:.1f}",
        f"{found['conflicts_per_push']:.2f}",
        f"{found['staleness_mean']:.1f}",
        found["staleness_max"],
        f"{sum(requests.values()):.0f}",
        f"{read:,.0f}",
        f"{written:,.0f}",
        f"{1000 * found['cpu_s_per_round']:.0f}",
        f"{found['peak_mb']:.0f}",
        f"{found['stored_objects']:,}",
        f"{found['stored_mb']:.1f}",
    ]


def _order(found: dict[str, Any]) -> list[Any]:
    return [found[name] for name in ("store", "shards", "per_round", "replicas", "gradients")]


if __name__ == "__main__":
    study(sys.argv[1:])
