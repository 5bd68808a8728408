"""How many pushes a second the shards take: from writers without rest, and from ones that rest.

Writers without rest show the greatest rate, but not who gets it: whoever has won is first to begin
again, and one writer can keep the rest out. Real replicas rest, for as long as their children
train; so 32 writers also push at random times, at a given rate, and here it is how long a push
takes that shows where the shards saturate.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from itertools import chain
from statistics import fmean, quantiles
from typing import Any

import numpy as np

from benchmarks.machine import facts
from benchmarks.studies.scaling import MAX_WRITERS, SHARDS, STORES, Cell, new_store
from benchmarks.studies.study import print_table, write_result
from benchmarks.writers import run_together
from nas_lib import steps
from nas_lib.controllers import Lesson
from nas_lib.open_search import OpenSearch
from nas_lib.procedures.shards import prune, push

WRITERS = (1, 2, 4, 8, 16, 32)
PER_S = (5, 10, 20, 40, 80)
SECONDS = 5.0


@dataclass(frozen=True)
class Load:
    """What is asked of the shards.

    Attributes:
        store: `folder` or `S3`.
        shards: S.
        writers: Processes that push, each for a replica of its own.
        per_s: Pushes that they begin in a second, all together; None if they do not rest.
    """

    store: str
    shards: int
    writers: int
    per_s: float | None = None


def loads() -> list[Load]:
    """Return all that is measured."""
    places = [(store, shards) for store in STORES for shards in SHARDS]
    restless = (Load(*place, writers) for place in places for writers in WRITERS)
    resting = (Load(store, 1, MAX_WRITERS, per_s) for store in STORES for per_s in PER_S)
    return list(chain(restless, resting))


def write_pushes(
    wait: Callable[[], object], uri: str, replica: int, seconds: float, mean_rest_s: float
) -> list[tuple[float, int]]:
    """Be one replica that only pushes; return of each push its time and the races it lost."""
    search = OpenSearch(uri)
    values = np.random.default_rng(replica).normal(size=search.controller.num_parameters)
    lesson = Lesson(values.astype(np.float32), rewards=(0.5,), metrics={})
    versions = [0] * search.config.search.shards
    pushes: list[tuple[float, int]] = []
    wait()
    stop_s = time.monotonic() + seconds
    while True:
        if mean_rest_s:
            time.sleep(random.expovariate(1 / mean_rest_s))
        started_s = time.monotonic()
        if started_s >= stop_s:
            return pushes
        pushed = push(search, lesson, replica=replica, round=len(pushes), known=versions)
        prune(search, pushed)
        versions = [each.shard.version for each in pushed]
        conflicts = sum(each.conflicts for each in pushed)
        pushes.append((time.monotonic() - started_s, conflicts))


def measure(load: Load, *, seconds: float = SECONDS) -> dict[str, Any]:
    """Return what becomes of a load on a new store."""
    print(f"{time.strftime('%H:%M:%S')} {load}", flush=True)
    config = Cell(load.store, load.writers, per_round=1, shards=load.shards).config
    mean_rest_s = load.writers / load.per_s if load.per_s else 0.0
    with new_store(load.store) as (uri, environment):
        steps.prepare_data(OpenSearch(uri), config=config)
        arguments = [(uri, replica, seconds, mean_rest_s) for replica in range(load.writers)]
        writers = run_together(write_pushes, arguments, environment)
    pushes = list(chain.from_iterable(writers))
    took_s = quantiles([each for each, _ in pushes], n=100, method="inclusive")
    return {
        **asdict(load),
        "pushes_per_s": len(pushes) / seconds,
        "conflicts_per_push": fmean(conflicts for _, conflicts in pushes) / load.shards,
        "median_s": took_s[49],
        "percentile_95_s": took_s[94],
        "longest_s": max(each for each, _ in pushes),
        "fewest_of_a_writer": min(map(len, writers)),
        "most_of_a_writer": max(map(len, writers)),
    }


def study() -> None:
    """Measure all loads; print and write the table."""
    found = [measure(load) for load in loads()]
    header = ["store", "S", "writers", "asked for/s", "pushes/s", "lost races per shard pushed"]
    header += ["median s", "95 % s", "longest s", "fewest of a writer", "most"]
    print_table("Pushes and nothing else", header, map(_row, found))
    write_result("saturation", {"on": facts(), "seconds": SECONDS, "found": found})


def _row(found: Mapping[str, Any]) -> Iterator[object]:
    for value in found.values():
        yield f"{value:.3g}" if isinstance(value, float) else value


if __name__ == "__main__":
    study()
