"""Progress of a search: a live line on a terminal, plain lines elsewhere. On standard error."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from statistics import fmean

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from nas_lib.cli.console import console
from nas_lib.config import SearchConfig
from nas_lib.data import Manifest
from nas_lib.engine import Listener
from nas_lib.errors import one_line, plural
from nas_lib.open_search import OpenSearch
from nas_lib.procedures import Stage, procedure_of
from nas_lib.records import ChildResult, Learned, SharedEpoch
from nas_lib.report import duration_text, epoch_text, metrics_text, rate_text, score_text
from nas_lib.results import Measure

_RECENT_UPDATES = 100  # whose staleness is averaged


@contextmanager
def progress(config: SearchConfig) -> Iterator[Listener]:
    """Yield a listener that shows how the search goes on."""
    shown = console(stderr=True)
    if not shown.is_terminal:
        yield PlainProgress(config, shown)
        return
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=24),
        TextColumn("{task.completed}/{task.total} {task.fields[unit]}"),
        TimeElapsedColumn(),
        TextColumn("{task.fields[note]}", markup=False),
    )
    with Progress(*columns, console=shown) as bar:
        yield LiveProgress(config, bar)


class StageCounter(Listener, ABC):
    """Counts what all displays have in common, stage by stage, and says what went wrong.

    Attributes:
        config: Of the search.
        stage: What the run is at.
        done: How much of it is done; of children, with those that had ended before in their round.
        num_children: Of this run.
        num_repeats: Of this run, that come on top of those.
        rounds: Where each replica is, from 1.
        again: Replicas and their rounds, from 1, in which the best are trained again.
        best: The best child so far.
    """

    def __init__(self, config: SearchConfig) -> None:
        """Begin before the search is opened."""
        self.config = config
        self.procedure = procedure_of(config)
        self.stage = Stage("children", total=0)
        self.done = 0
        self.num_children = 0
        self.num_repeats = 0
        self.rounds: dict[int, int] = {}
        self.again: set[tuple[int, int]] = set()
        self.best: ChildResult | None = None
        self.measure: Measure
        self._last_stage = self.stage
        self._num_ended = 0  # in this run and stage
        self._started_s = 0.0
        self._staleness: deque[float] = deque(maxlen=_RECENT_UPDATES)  # means over the shards

    def comparing(self, search: str, *, number: int, total: int, is_done: bool) -> None:
        """Say which it is."""
        self._say(f"{number}/{total}: {search}" + (", done before" if is_done else ""))

    def prepared(self, manifest: Manifest) -> None:
        """Say what is to be known of the data."""
        for notice in manifest.notices:
            self._say(f"data: {notice}")

    def warned(self, message: str) -> None:
        """Say it."""
        self._say(message)

    def training_best(self, finals: Sequence[OpenSearch], *, workers: int) -> None:
        """Say how many trainings there are, and about how long they take."""
        from nas_lib.cli.preview import final_time  # loads torch

        for final in finals:
            procedure = procedure_of(final.config)
            if not procedure.is_finished(final, 0):
                what, how_long = procedure.to_do(final, 1), final_time(final, workers=workers)
                self._say(f"final training in {final.uri}: {what}, {how_long}")

    def opened(self, search: OpenSearch, *, num_rounds: int, workers: int) -> None:
        """Note how much there is to do, and who was best before."""
        if search.config != self.config:  # a final training after the search, or another search
            self.config, self.best, self.num_repeats = search.config, None, 0
            self.rounds.clear()
            self.again.clear()
            self._staleness.clear()
        self.measure = search.task.measure
        self.procedure = procedure_of(search.config)  # as it was begun, whatever is asked for now
        stages = self.procedure.stages(search, num_rounds)
        self._last_stage = stages[-1]
        self.num_children = self._last_stage.total
        self._begin(stages[0])
        for row in search.store.best(search.config.search.replicas):
            self._note(ChildResult(row.id, row.status, row.reward, score=row.score))

    def training_again(self, replica: int, round: int) -> None:
        """Note it."""
        self.again.add((replica, round + 1))

    def trained_shared_weights(self, metrics: SharedEpoch) -> None:
        """Count it."""
        self.done = metrics.epoch
        self._num_ended += 1

    def proposed(
        self,
        replica: int,
        round: int,
        children: Sequence[str],
        *,
        num_done: int,
        num_repeats: int,
    ) -> None:
        """Note the round; count its children that are finished already."""
        if self.stage is not self._last_stage:
            self._begin(self._last_stage)
        self.rounds[replica] = round + 1
        self.done += num_done
        self.num_repeats += num_repeats

    def ended(self, result: ChildResult) -> None:
        """Count it; say what went wrong, if anything did."""
        self.done += 1
        self._num_ended += 1
        self._note(result)
        if result.status != "ok":
            self._say(f"{result.id} {result.status}: {result.message}")

    def failed(self, child: str, message: str) -> None:
        """Say what went wrong."""
        self._say(f"{child} failed: {message}")

    def learned(self, learned: Learned) -> None:
        """Note how stale it was."""
        self._staleness.append(fmean(learned.staleness))

    def best_text(self) -> str:
        """Return the best child's score, and which it is."""
        if self.best is None:
            return "none yet"
        return f"{score_text(self.measure, self.best.score)} ({self.best.id})"

    def of_rounds(self, number: int) -> str:
        """Return of how many rounds this is one; empty where repeats have made them more."""
        return f"/{self.procedure.num_rounds}" if number <= self.procedure.num_rounds else ""

    def repeats_text(self) -> str:
        """Return how many repeats there were in this run, if any."""
        return f", {plural(self.num_repeats, 'repeat')}" if self.num_repeats else ""

    def epoch_note(self, metrics: SharedEpoch) -> str:
        """Return what an epoch of shared weights came to, and the time that is left of them."""
        entropy = metrics.metrics.get("entropy")
        told = "" if entropy is None else f"entropy {entropy:.2f}, "
        score = score_text(self.measure, metrics.mean_score)
        return f"loss {metrics.train_loss:.4f}, mean score {score}, {told}{self.time_left()}"

    def pace(self) -> str:
        """Return throughput, time left, and with several replicas their recent staleness."""
        if not self._num_ended:
            return self.time_left()
        stale = f"staleness {fmean(self._staleness):.1f}, " if self._is_stale() else ""
        return f"{stale}{rate_text(3600 / self._one_s())} {self.stage.unit}/h, {self.time_left()}"

    def time_left(self) -> str:
        """Return how long the rest of the stage will take, at the pace of this run."""
        left_s = self._one_s() * (self.stage.total - self.done) if self._num_ended else None
        return "? left" if left_s is None else f"{duration_text(left_s)} left"

    @abstractmethod
    def _say(self, line: str) -> None:
        """Write a line of its own."""

    def _begin(self, stage: Stage) -> None:
        """Begin a stage: the pace of another says nothing of this one's."""
        self.stage, self.done = stage, stage.done
        self._num_ended, self._started_s = 0, time.monotonic()

    def _one_s(self) -> float:
        return (time.monotonic() - self._started_s) / self._num_ended

    def _note(self, result: ChildResult) -> None:
        if self.best is None or result.reward > self.best.reward:
            self.best = result

    def _is_stale(self) -> bool:
        return self.config.search.replicas > 1 and bool(self._staleness)


