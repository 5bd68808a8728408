"""Progress of a search: a live line on a terminal, plain lines elsewhere. On standard error."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from statistics import fmean

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from nas_lib.config import SearchConfig
from nas_lib.engine import Listener
from nas_lib.records import ChildResult, Learned
from nas_lib.report.wording import duration_text, rate_text, score_text
from nas_lib.steps import OpenSearch

_RECENT_UPDATES = 100  # whose staleness is averaged


@contextmanager
def progress(config: SearchConfig) -> Iterator[Listener]:
    """Yield a listener that shows how the search goes on."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield PlainProgress(config, console)
        return
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(bar_width=24),
        TextColumn("{task.completed}/{task.total} children"),
        TimeElapsedColumn(),
        TextColumn("{task.fields[note]}"),
    )
    with Progress(*columns, console=console) as bar:
        yield LiveProgress(config, bar)


class _Course(Listener):
    """Counts what the displays have in common."""

    def __init__(self, config: SearchConfig) -> None:
        self._config = config
        self._total = 0
        self._done = 0
        self._num_trained = 0  # by this run
        self._started_s = 0.0
        self._rounds: dict[int, int] = {}  # where each replica is, from 1
        self._staleness: deque[float] = deque(maxlen=_RECENT_UPDATES)  # means over the shards
        self._best: ChildResult | None = None

    def opened(self, search: OpenSearch, *, num_rounds: int, workers: int) -> None:
        """Note how much there is to do, and who was best before."""
        self._started_s = time.monotonic()
        self._total = num_rounds * search.config.search.children_per_round
        for row in search.store.best(search.config.search.replicas):
            self._note(ChildResult(row.id, row.status, row.reward, score=row.score))

    def proposed(self, replica: int, round: int, children: Sequence[str]) -> None:
        """Note the round; count its children that are finished already."""
        self._rounds[replica] = round + 1
        self._done += self._config.search.children_per_round - len(children)

    def ended(self, result: ChildResult) -> None:
        """Count it."""
        self._done += 1
        self._num_trained += 1
        self._note(result)

    def learned(self, learned: Learned) -> None:
        """Note how stale it was."""
        self._staleness.append(fmean(learned.staleness))

    def _note(self, result: ChildResult) -> None:
        if self._best is None or result.reward > self._best.reward:
            self._best = result

    def _text(self, result: ChildResult | None) -> str:
        if result is None:
            return "none yet"
        score = score_text(result.score, is_accuracy=not self._config.children.evaluate)
        return f"{score} ({result.id})"

    def _pace(self) -> str:
        """Return throughput, time left, and with several replicas their recent staleness."""
        if not self._num_trained:
            return "? left"
        child_s = (time.monotonic() - self._started_s) / self._num_trained
        left = duration_text(child_s * (self._total - self._done))
        stale = f"staleness {fmean(self._staleness):.1f}, " if self._is_stale() else ""
        return f"{stale}{rate_text(3600 / child_s)} children/h, {left} left"

    def _is_stale(self) -> bool:
        return self._config.search.replicas > 1 and bool(self._staleness)


class LiveProgress(_Course):
    """One line that changes, and a line for each thing that went wrong."""

    def __init__(self, config: SearchConfig, bar: Progress) -> None:
        super().__init__(config)
        self._bar = bar
        self._task = bar.add_task("preparing", total=None, note="")

    def opened(self, search: OpenSearch, *, num_rounds: int, workers: int) -> None:
        """Show the total."""
        super().opened(search, num_rounds=num_rounds, workers=workers)
        self._bar.update(self._task, total=self._total, description="starting workers")

    def proposed(self, replica: int, round: int, children: Sequence[str]) -> None:
        """Show the rounds of the slowest and of the fastest replica."""
        super().proposed(replica, round, children)
        slowest, fastest = min(self._rounds.values()), max(self._rounds.values())
        rounds = f"round {slowest}" if slowest == fastest else f"rounds {slowest}-{fastest}"
        whose = f"{len(self._rounds)} replicas, " if len(self._rounds) > 1 else ""
        text = f"{whose}{rounds}/{self._config.search.rounds}"
        self._bar.update(self._task, description=text)

    def ended(self, result: ChildResult) -> None:
        """Show the best so far and the time left."""
        super().ended(result)
        if result.status != "ok":
            self._bar.console.print(f"{result.id} {result.status}: {result.message}")
        note = f"best {self._text(self._best)}, {self._pace()}"
        self._bar.update(self._task, completed=self._done, note=note)

    def failed(self, child: str, message: str) -> None:
        """Show what went wrong."""
        self._bar.console.print(f"{child} failed: {message}", markup=False)


class PlainProgress(_Course):
    """A line per round, and one for each thing that went wrong."""

    def __init__(self, config: SearchConfig, console: Console) -> None:
        super().__init__(config)
        self._console = console

    def opened(self, search: OpenSearch, *, num_rounds: int, workers: int) -> None:
        """Say what is to be done."""
        super().opened(search, num_rounds=num_rounds, workers=workers)
        self._say(
            f"search {self._config.name} in {search.uri}: {num_rounds} round(s) to do, "
            f"{self._total} children, {workers} worker(s)"
        )

    def ended(self, result: ChildResult) -> None:
        """Say what went wrong, if anything did."""
        super().ended(result)
        if result.status != "ok":
            self._say(f"{result.id} {result.status}: {result.message}")

    def failed(self, child: str, message: str) -> None:
        """Say what went wrong."""
        self._say(f"{child} failed: {message}")

    def learned(self, learned: Learned) -> None:
        """Say what the round came to."""
        super().learned(learned)
        mean = "none" if learned.mean_reward is None else f"{learned.mean_reward:.4f}"
        self._say(
            f"replica {learned.replica} round {learned.round + 1}/{self._config.search.rounds}: "
            f"{self._done}/{self._total} children, mean reward {mean}, "
            f"entropy {learned.entropy:.2f}, best {self._text(self._best)}, {self._pace()}"
        )

    def _say(self, line: str) -> None:
        self._console.print(line, markup=False, highlight=False, soft_wrap=True)
