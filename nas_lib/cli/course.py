"""Course: how far a run of a search is, from what the engine tells."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Sequence
from statistics import fmean

from nas_lib import steps
from nas_lib.config import SearchConfig
from nas_lib.engine import Listener
from nas_lib.records import ChildResult, Learned, SharedEpoch
from nas_lib.report.measure import measure_of
from nas_lib.report.wording import duration_text, rate_text
from nas_lib.steps import OpenSearch

_RECENT_UPDATES = 100  # whose staleness is averaged


class Course(Listener):
    """Counts what all displays have in common.

    Attributes:
        config: Of the search.
        total: Children of this run, those counted that had ended before in its first round.
        done: Those of them that have ended.
        epoch: Finished epochs of shared weights.
        num_epochs: Of them all; 0 without shared weights.
        rounds: Where each replica is, from 1.
        best: The best child so far.
    """

    def __init__(self, config: SearchConfig) -> None:
        """Begin before the search is opened."""
        self.config = config
        self.total = 0
        self.done = 0
        self.epoch = 0
        self.num_epochs = 0 if config.shared is None else config.shared.epochs
        self.rounds: dict[int, int] = {}
        self.best: ChildResult | None = None
        self._per_round = config.search.children_per_round
        if config.shared is not None:
            self._per_round = config.num_children
        self._measure = measure_of(config)
        self._num_ended = 0  # in this run: epochs, then children
        self._started_s = 0.0
        self._staleness: deque[float] = deque(maxlen=_RECENT_UPDATES)  # means over the shards

    def opened(self, search: OpenSearch, *, num_rounds: int, workers: int) -> None:
        """Note how much there is to do, and who was best before."""
        self._started_s = time.monotonic()
        self.total = num_rounds * self._per_round
        if self.num_epochs:
            self.epoch = steps.shared_progress(search).epoch
        for row in search.store.best(search.config.search.replicas):
            self._note(ChildResult(row.id, row.status, row.reward, score=row.score))

    def trained_shared_weights(self, metrics: SharedEpoch) -> None:
        """Count it."""
        self.epoch = metrics.epoch
        self._num_ended += 1

    def proposed(self, replica: int, round: int, children: Sequence[str]) -> None:
        """Note the round; count its children that are finished already."""
        self.rounds[replica] = round + 1
        self.done += self._per_round - len(children)
        if self.num_epochs:  # the pace of epochs says nothing of children
            self._num_ended, self._started_s = 0, time.monotonic()

    def ended(self, result: ChildResult) -> None:
        """Count it."""
        self.done += 1
        self._num_ended += 1
        self._note(result)

    def learned(self, learned: Learned) -> None:
        """Note how stale it was."""
        self._staleness.append(fmean(learned.staleness))

    def best_text(self) -> str:
        """Return the best child's score, and which it is."""
        if self.best is None:
            return "none yet"
        return f"{self._measure.text(self.best.score)} ({self.best.id})"

    def epoch_note(self, metrics: SharedEpoch) -> str:
        """Return what an epoch of shared weights came to, and the time that is left of them."""
        entropy = "" if metrics.entropy is None else f"entropy {metrics.entropy:.2f}, "
        score = self._measure.text(metrics.mean_score)
        left = self.time_left(self.num_epochs - self.epoch)
        return f"loss {metrics.train_loss:.4f}, mean score {score}, {entropy}{left}"

    def pace(self) -> str:
        """Return throughput, time left, and with several replicas their recent staleness."""
        left = self.time_left(self.total - self.done)
        if not self._num_ended:
            return left
        stale = f"staleness {fmean(self._staleness):.1f}, " if self._is_stale() else ""
        return f"{stale}{rate_text(3600 / self._one_s())} children/h, {left}"

    def time_left(self, num_left: int) -> str:
        """Return how long so many more will take, at the pace of this run."""
        known = duration_text(self._one_s() * num_left) if self._num_ended else "?"
        return f"{known} left"

    def _one_s(self) -> float:
        return (time.monotonic() - self._started_s) / self._num_ended

    def _note(self, result: ChildResult) -> None:
        if self.best is None or result.reward > self.best.reward:
            self.best = result

    def _is_stale(self) -> bool:
        return self.config.search.replicas > 1 and bool(self._staleness)
