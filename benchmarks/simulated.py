"""A trainer with a clock of its own: children take simulated time, and no real one.

Replicas that are driven by it finish their rounds in the order in which real ones would, however
many of them there are, in one process and as fast as the store and the controller can go.
"""

from __future__ import annotations

import heapq
import random
from collections.abc import Callable

from nas_lib import steps
from nas_lib.steps import OpenSearch

Seconds = Callable[[str], float]
"""From a child's id to how long its training takes, in simulated seconds."""


def log_normal(seed: int, *, mean_s: float = 1.0, sigma: float = 0.5) -> Seconds:
    """Return durations with this mean that differ from child to child."""

    def seconds(child: str) -> float:
        drawn = random.Random(f"{seed} {child}").lognormvariate(-(sigma**2) / 2, sigma)
        return mean_s * drawn

    return seconds


class SimulatedTrainer:
    """Trains `capacity` children at a time on a simulated clock.

    Attributes:
        clock_s: The simulated time.
    """

    def __init__(self, search: OpenSearch, run: str, *, seconds: Seconds, capacity: int) -> None:
        self.clock_s = 0.0
        self._search = search
        self._run = run
        self._seconds = seconds
        self._capacity = capacity
        self._ends: list[tuple[float, str]] = []  # a heap: when, and which child

    @property
    def has_room(self) -> bool:
        """Whether another child may be started now."""
        return len(self._ends) < self._capacity

    @property
    def is_idle(self) -> bool:
        """Whether no child is being trained."""
        return not self._ends

    def start(self, child: str) -> None:
        """Begin to train a child."""
        heapq.heappush(self._ends, (self.clock_s + self._seconds(child), child))

    def wait(self, timeout_s: float) -> list[str]:
        """Go on to the moment at which the next child ends."""
        self.clock_s, child = heapq.heappop(self._ends)
        steps.train_child(self._search, child=child, run=self._run)
        return [child]
