"""How children learned from epoch to epoch: all in one chart, and the best one alone."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

from markupsafe import Markup

from nas_lib.errors import plural
from nas_lib.records import ChildRow, EpochMetrics
from nas_lib.report.charts import Point, Series, line_chart
from nas_lib.report.formatting import titled
from nas_lib.report.markup import chart_figure, join
from nas_lib.results import SearchView
from nas_lib.results.curves import trained, with_curve

_MOST_POINTS: Final = 100  # of one of many lines
_OVERFLOW: Final = 1e6  # losses from here on would leave no room for others

Epochs = Sequence[EpochMetrics]


def children_charts(view: SearchView, best: ChildRow | None) -> Markup:
    """Return the curves of all children, with the best among them, and then the best alone."""
    return join(_all(view, best), best_charts(view, best))


def best_charts(view: SearchView, best: ChildRow | None) -> Markup:
    """Return the losses and the score of one child, nothing where nobody knows its epochs."""
    epochs = () if best is None else view.curves.get(best.id, ())
    if best is None or len(epochs) < 2:
        return Markup()
    return join(_losses(best, epochs), _scores(view, best, epochs))


def _all(view: SearchView, best: ChildRow | None) -> Markup:
    shown = [child for child in with_curve(view) if len(view.curves.get(child, ())) > 1]
    if len(shown) < 2:
        return Markup()
    others = [child for child in shown if best is None or child != best.id]
    lines = [Series("a child", _one_after_the_other(view, others), faint=True)]
    if best is not None and best.id in shown:
        lines.append(Series("the best", _points(view, view.curves[best.id])))
    chart = line_chart(lines, x_label="epoch", y_label=view.measure.label)
    return chart_figure("Learning curves of all children", _which(view, shown), chart)


def _which(view: SearchView, shown: Sequence[str]) -> str:
    num, every = len(shown), len(trained(view))
    if num == every:
        return f"Each line is one of {plural(num, 'child', 'children')}."
    return f"{num:,} of {every:,} children: the best, and others from the beginning to the end."


def _one_after_the_other(view: SearchView, children: Sequence[str]) -> list[Point]:
    """Return the points of many lines as those of one that has gaps."""
    points: list[Point] = []
    for child in children:
        curve = _points(view, view.curves[child])
        step = math.ceil(len(curve) / _MOST_POINTS)
        points += [*curve[:-1:step], curve[-1], (curve[-1][0], None)]
    return points


def _points(view: SearchView, epochs: Epochs) -> list[Point]:
    return [(each.epoch, view.measure.on_chart(each.score)) for each in epochs]


def _losses(best: ChildRow, epochs: Epochs) -> Markup:
    lines = [Series("training", [(each.epoch, _shown(each.train_loss)) for each in epochs])]
    if not best.is_unjudged:  # what has learnt the validation data knows them
        validation = [(each.epoch, _shown(each.valid_loss)) for each in epochs]
        lines.append(Series("validation", validation))
    chart = line_chart(lines, x_label="epoch", y_label="loss")
    explanation = (
        f"Of {best.id}. Where validation turns upwards while training still falls, it learns its "
        "examples by heart."
    )
    return chart_figure("How the best learned", explanation, chart)


def _scores(view: SearchView, best: ChildRow, epochs: Epochs) -> Markup:
    if best.is_unjudged:
        return Markup()
    line = Series(view.measure.name, _points(view, epochs))
    chart = line_chart([line], x_label="epoch", y_label=view.measure.label)
    title = f"{titled(view.measure.name)} of the best"
    return chart_figure(title, f"Of {best.id}, from epoch to epoch.", chart)


def _shown(loss: float) -> float | None:
    return loss if loss < _OVERFLOW else None
