"""What steps of learning came to: a chart for each metric that there is, and a line of text."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from markupsafe import Markup

from nas_lib.records import SharedEpoch
from nas_lib.report.charts import Point, Series, line_chart
from nas_lib.report.formatting import duration_text, score_text
from nas_lib.report.markup import chart_figure, join
from nas_lib.results import Measure

MetricCurves = Mapping[str, Sequence[Point]]
"""Each metric over rounds or epochs, by its name."""


@dataclass(frozen=True)
class MetricChart:
    """A chart of metrics that belong together.

    Attributes:
        title: Above it.
        unit: Of the y axis.
        lines: What each line is called, by the name of its metric.
        explanations: Below the title: what to say where a metric is drawn, by its name.
        is_of_change: Whether it says nothing where its metrics stay what they are.
    """

    title: str
    unit: str
    lines: Mapping[str, str]
    explanations: Mapping[str, str] = field(default_factory=dict)
    is_of_change: bool = False


METRIC_CHARTS = (
    MetricChart(
        "Reward",
        "reward",
        {"mean_reward": "mean reward", "baseline": "baseline"},
        {
            "baseline": "The baseline is the moving average by which the controller measures an "
            "architecture; with baseline: leave_one_out, only one that is alone in its round. "
            "Where entropy counts as reward (entropy_in: reward), the baseline contains that bonus "
            "and the mean reward does not."
        },
    ),
    MetricChart(
        "Baseline",
        "by rank",
        {"baseline_by_rank": "baseline"},
        {
            "baseline_by_rank": "What architectures earned of late by their rank among all so far "
            "(rewards: rank): 1 if they are like those before them, more if they are better."
        },
    ),
    MetricChart(
        "Entropy",
        "nats",
        {"entropy": "entropy"},
        {
            "entropy": "How undecided the controller is; it falls as the controller makes up its "
            "mind."
        },
        is_of_change=True,
    ),
)
"""Metrics that are known by name; any other has a chart of its own."""

_TEXTS = {"mean_reward": "mean reward {:.4f}", "entropy": "entropy {:.2f}"}
"""What a line of text has room for."""


def metric_charts(curves: MetricCurves, *, x_label: str) -> Markup:
    """Return the charts of all metrics that there are."""
    known = {name for chart in METRIC_CHARTS for name in chart.lines}
    others = (_chart_of_its_own(name) for name in curves if name not in known)
    return join(*(_draw(chart, curves, x_label) for chart in (*METRIC_CHARTS, *others)))


def _chart_of_its_own(name: str) -> MetricChart:
    words = name.replace("_", " ")
    return MetricChart(words.capitalize(), words, {name: words})


def _draw(chart: MetricChart, curves: MetricCurves, x_label: str) -> Markup:
    lines = {label: curves.get(name, ()) for name, label in chart.lines.items()}
    if chart.is_of_change and not any(map(_changes, lines.values())):
        return Markup()
    series = [Series(label, points) for label, points in lines.items() if points]
    drawn = line_chart(series, x_label=x_label, y_label=chart.unit)
    explanation = " ".join(text for name, text in chart.explanations.items() if curves.get(name))
    return chart_figure(chart.title, explanation, drawn)


def _changes(points: Sequence[Point]) -> bool:
    values = [y for _, y in points if y is not None]
    return bool(values) and not math.isclose(min(values), max(values))


def metrics_text(metrics: Mapping[str, float]) -> str:
    """Return the best known metrics in a few words, such as `mean reward 0.9310, entropy 4.21`."""
    return ", ".join(text.format(metrics[name]) for name, text in _TEXTS.items() if name in metrics)


def epoch_text(metrics: SharedEpoch, measure: Measure) -> str:
    """Return what an epoch of shared-weight training came to, in one line."""
    return f"shared weights, epoch {metrics.epoch}: {', '.join(_epoch_parts(metrics, measure))}"


def _epoch_parts(metrics: SharedEpoch, measure: Measure) -> Iterator[str]:
    yield f"loss {metrics.train_loss:.4f}"
    yield f"mean {measure.name} {score_text(measure, metrics.mean_score)}"
    if learned := metrics_text(metrics.metrics):
        yield learned
    yield duration_text(metrics.seconds + metrics.controller_seconds)
