"""The charts of one search."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from statistics import fmean

from nas_lib.records import ChildRow
from nas_lib.report import curves
from nas_lib.report.charts import Point, Series, line_chart
from nas_lib.report.document import chart_figure
from nas_lib.report.markup import Markup, tag
from nas_lib.report.throughput import children_per_hour, updates_per_s_over_time
from nas_lib.report.view import SearchView
from nas_lib.report.wording import num_layers

_CHILDREN = "children counted so far"


def search_charts(view: SearchView) -> Markup:
    """Return the charts that have something to show."""
    rows = curves.by_time(view.rows)
    return tag(
        "div",
        _scores(view, rows),
        _tops(view, rows),
        _rewards(view, rows),
        _entropy(view),
        _staleness(view),
        _throughput(view),
        _depth(rows),
        class_="charts",
    )


def _numbered(values: Iterable[float | None], *, scale: float = 1.0) -> list[Point]:
    """Return the points of a curve over the number of children, counted from 1."""
    return [
        (number, None if value is None else scale * value)
        for number, value in enumerate(values, start=1)
    ]


def _scores(view: SearchView, rows: Sequence[ChildRow]) -> Markup:
    measure = view.measure
    best = curves.best_so_far(rows, higher_is_better=measure.higher_is_better)
    chart = line_chart(
        [
            Series("best so far", _numbered(best, scale=measure.scale)),
            Series("a child", _numbered(curves.scores(rows), scale=measure.scale), dots=True),
        ],
        x_label=_CHILDREN,
        y_label=measure.label,
    )
    return chart_figure("Children over time", "Each point is one trained network.", chart)


def _tops(view: SearchView, rows: Sequence[ChildRow]) -> Markup:
    measure = view.measure
    tops = {
        k: curves.top_k_mean(rows, k, higher_is_better=measure.higher_is_better)
        for k in curves.TOPS
    }
    series = [Series(f"top {k}", _numbered(top, scale=measure.scale)) for k, top in tops.items()]
    chart = line_chart(series, x_label=_CHILDREN, y_label=measure.label)
    explanation = "A good search finds many good networks, not one lucky one."
    return chart_figure("Mean of the best 1, 5 and 15", explanation, chart)


def _rewards(view: SearchView, rows: Sequence[ChildRow]) -> Markup:
    baseline = curves.mean_by_round((entry.round, entry.baseline) for entry in view.learned)
    series = [Series("mean reward", curves.mean_reward(rows)), Series("baseline", baseline)]
    explanation = "The baseline is the moving average by which the controller measures a child."
    return chart_figure("Reward of each round", explanation, _by_round(series, "reward"))


def _entropy(view: SearchView) -> Markup:
    if view.config.controller.kind == "random":
        return Markup()  # it never changes
    points = curves.mean_by_round((entry.round, entry.entropy) for entry in view.learned)
    explanation = "How undecided the controller is; it falls as the controller makes up its mind."
    return chart_figure("Entropy", explanation, _by_round([Series("entropy", points)], "nats"))


def _staleness(view: SearchView) -> Markup:
    if view.config.search.replicas == 1:
        return Markup()
    values = ((entry.round, fmean(entry.staleness)) for entry in view.learned)
    chart = _by_round([Series("mean of shards", curves.mean_by_round(values))], "updates")
    explanation = "Updates by other replicas between a replica's reading and its own update."
    return chart_figure("Staleness", explanation, chart)


def _throughput(view: SearchView) -> Markup:
    loop = view.config.search
    points = [
        (number, None if pace is None else children_per_hour(pace, loop))
        for number, pace in updates_per_s_over_time(view.learned, replicas=loop.replicas)
    ]
    chart = line_chart(
        [Series("throughput", points)], x_label="updates so far", y_label="children per hour"
    )
    return chart_figure("Throughput", "Children per hour, without pauses between runs.", chart)


def _depth(rows: Sequence[ChildRow]) -> Markup:
    depths = [num_layers(row.architecture) for row in rows if row.counts]
    if len(set(depths)) < 2:
        return Markup()
    chart = line_chart([Series("layers", _numbered(depths))], x_label=_CHILDREN, y_label="layers")
    return chart_figure("Depth", "Layers of the proposed networks.", chart)


def _by_round(series: Sequence[Series], y_label: str) -> Markup:
    return line_chart(series, x_label="round", y_label=y_label)
