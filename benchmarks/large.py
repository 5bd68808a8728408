"""What `nas top` and `nas search` cost, as whole processes, on a search of 100,000 objects."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from unittest.mock import patch

from benchmarks.figure import Figure
from benchmarks.process import NAS, Cost, run_python
from benchmarks.stored import finished_search, store
from nas_lib.records import to_json
from nas_lib.steps.attempts import Attempt, Failure
from nas_lib.store import layout
from tests.support.s3_server import S3Server, running_s3_server

NUM_CHILDREN = 20_000
PER_ROUND = 8  # so 7,500 objects of rounds, and with each child its result and two attempts
MAX_S = 5.0
_LARGE_TIMEOUT_S = "60"  # of a request while so much is stored at once
_ATTEMPT = Attempt("run", "node", 1, "2", from_epoch=0, started_s=3.0)


def measure() -> list[Figure]:
    """Return seconds on a folder and on an S3 server of this machine, cold first."""
    objects = large_search(NUM_CHILDREN)
    with TemporaryDirectory() as temporary, running_s3_server(Path(temporary)) as server:
        bucket = f"s3://{server.bucket}/large"
        with patch.dict("os.environ", _environment(server, temporary)):
            return [
                Figure(
                    f"nas {command}, {len(objects):,} objects, {where}, s",
                    cost.seconds,
                    at_most=MAX_S,
                )
                for where, uri in (("folder", f"{temporary}/search"), ("S3", bucket))
                for command, cost in _costs(objects, uri)
            ]


def _environment(server: S3Server, temporary: str) -> dict[str, str]:
    own = {"NAS_CACHE": f"{temporary}/cache", "NAS_STORE_TIMEOUT_S": _LARGE_TIMEOUT_S}
    return server.environment | own


def large_search(num_children: int) -> dict[str, bytes]:
    """Return a finished search whose children failed once each."""
    objects = finished_search(num_children, per_round=PER_ROUND)
    children = [key.split("/")[1] for key in objects if key.startswith(f"{layout.CHILDREN}/")]
    for child in children:
        for number in (1, 2):
            objects[layout.attempt(child, number)] = to_json(_ATTEMPT)
        objects[layout.attempt(child, 1, end="failed")] = to_json(Failure("it was lost"))
    return objects


def _costs(objects: dict[str, bytes], uri: str) -> Iterator[tuple[str, Cost]]:
    store(objects, uri)
    yield "top (cold)", run_python(*NAS, "top", uri)
    yield "top", run_python(*NAS, "top", uri)
    yield "search", run_python(*NAS, "search", "--store", uri, "--workers", "1")
