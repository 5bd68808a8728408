"""The comparison of searches as a self-contained HTML page."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from nas_lib.report.charts import Point, Series, line_chart
from nas_lib.report.compare import Comparison, Curve
from nas_lib.report.compare_shared import SharedComparison
from nas_lib.report.compare_shared_page import shared_compare_page
from nas_lib.report.compare_tables import caption, final_texts
from nas_lib.report.curves import TOPS
from nas_lib.report.document import (
    Number,
    chart_figure,
    document,
    paragraph,
    section,
    table,
)
from nas_lib.report.markup import Markup, tag

_CHILDREN = "children counted so far"


def compare_page(comparison: Comparison | SharedComparison) -> str:
    """Return the page."""
    if isinstance(comparison, SharedComparison):
        return shared_compare_page(comparison)
    return document(
        "Architecture searches compared",
        tag("h1", "Architecture searches compared"),
        paragraph(caption(comparison)),
        *(paragraph(warning, class_="warning") for warning in comparison.warnings),
        section("Searches", _searches(comparison)),
        section("Controllers", _groups(comparison)),
        section("Along the budget", tag("div", *_charts(comparison), class_="charts")),
        section("How to read this", *_explanations(comparison)),
    )


def _searches(comparison: Comparison) -> Markup:
    head = ("Search", "Controller", *map(Number, ("Seed", "Counted children", "Best of all")))
    rows = [
        (
            tag("span", entry.name, title=entry.uri),
            entry.group,
            Number(str(entry.seed), entry.seed),
            Number(f"{entry.num_children:,}", entry.num_children),
            Number(comparison.measure.text(entry.best), entry.best),
            *_finals(entry.curves, comparison),
        )
        for entry in comparison.entries
    ]
    return table((*head, *_top_heads()), rows)


def _groups(comparison: Comparison) -> Markup:
    rows = [
        (
            group.label,
            Number(str(group.num_searches), group.num_searches),
            *_finals(group.curves, comparison),
        )
        for group in comparison.groups
    ]
    rows += [
        (difference.label, Number(""), *_finals(difference.curves, comparison))
        for difference in comparison.differences
    ]
    return table(("Controller", Number("Searches"), *_top_heads()), rows)


def _top_heads() -> Iterator[Number]:
    return (Number(f"Top {k}") for k in TOPS)


def _finals(curves: Sequence[Curve], comparison: Comparison) -> Iterator[Number]:
    for curve, text in zip(curves, final_texts(curves, comparison), strict=True):
        yield Number(text, curve.values[-1] if curve.values else None)


def _charts(comparison: Comparison) -> Iterator[Markup]:
    for number, k in enumerate(TOPS):
        series = [
            _series(group.label, group.curves[number], comparison) for group in comparison.groups
        ]
        title = "Best so far" if k == 1 else f"Mean of the best {k}"
        yield _chart(title, series, comparison.measure.label)
    for difference in comparison.differences:
        series = [_series(f"top {curve.k}", curve, comparison) for curve in difference.curves]
        unit = ", percentage points" if comparison.measure.is_fraction else ""
        yield _chart(difference.label.capitalize(), series, f"difference{unit}")


def _series(name: str, curve: Curve, comparison: Comparison) -> Series:
    scale = comparison.measure.scale
    values = [None if value is None else scale * value for value in curve.values]
    spread = [scale * (error or 0.0) for error in curve.standard_error]
    points: list[Point] = list(zip(comparison.checkpoints, values, strict=True))
    return Series(name, points, spread=spread if any(spread) else ())


def _chart(title: str, series: Sequence[Series], label: str) -> Markup:
    banded = any(line.spread for line in series)
    explanation = "The band is one standard error over repeated searches." if banded else ""
    chart = line_chart(series, x_label=_CHILDREN, y_label=label)
    return chart_figure(title, explanation, chart)


def _explanations(comparison: Comparison) -> Iterator[Markup]:
    yield paragraph(
        "Searches are compared after the same number of trained children, the smallest that any "
        "of them has, because a longer search finds better networks whatever its controller. "
        "The mean of the best 5 and 15 depends less on one lucky network than the best alone."
    )
    better = "above" if comparison.measure.higher_is_better else "below"
    yield paragraph(
        "Random search proposes every network with equal probability and learns nothing: a "
        f"controller is worth its trouble where its difference from random search stays {better} 0 "
        "by more than the standard error. Searches that differ in nothing but name, seed and "
        "budget are repetitions, and their mean is shown."
    )
