"""How long the rounds of a search take."""

from __future__ import annotations

import time
from itertools import pairwise
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from nas_lib.config import SearchConfig
from nas_lib.engine import Listener, search
from nas_lib.records import Learned


class RoundClock(Listener):
    """Notes when each round ends."""

    def __init__(self) -> None:
        self.ends: list[float] = []

    def learned(self, learned: Learned) -> None:
        """Note the time."""
        self.ends.append(time.perf_counter())


def round_s(config: SearchConfig, *, workers: int) -> float:
    """Return the median time of a round in a new folder, in seconds.

    The first round does not count: it waits for the workers' server to start.
    """
    clock = RoundClock()
    with TemporaryDirectory() as folder:
        search(config, store=str(Path(folder) / "search"), workers=workers, listener=clock)
    return median(end - start for start, end in pairwise(clock.ends))
