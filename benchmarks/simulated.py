"""Workers with a clock of their own: children take simulated time, and no real one.

Replicas that they train for finish their rounds in the order in which real ones would, however
many of them there are, in one process and as fast as the store and the controller can go.
"""

from __future__ import annotations

import heapq
import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from nas_lib import steps
from nas_lib.open_search import OpenSearch

Seconds = Callable[[str], float]
"""From a child's id to how long its training takes, in simulated seconds."""


def log_normal(seed: int, *, mean_s: float = 1.0, sigma: float = 0.5) -> Seconds:
    """Return durations with this mean that differ from child to child."""

    def seconds(child: str) -> float:
        return mean_s * random.Random(f"{seed} {child}").lognormvariate(-(sigma**2) / 2, sigma)

    return seconds


class SimulatedWorkers:
    """Train several children at a time on a simulated clock.

    Attributes:
        ended: When children ended, in simulated seconds, and which, in this order.
    """

    def __init__(self, search: OpenSearch, *, seconds: Seconds, capacity: int) -> None:
        """Take the search; nothing is trained yet.

        Args:
            search: Where the children are proposed, and get their results.
            seconds: How long each of them takes.
            capacity: Children trained at a time.
        """
        self.ended: list[tuple[float, str]] = []
        self._search = search
        self._seconds = seconds
        self._capacity = capacity
        self._run = ""
        self._ends: list[tuple[float, str]] = []  # a heap: when, and which child

    @contextmanager
    def in_run(self, run: str) -> Iterator[SimulatedWorkers]:
        """Yield these workers as those of an engine's run."""
        self._run = run
        yield self

    @property
    def now_s(self) -> float:
        """The simulated time."""
        return self.ended[-1][0] if self.ended else 0.0

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
        heapq.heappush(self._ends, (self.now_s + self._seconds(child), child))

    def wait(self, timeout_s: float) -> list[str]:
        """Go on to the moment at which the next child ends, and return it."""
        self.ended.append(heapq.heappop(self._ends))
        _, child = self.ended[-1]
        steps.train_child(self._search, child=child, run=self._run)
        return [child]

    def give_up(self) -> None:
        """Forget the children that have not ended."""
        self._ends.clear()
