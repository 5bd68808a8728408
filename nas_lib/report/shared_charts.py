"""The charts of a search by shared weights: over its epochs, and of what it derived."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from nas_lib.records import SharedEpoch
from nas_lib.report.charts import Point, Series, line_chart
from nas_lib.report.derivation import Derivation, DerivedRow
from nas_lib.report.document import chart_figure
from nas_lib.report.markup import Markup, tag
from nas_lib.report.measure import Measure
from nas_lib.report.view import SearchView


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
        chart = line_chart(series, x_label="epoch of shared weights", y_label=self.y_label)
        return chart_figure(self.title, self.explanation, chart)


_CHARTS = (
    _OverEpochs(
        "Training loss",
        "Mean cross-entropy; each mini-batch is learned by another architecture.",
        "nats",
        {"loss": lambda each: each.train_loss},
    ),
    _OverEpochs(
        "Reward",
        "The baseline is the moving average by which the controller measures an architecture.",
        "reward",
        {"mean reward": lambda each: each.mean_reward, "baseline": lambda each: each.baseline},
    ),
    _OverEpochs(
        "Entropy",
        "How undecided the controller is; it falls as the controller makes up its mind.",
        "nats",
        {"entropy": lambda each: each.entropy},
    ),
    _OverEpochs(
        "Learning rate",
        "Of the shared weights.",
        "learning rate",
        {"learning rate": lambda each: each.learning_rate},
    ),
    _OverEpochs(
        "Time",
        "Training goes over all data; a controller step judges architectures and learns.",
        "seconds",
        {
            "training": lambda each: each.seconds,
            "controller steps": lambda each: each.controller_seconds,
        },
    ),
)


def epoch_charts(view: SearchView) -> Markup:
    """Return what happened from epoch to epoch."""
    charts = (_scores(view.measure), *_CHARTS)
    return tag("div", *(chart.figure(view.shared_epochs) for chart in charts), class_="charts")


def _scores(measure: Measure) -> _OverEpochs:
    return _OverEpochs(
        "Score with shared weights",
        "Mean of the architectures proposed after the epoch, each on one mini-batch of "
        "validation data.",
        measure.label,
        {"mean score": lambda each: measure.on_chart(each.mean_score)},
    )


def derivation_charts(view: SearchView, derivation: Derivation) -> Markup:
    """Return the scores of all samples, and those of what was trained from scratch against them."""
    return tag("div", _samples(view), _scatter(view, derivation), class_="charts")


def _samples(view: SearchView) -> Markup:
    derived = view.derived
    if derived is None:
        return Markup()
    best_first = sorted(derived.scores, reverse=view.measure.higher_is_better)
    points: list[Point] = [
        (rank, view.measure.on_chart(score)) for rank, score in enumerate(best_first, start=1)
    ]
    num_kept = len(derived.kept)
    series = [
        Series("a sample", points[num_kept:], dots=True),
        Series("kept", points[:num_kept], dots=True, squares=True),
    ]
    chart = line_chart(series, x_label="rank among the samples", y_label=view.measure.label)
    explanation = "What the controller proposed at the end, scored on all validation data."
    return chart_figure("Samples, best first", explanation, chart)


def _scatter(view: SearchView, derivation: Derivation) -> Markup:
    kinds = {"drawn at random": True, "kept": False}
    series = [
        Series(
            name,
            _pairs(view, [row for row in derivation.rows if row.is_probe == is_probe]),
            dots=True,
            squares=not is_probe,
        )
        for name, is_probe in kinds.items()
    ]
    chart = line_chart(
        series,
        x_label=f"with shared weights: {view.measure.label}",
        y_label=f"from scratch: {view.measure.label}",
        counts=False,
    )
    explanation = "Each point is one network. On a rising line both would rank them alike."
    return chart_figure("Shared weights against training from scratch", explanation, chart)


def _pairs(view: SearchView, rows: Sequence[DerivedRow]) -> list[Point]:
    pairs = [
        (view.measure.on_chart(row.shared_score), view.measure.on_chart(row.trained_score))
        for row in rows
    ]
    return sorted((x, y) for x, y in pairs if x is not None and y is not None)
