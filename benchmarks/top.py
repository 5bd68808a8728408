"""What `nas top` costs as a whole process on a search with 12,800 stored children."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from unittest.mock import patch

from benchmarks.figure import Figure
from benchmarks.process import NAS, Cost, run_python
from benchmarks.stored import finished_search, store
from tests.support.s3_server import S3Server, running_s3_server

NUM_CHILDREN = 12_800
PAPERS_ROUND = 8  # the targets are for it
PER_ROUND = (PAPERS_ROUND, 1)  # the latter makes the most objects
REPEATS = 5
MAX_S = {"folder": 2.0, "S3, cold": 10.0, "S3, warm": 2.0}
MAX_MB = 500.0


def measure() -> list[Figure]:
    """Return seconds and memory, on a folder and on an S3 server of this machine."""
    with TemporaryDirectory() as temporary, running_s3_server(Path(temporary)) as server:
        return [
            figure
            for per_round in PER_ROUND
            for figure in _figures(per_round, costs(temporary, server, per_round=per_round))
        ]


def costs(temporary: str, server: S3Server, *, per_round: int) -> dict[str, Cost]:
    """Store a finished search in a folder and on a server; return what `nas top` costs on each."""
    folder = f"{temporary}/search-{per_round}"
    bucket = f"s3://{server.bucket}/{per_round}"
    cache = {"NAS_CACHE": f"{temporary}/cache-{per_round}"}
    with patch.dict("os.environ", server.environment | cache):
        objects = finished_search(NUM_CHILDREN, per_round=per_round)
        for uri in (folder, bucket):
            store(objects, uri)
        return {
            "folder": _top(folder, REPEATS),
            "S3, cold": _top(bucket, 1),
            "S3, warm": _top(bucket, REPEATS),
        }


def _top(uri: str, repeats: int) -> Cost:
    runs = [run_python(*NAS, "top", uri) for _ in range(repeats)]
    return Cost(median(run.seconds for run in runs), max(run.peak_mb for run in runs))


def _figures(per_round: int, cost_by_place: dict[str, Cost]) -> Iterator[Figure]:
    has_target = per_round == PAPERS_ROUND
    for where, cost in cost_by_place.items():
        name = f"nas top, rounds of {per_round}, {where}"
        yield Figure(f"{name}, s", cost.seconds, at_most=MAX_S[where] if has_target else None)
        yield Figure(f"{name}, MiB", cost.peak_mb, at_most=MAX_MB if has_target else None)
