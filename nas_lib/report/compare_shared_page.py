"""The comparison of searches by shared weights as a self-contained HTML page."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from nas_lib.report.charts import Point, Series, line_chart
from nas_lib.report.compare_shared import QUANTITIES, Mean, SharedComparison, SharedGroup
from nas_lib.report.compare_shared_tables import EQUAL_BUDGET, direction, quantity_text
from nas_lib.report.document import Number, chart_figure, document, paragraph, section, table
from nas_lib.report.markup import Markup, tag
from nas_lib.report.measure import Measure

_TITLE = "Searches by shared weights compared"


def shared_compare_page(comparison: SharedComparison) -> str:
    """Return the page."""
    return document(
        _TITLE,
        tag("h1", _TITLE),
        paragraph(EQUAL_BUDGET),
        *(paragraph(warning, class_="warning") for warning in comparison.warnings),
        section("Searches", _searches(comparison)),
        section("Controllers", _groups(comparison)),
        section("From epoch to epoch", tag("div", _chart(comparison), class_="charts")),
        section("How to read this", *_explanations(comparison)),
    )


def _searches(comparison: SharedComparison) -> Markup:
    head = ("Search", "Controller", Number("Seed"), *_heads())
    rows = [
        (
            tag("span", entry.name, title=entry.uri),
            entry.group,
            Number(str(entry.seed), entry.seed),
            *_cells({name: Mean(value) for name, value in entry.values.items()}, comparison),
        )
        for entry in comparison.entries
    ]
    return table(head, rows)


def _groups(comparison: SharedComparison) -> Markup:
    rows = [
        (
            group.label,
            Number(str(group.num_searches), group.num_searches),
            *_cells(group.means, comparison),
        )
        for group in comparison.groups
    ]
    rows += [
        (difference.label, Number(""), *_cells(difference.means, comparison))
        for difference in comparison.differences
    ]
    return table(("Controller", Number("Searches"), *_heads()), rows)


def _heads() -> Iterator[Number]:
    return (Number(quantity.title) for quantity in QUANTITIES.values())


def _cells(means: Mapping[str, Mean], comparison: SharedComparison) -> Iterator[Number]:
    for name in QUANTITIES:
        if name in means:
            yield Number(quantity_text(name, means[name], comparison.measure), means[name].value)
        else:
            yield Number("")


def _chart(comparison: SharedComparison) -> Markup:
    measure = comparison.measure
    series = [_series(group, measure) for group in comparison.groups]
    chart = line_chart(series, x_label="epoch of shared weights", y_label=measure.label)
    explanation = (
        "Mean of the architectures that were proposed after the epoch, each on one mini-batch of "
        "validation data. Where a controller learns, its line leaves that of random search."
    )
    return chart_figure("Score with shared weights", explanation, chart)


def _series(group: SharedGroup, measure: Measure) -> Series:
    points: list[Point] = [
        (epoch, measure.on_chart(mean.value))
        for epoch, mean in enumerate(group.mean_scores, start=1)
    ]
    spread = [measure.scale * (mean.standard_error or 0.0) for mean in group.mean_scores]
    return Series(group.label, points, spread=spread if any(spread) else ())


def _explanations(comparison: SharedComparison) -> Iterator[Markup]:
    yield paragraph(
        "Judged are architectures with the shared weights: while the controller learns, each on "
        "one mini-batch of validation data, and in the end each on all of it. The latter costs "
        "many times as much, so it is not these numbers that are equal but the time they take. "
        "Steps is the time of the controller's steps; deriving, that of scoring samples in the end."
    )
    yield paragraph(
        "Best shared is a score with shared weights, which only serves to rank. Best kept and best "
        "of all are of networks trained from scratch: of those that the search chose, and together "
        "with those drawn at random to check it. The test score is of the best "
        "kept one, where its weights were kept."
    )
    yield paragraph(
        "Tau is Kendall's rank correlation of the scores with shared weights and from scratch, "
        "over all networks that have both, where BatchNorm is as the search judges by; before, "
        "with running averages over all architectures. The page of each search says how "
        "many networks that are, and whether it can be told from 0."
    )
    yield paragraph(
        "A controller is worth its trouble where its best kept network is better than that of "
        f"random search by more than the standard error. {direction(comparison)} Searches that "
        "differ in nothing but name, seed, budget and networks drawn at random are repetitions, "
        "and their mean is shown. Of searches with the same seeds, the differences are taken seed "
        "by seed."
    )
