"""Progress of a search: a live line on a terminal, plain lines elsewhere. On standard error."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from nas_lib.cli.course import Course
from nas_lib.config import SearchConfig
from nas_lib.engine import Listener
from nas_lib.records import ChildResult, Learned, SharedEpoch
from nas_lib.report import epoch_text
from nas_lib.steps import OpenSearch


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
        TextColumn("{task.completed}/{task.total} {task.fields[unit]}"),
        TimeElapsedColumn(),
        TextColumn("{task.fields[note]}"),
    )
    with Progress(*columns, console=console) as bar:
        yield LiveProgress(config, bar)


class LiveProgress(Course):
    """One line that changes, and a line for each thing that went wrong."""

    def __init__(self, config: SearchConfig, bar: Progress) -> None:
        """Show that the search is being prepared."""
        super().__init__(config)
        self._bar = bar
        self._task = bar.add_task("preparing", total=None, note="", unit="children")

    def opened(self, search: OpenSearch, *, num_rounds: int, workers: int) -> None:
        """Show the total: of epochs first, with shared weights."""
        super().opened(search, num_rounds=num_rounds, workers=workers)
        if self.num_epochs and self.total:
            self._show_epochs("starting")
        else:
            self._bar.update(self._task, total=self.total, description="starting workers")

    def trained_shared_weights(self, metrics: SharedEpoch) -> None:
        """Show what the epoch came to and the time left."""
        super().trained_shared_weights(metrics)
        self._show_epochs(self.epoch_note(metrics))

    def proposed(self, replica: int, round: int, children: Sequence[str]) -> None:
        """Show the rounds of the slowest and of the fastest replica."""
        super().proposed(replica, round, children)
        if self.num_epochs:
            self._bar.update(
                self._task,
                description="from scratch",
                total=self.total,
                completed=self.done,
                unit="children",
                note="",
            )
            return
        slowest, fastest = min(self.rounds.values()), max(self.rounds.values())
        rounds = f"round {slowest}" if slowest == fastest else f"rounds {slowest}-{fastest}"
        whose = f"{len(self.rounds)} replicas, " if len(self.rounds) > 1 else ""
        text = f"{whose}{rounds}/{self.config.search.rounds}"
        self._bar.update(self._task, description=text)

    def ended(self, result: ChildResult) -> None:
        """Show the best so far and the time left."""
        super().ended(result)
        if result.status != "ok":
            self._bar.console.print(f"{result.id} {result.status}: {result.message}")
        note = f"best {self.best_text()}, {self.pace()}"
        self._bar.update(self._task, completed=self.done, note=note)

    def failed(self, child: str, message: str) -> None:
        """Show what went wrong."""
        self._bar.console.print(f"{child} failed: {message}", markup=False)

    def _show_epochs(self, note: str) -> None:
        is_trained = self.epoch == self.num_epochs
        self._bar.update(
            self._task,
            description="deriving" if is_trained else "shared weights",
            total=self.num_epochs,
            completed=self.epoch,
            unit="epochs",
            note=note,
        )


class PlainProgress(Course):
    """A line per round or epoch, and one for each thing that went wrong."""

    def __init__(self, config: SearchConfig, console: Console) -> None:
        """Say nothing yet."""
        super().__init__(config)
        self._console = console

    def opened(self, search: OpenSearch, *, num_rounds: int, workers: int) -> None:
        """Say what is to be done."""
        super().opened(search, num_rounds=num_rounds, workers=workers)
        what = f"{num_rounds} round(s)"
        if self.num_epochs:
            what = f"{self.num_epochs - self.epoch} epoch(s) of shared weights"
        self._say(
            f"search {self.config.name} in {search.uri}: {what} to do, "
            f"{self.total} children, {workers} worker(s)"
        )

    def trained_shared_weights(self, metrics: SharedEpoch) -> None:
        """Say what the epoch came to."""
        super().trained_shared_weights(metrics)
        text = epoch_text(metrics, self._measure)
        self._say(f"{text}, {self.time_left(self.num_epochs - self.epoch)}")

    def ended(self, result: ChildResult) -> None:
        """Say what went wrong, if anything did; children of shared weights have no other line."""
        super().ended(result)
        if result.status != "ok":
            self._say(f"{result.id} {result.status}: {result.message}")
        if self.num_epochs:
            self._say(
                f"from scratch: {self.done}/{self.total} children, best {self.best_text()}, "
                f"{self.pace()}"
            )

    def failed(self, child: str, message: str) -> None:
        """Say what went wrong."""
        self._say(f"{child} failed: {message}")

    def learned(self, learned: Learned) -> None:
        """Say what the round came to."""
        super().learned(learned)
        mean = "none" if learned.mean_reward is None else f"{learned.mean_reward:.4f}"
        self._say(
            f"replica {learned.replica} round {learned.round + 1}/{self.config.search.rounds}: "
            f"{self.done}/{self.total} children, mean reward {mean}, "
            f"entropy {learned.entropy:.2f}, best {self.best_text()}, {self.pace()}"
        )

    def _say(self, line: str) -> None:
        self._console.print(line, markup=False, highlight=False, soft_wrap=True)