class LiveProgress(StageCounter):
    """One line that changes, below those for what went wrong."""

    def __init__(self, config: SearchConfig, bar: Progress) -> None:
        """Show that the search is being prepared."""
        super().__init__(config)
        self._bar = bar
        self._task = bar.add_task("preparing", total=None, note="", unit="children")

    def opened(self, search: OpenSearch, *, num_rounds: int, workers: int) -> None:
        """Show the total of the first stage."""
        super().opened(search, num_rounds=num_rounds, workers=workers)
        if self.stage is self._last_stage:
            self._show("starting workers")
        else:
            self._show(self._description(), note="starting")

    def trained_shared_weights(self, metrics: SharedEpoch) -> None:
        """Show what the epoch came to and the time left."""
        super().trained_shared_weights(metrics)
        self._show(self._description(), note=self.epoch_note(metrics))

    def proposed(
        self,
        replica: int,
        round: int,
        children: Sequence[str],
        *,
        num_done: int,
        num_repeats: int,
    ) -> None:
        """Show the children's stage, or the rounds of the slowest and of the fastest replica."""
        is_new = self.stage is not self._last_stage
        super().proposed(replica, round, children, num_done=num_done, num_repeats=num_repeats)
        if is_new:
            self._show(self._description(), note="")
        else:
            self._bar.update(self._task, description=self._description())

    def ended(self, result: ChildResult) -> None:
        """Show the best so far and the time left."""
        super().ended(result)
        note = f"best {self.best_text()}, {self.pace()}"
        self._bar.update(self._task, completed=self.done, note=note)

    def _say(self, line: str) -> None:
        self._bar.console.print(one_line(line), markup=False)  # a bracket in it is no markup

    def _description(self) -> str:
        if self.stage.then and self.done == self.stage.total:
            return self.stage.then
        return self.stage.title or self._rounds_text()

    def _rounds_text(self) -> str:
        if self.again & set(self.rounds.items()):
            return "the best again"
        slowest, fastest = min(self.rounds.values()), max(self.rounds.values())
        rounds = f"round {slowest}" if slowest == fastest else f"rounds {slowest}-{fastest}"
        whose = f"{len(self.rounds)} replicas, " if len(self.rounds) > 1 else ""
        return f"{whose}{rounds}{self.of_rounds(fastest)}{self.repeats_text()}"

    def _show(self, description: str, *, note: str = "") -> None:
        self._bar.update(
            self._task,
            description=description,
            total=self.stage.total,
            completed=self.done,
            unit=self.stage.unit,
            note=note,
        )


