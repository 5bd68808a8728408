"""Reports of a search by shared weights: epochs, and what was derived from them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, cast

from markupsafe import Markup

from nas_lib.config import SharedConfig
from nas_lib.errors import plural
from nas_lib.records import RunPlan, SharedEpoch
from nas_lib.report.charts import Point, Series, line_chart
from nas_lib.report.children import terminal_leaderboard
from nas_lib.report.derived import (
    derived_json,
    derived_lines,
    derived_parts,
    mode_names,
    origin,
)
from nas_lib.report.formatting import NONE, duration_text, score_text, titled
from nas_lib.report.learning import metric_charts
from nas_lib.report.markup import Figure, chart_figure, join
from nas_lib.report.reporter import ComparisonStyle, Reporter
from nas_lib.results import Measure, SearchView, derivation, shared_progress
from nas_lib.results.throughput import epochs_left_s

if TYPE_CHECKING:
    from rich.table import Table

_EPOCH = "epoch of shared weights"
_EQUAL_BUDGET = (
    "Equal budget: every search trains its shared weights for the same epochs. A controller that "
    "learns judges architectures after each of them; random search instead scores more samples in "
    "the end, as many as those steps would have cost."
)


class SharedReporter(Reporter):
    """What reports say of a search by shared weights."""

    template = "shared.html"
    comparison = ComparisonStyle(
        template="compare_shared.html",
        budget=lambda budget: _EQUAL_BUDGET,
        unit="epochs",
        x_label=_EPOCH,
        charts={
            "mean_score": (
                "Score with shared weights",
                "Mean of the architectures that were proposed after the epoch, each on one "
                "mini-batch of validation data. Where a controller learns, its line leaves that "
                "of random search.",
            )
        },
        table_titles=("What they took", "What they found"),
    )
    time_left_of = "of shared training, "

    def __init__(self, view: SearchView) -> None:
        super().__init__(view)
        self._search = cast(SharedConfig, view.config.search)  # a reporter is chosen by its kind
        self._num_epochs = self._search.weights.epochs
        self._progress = shared_progress(view)
        self._derived = derivation(view)
        self._modes = (
            ("", "")
            if self._derived is None
            else mode_names(self._search.batch_norm, self._derived.all)
        )

    def work_of_run(self, run: str) -> str:
        """Say how many epochs it trained."""
        num_epochs = sum(epoch.run == run for epoch in self.view.shared_epochs)
        return f"trained shared weights for {plural(num_epochs, 'epoch')}"

    def plan_of_run(self, plan: RunPlan) -> str:
        """Say how many ticks that is, each of an epoch at least."""
        return plural(plan.num_ticks, "tick")

    def headline_parts(self) -> Iterator[str]:
        """Yield the epochs, and then how good architectures are by now."""
        view = self.view
        yield f"epoch {self._progress.epochs:,} of {self._num_epochs:,} of shared weights"
        if view.derived is not None:
            yield from super().headline_parts()
        elif view.shared_epochs:
            score = score_text(view.measure, view.shared_epochs[-1].mean_score)
            yield f"mean {view.measure.name} {score}"

    def pace_line(self) -> str:
        """Return what shared weights took."""
        progress = self._progress
        parts = [
            f"epoch {progress.epochs:,} of {self._num_epochs:,}",
            f"{duration_text(progress.training_s)} of training",
            f"{duration_text(progress.controller_s)} of controller steps",
            f"{plural(progress.num_judged, 'architecture')} judged",
        ]
        if progress.deriving_s is not None:
            parts.append(f"{duration_text(progress.deriving_s)} of deriving")
        return f"Shared weights: {', '.join(parts)}."

    def findings(self) -> Iterator[str]:
        """Yield what was derived."""
        if self._derived is not None:
            yield from derived_lines(self._derived, self._modes, self.view.measure)

    def leaderboard(self, top: int) -> Table:
        """Return the best children with their shared scores; the latest epochs before there are."""
        if not self.view.rows:
            return _epochs_table(self.view, top, caption=self.headline())
        rows = () if self._derived is None else self._derived.rows
        shared = {row.child: score_text(self.view.measure, row.shared_score) for row in rows}
        return terminal_leaderboard(self.view, top, caption=self.headline(), shared=shared)

    def key_figures(self) -> Iterator[Figure]:
        """Yield what training shared weights took."""
        progress = self._progress
        num_epochs = f"of {self._num_epochs:,}, of shared weights"
        yield Figure("Epochs", f"{progress.epochs:,}", num_epochs)
        yield Figure(
            "Architectures judged",
            f"{progress.num_judged:,}",
            f"{progress.num_evaluations:,} while training, "
            f"{progress.num_samples:,} samples at the end",
        )
        yield Figure(
            "Shared training",
            duration_text(progress.training_s + progress.controller_s),
            f"{duration_text(progress.controller_s)} of it controller steps",
        )

    def child_facts(self, child: str) -> Iterator[tuple[str, object]]:
        """Yield what shared weights told about a child."""
        rows = () if self._derived is None else self._derived.rows
        for row in rows:
            if row.child == child:
                yield "Found as", origin(row)
                score = score_text(self.view.measure, row.shared_score)
                yield "With shared weights", f"{score}, rank {row.shared_rank} of {len(rows)}"

    def page_parts(self) -> dict[str, Any]:
        """Return the charts, and what was derived."""
        view, derived = self.view, self._derived
        return {
            "search": self._search,
            "charts": _epoch_charts(view) if view.shared_epochs else "",
            "pace_line": self.pace_line(),
            "has_running": bool(self._modes[1]),
            "derived": None if derived is None else derived_parts(view, derived, self._modes),
        }

    def time_left_s(self) -> float | None:
        """Return what the epochs left will take."""
        return epochs_left_s(self.view.shared_epochs, self._num_epochs)

    def summary(self) -> dict[str, Any]:
        """Return nothing but what every search has."""
        return {}

    def details(self) -> dict[str, Any]:
        """Return what shared weights took and told."""
        derived = self._derived
        shared = {
            **asdict(self._progress),
            "num_epochs": self._num_epochs,
            "num_judged": self._progress.num_judged,
            "time_left_s": self.time_left_s(),
            "derived": None if derived is None else derived_json(derived),
        }
        return {"shared": shared}


@dataclass(frozen=True)
class _OverEpochs:
    """A chart over epochs: what is on it, and each line's value in an epoch."""

    title: str
    explanation: str
    y_label: str
    lines: Mapping[str, Callable[[SharedEpoch], float | None]]

    def figure(self, epochs: Sequence[SharedEpoch]) -> Markup:
        series = [
            Series(name, [(each.epoch, value(each)) for each in epochs])
            for name, value in self.lines.items()
        ]
        chart = line_chart(series, x_label=_EPOCH, y_label=self.y_label)
        return chart_figure(self.title, self.explanation, chart)


