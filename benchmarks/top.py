"""What `nas top` costs as a whole process on a search with 12,800 stored children."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from unittest.mock import patch

from benchmarks.figure import Figure
from benchmarks.process import NAS, Cost, run_python
from benchmarks.stored import store_search
from nas_lib.store import open_store
from tests.s3_server import running_s3_server

NUM_CHILDREN = 12_800
REPEATS = 3


def measure() -> list[Figure]:
    """Return seconds and memory, for rounds of 8 children and for rounds of one."""
    with TemporaryDirectory() as temporary:
        return [
            figure
            for per_round in (8, 1)
            for figure in _measure(Path(temporary) / f"{per_round}", per_round)
        ]


def _measure(temporary: Path, per_round: int) -> Iterator[Figure]:
    folder = str(temporary / "search")
    store_search(open_store(folder), num_children=NUM_CHILDREN, per_round=per_round)
    ...