class PlainProgress(StageCounter):
    """A line per round or epoch, and one for each thing that went wrong."""

    def __init__(self, config: SearchConfig, console: Console) -> None:
        """Say nothing yet."""
        super().__init__(config)
        self._console = console

    def opened(self, search: OpenSearch, *, num_rounds: int, workers: int) -> None:
        """Say what is to be done."""
        super().opened(search, num_rounds=num_rounds, workers=workers)
        self._say(
            f"search {self.config.name} in {search.uri}: "
            f"{self.procedure.to_do(search, num_rounds)} to do, {self.num_children} children, "
            f"{workers} worker(s)"
        )

    def trained_shared_weights(self, metrics: SharedEpoch) -> None:
        """Say what the epoch came to."""
        super().trained_shared_weights(metrics)
        self._say(f"{epoch_text(metrics, self.measure)}, {self.time_left()}")

    def ended(self, result: ChildResult) -> None:
        """Count it; children without rounds have no other line."""
        super().ended(result)
        if self.stage.title:
            self._say(f"{self.stage.title}: {self._children_text()}, {self._best_and_pace()}")

    def learned(self, learned: Learned) -> None:
        """Say what the round came to."""
        super().learned(learned)
        parts = [self._children_text(), metrics_text(learned.metrics), self._best_and_pace()]
        number = learned.round + 1
        is_again = (learned.replica, number) in self.again
        which = ", the best again" if is_again else self.of_rounds(number)
        self._say(
            f"replica {learned.replica} round {number}{which}: " + ", ".join(filter(None, parts))
        )

    def _children_text(self) -> str:
        return f"{self.done}/{self.stage.total} {self.stage.unit}{self.repeats_text()}"

    def _best_and_pace(self) -> str:
        return f"best {self.best_text()}, {self.pace()}"

    def _say(self, line: str) -> None:
        self._console.print(one_line(line), markup=False, highlight=False, soft_wrap=True)