_LOSS = _OverEpochs(
    "Training loss",
    "Mean cross-entropy; each mini-batch is learned by another architecture.",
    "nats",
    {"loss": lambda each: each.train_loss},
)
_LEARNING_RATE = _OverEpochs(
    "Learning rate",
    "Of the shared weights.",
    "learning rate",
    {"learning rate": lambda each: each.learning_rate},
)
_TIME = _OverEpochs(
    "Time",
    "Training goes over all data; a controller step judges architectures and learns.",
    "seconds",
    {
        "training": lambda each: each.seconds,
        "controller steps": lambda each: each.controller_seconds,
    },
)


def _epoch_charts(view: SearchView) -> Markup:
    """Return what happened from epoch to epoch."""
    epochs = view.shared_epochs
    before, after = (_scores(view.measure), _LOSS), (_LEARNING_RATE, _TIME)
    return join(
        *(chart.figure(epochs) for chart in before),
        metric_charts(_metrics(epochs), x_label=_EPOCH),
        *(chart.figure(epochs) for chart in after),
    )


def _scores(measure: Measure) -> _OverEpochs:
    return _OverEpochs(
        "Score with shared weights",
        "Mean of the architectures proposed after the epoch, each on one mini-batch of "
        "validation data.",
        measure.label,
        {"mean score": lambda each: measure.on_chart(each.mean_score)},
    )


def _metrics(epochs: Sequence[SharedEpoch]) -> dict[str, list[Point]]:
    """Return each metric over all epochs: a line has a gap where an epoch is without it."""
    names = dict.fromkeys(name for each in epochs for name in each.metrics)
    return {name: [(each.epoch, each.metrics.get(name)) for each in epochs] for name in names}


def _epochs_table(view: SearchView, top: int, *, caption: str) -> Table:
    """Return the latest epochs as a table for the terminal, the last one at the bottom."""
    from rich import box
    from rich.table import Column, Table
    from rich.text import Text

    score = titled(view.measure.noun)
    names = ("Epoch", "Rate", "Loss", score, "Reward", "Entropy", "Training", "Steps")
    table = Table(
        *(Column(name, justify="right", no_wrap=True) for name in names),
        caption=Text(caption),
        box=box.SIMPLE_HEAD,
        pad_edge=False,
    )
    for each in view.shared_epochs[-top:] if top > 0 else ():
        table.add_row(
            str(each.epoch),
            f"{each.learning_rate:.4g}",
            f"{each.train_loss:.4f}",
            score_text(view.measure, each.mean_score),
            _number(each.metrics.get("mean_reward"), 4),
            _number(each.metrics.get("entropy"), 2),
            duration_text(each.seconds),
            duration_text(each.controller_seconds),
        )
    return table


def _number(value: float | None, decimals: int) -> str:
    return NONE if value is None else f"{value:.{decimals}f}"
