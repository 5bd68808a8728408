"""The comparison of searches: for the terminal, as JSON, as a self-contained page, as a plot."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from markupsafe import Markup
from pydantic import TypeAdapter

from nas_lib.report.charts import Panel, Point, Series, plot
from nas_lib.report.formatting import NONE, duration_text, score_text, tau_text
from nas_lib.report.markup import Number, chart_figure, join, render, table, tag
from nas_lib.report.reporter import ComparisonStyle, reporter_for
from nas_lib.results import Comparison
from nas_lib.results.groups import Mean

if TYPE_CHECKING:
    from rich.console import Group
    from rich.table import Table

_BAND = "The band is one standard error over repeated searches."


def compare_json(comparison: Comparison) -> dict[str, Any]:
    """Return the comparison as plain data."""
    plain: dict[str, Any] = TypeAdapter(Comparison).dump_python(comparison, mode="json")
    return plain


def _style(comparison: Comparison) -> ComparisonStyle:
    return reporter_for(comparison.procedure).comparison


def _direction(comparison: Comparison) -> str:
    """Return on which side of 0 a difference of scores is good."""
    return "above" if comparison.measure.higher_is_better else "below"


def _mean_text(name: str, mean: Mean, comparison: Comparison) -> str:
    """Return a figure, or a mean with its standard error where that is of interest."""
    value, error = mean.value, mean.standard_error
    if value is None:
        return NONE
    match comparison.quantities[name].kind:
        case "count":
            return f"{value:,.0f}"
        case "seconds":
            return duration_text(value)
        case "score":
            return score_text(comparison.measure, value, error=error)
        case "tau":
            return tau_text(value, error=error)


def _catching_up(comparison: Comparison) -> Iterator[str]:
    """Yield in a sentence each when groups came to what their base has in the end."""
    unit = _style(comparison).unit
    for difference in comparison.differences:
        marks = [
            f"{'never' if mark is None else f'with {mark:,}'} "
            f"({comparison.quantities[name].title.lower()})"
            for name, mark in difference.reached.items()
        ]
        if marks:
            yield (
                f"What {comparison.base} came to with {comparison.budget:,} {unit}, "
                f"{difference.group} came to {', '.join(marks)}."
            )


# --- in the terminal -----------------------------------------------------------------------------


def compare_table(comparison: Comparison) -> Group:
    """Return the searches, groups of several and differences as tables for the terminal."""
    from rich.console import Group
    from rich.text import Text

    style, quantities = _style(comparison), dict(comparison.quantities)
    if all(each.values.get("best") == each.values.get("top_1") for each in comparison.entries):
        quantities.pop("best", None)  # budgets are equal: it is in the next column again
    tables = (
        [_table(comparison, tuple(quantities))]
        if not style.table_titles
        else [
            _table(
                comparison,
                tuple(name for name, each in quantities.items() if each.is_result == is_result),
                title=title,
            )
            for title, is_result in zip(style.table_titles, (False, True), strict=True)
        ]
    )
    about = style.budget(comparison.budget)
    if comparison.differences:
        side = _direction(comparison)
        about += f" Differences of scores are good for the controller where they are {side} 0."
    return Group(*tables, *map(Text, (about, *_catching_up(comparison), *comparison.warnings)))


def _table(comparison: Comparison, names: tuple[str, ...], *, title: str | None = None) -> Table:
    from rich import box
    from rich.table import Column, Table
    from rich.text import Text

    found = Table(
        Column("Search", overflow="fold"),  # in narrow terminals nothing is cut
        Column("Controller", overflow="fold"),
        *(Column(comparison.quantities[name].title, justify="right") for name in names),
        box=box.SIMPLE_HEAD,
        pad_edge=False,
        padding=(0, 1, 0, 0),
        show_edge=False,
        title=title,
    )
    for head, means in _lines(comparison):
        if means.keys() & set(names):
            texts = (
                _mean_text(name, means[name], comparison) if name in means else "" for name in names
            )
            found.add_row(*map(Text, (*head, *texts)))
    return found


def _lines(comparison: Comparison) -> Iterator[tuple[tuple[str, str], Mapping[str, Mean]]]:
    """Yield the beginning of each line, and the figures that follow."""
    for entry in comparison.entries:
        means = {name: Mean(value) for name, value in entry.values.items()}
        yield (entry.name, entry.group), means
    for group in comparison.groups:
        if group.num_searches > 1:
            yield (f"mean of {group.num_searches}", group.label), group.means
    for difference in comparison.differences:
        yield ("difference", difference.label), difference.means


# --- on the page ---------------------------------------------------------------------------------


def compare_page(comparison: Comparison) -> str:
    """Return the page."""
    style = _style(comparison)
    return render(
        style.template,
        budget=style.budget(comparison.budget),
        warnings=comparison.warnings,
        searches=_searches(comparison),
        controllers=_controllers(comparison),
        charts=join(*_charts(comparison)),
        catching_up=" ".join(_catching_up(comparison)),
        has_confirmed="confirmed" in comparison.quantities,
        has_finals="final" in comparison.quantities,
        base=comparison.base,
        base_is_random=comparison.base_is_random,
        direction=_direction(comparison),
    )


def _searches(comparison: Comparison) -> Markup:
    head = ("Search", "Controller", Number("Seed"), *_heads(comparison))
    rows = [
        (
            tag("span", entry.name, title=entry.uri),
            entry.group,
            Number(str(entry.seed), entry.seed),
            *_cells({name: Mean(value) for name, value in entry.values.items()}, comparison),
        )
        for entry in comparison.entries
    ]
    return table(head, rows, caption="The searches")


def _controllers(comparison: Comparison) -> Markup:
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
    head = ("Controller", Number("Searches"), *_heads(comparison))
    return table(head, rows, caption="The controllers")


def _heads(comparison: Comparison) -> Iterator[Number]:
    return (Number(quantity.title) for quantity in comparison.quantities.values())


def _cells(means: Mapping[str, Mean], comparison: Comparison) -> Iterator[Number]:
    for name in comparison.quantities:
        if name in means:
            yield Number(_mean_text(name, means[name], comparison), means[name].value)
        else:
            yield Number("")


def _charts(comparison: Comparison) -> Iterator[Markup]:
    """Yield a chart of each curve and of each difference."""
    explanations = [explanation for _, explanation in _style(comparison).charts.values()]
    for number, panel in enumerate(_panels(comparison)):
        yield _chart(panel, explanations[number] if number < len(explanations) else "")


def _panels(comparison: Comparison) -> Iterator[Panel]:
    """Yield curves, with a line for each group, and differences, with one for each curve."""
    style, measure = _style(comparison), comparison.measure
    for name, (title, _) in style.charts.items():
        series = [
            _series(group.label, group.curves[name], comparison) for group in comparison.groups
        ]
        yield Panel(title, _with_room(series), style.x_label, measure.label)
    unit = ", percentage points" if measure.is_fraction else ""
    for difference in comparison.differences:
        series = [
            _series(comparison.quantities[name].title.lower(), curve, comparison)
            for name, curve in difference.curves.items()
        ]
        title, y_label = difference.label.capitalize(), f"difference{unit}"
        yield Panel(title, _with_room(series), style.x_label, y_label)


def _series(name: str, curve: tuple[Mean, ...], comparison: Comparison) -> Series:
    measure = comparison.measure
    values = [measure.on_chart(mean.value) for mean in curve]
    spread = [measure.scale * (mean.standard_error or 0.0) for mean in curve]
    points: list[Point] = list(zip(comparison.checkpoints, values, strict=True))
    return Series(name, points, spread=spread if any(spread) else ())


def _with_room(series: Sequence[Series]) -> list[Series]:
    """Return lines without what is far off in their first quarters, and would leave no room.

    The best fifteen may begin at perplexities of some thousands, where what is to be seen are
    differences of ten. What is kept of a line's first quarter is at most as far from all later
    points as these are from each other.
    """
    later = [
        edge
        for line in series
        for (x, y), half in zip(line.points, _halves(line), strict=True)
        if y is not None and x > _first_quarter(line)
        for edge in (y - half, y + half)
    ]
    if not later:
        return list(series)
    room = max(later) - min(later)
    low, high = min(later) - room, max(later) + room
    return [
        replace(
            line,
            points=[
                (x, y if y is None or x > end or low <= y - half <= y + half <= high else None)
                for (x, y), half in zip(line.points, _halves(line), strict=True)
            ],
        )
        for line, end in zip(series, map(_first_quarter, series), strict=True)
    ]


def _first_quarter(line: Series) -> float:
    """Return where it ends, of what the line has points for."""
    known = [x for x, y in line.points if y is not None]
    return known[0] + (known[-1] - known[0]) / 4 if known else 0.0


def _halves(line: Series) -> Sequence[float]:
    return [half or 0.0 for half in line.spread] or [0.0] * len(line.points)


def _chart(panel: Panel, explanation: str) -> Markup:
    if any(line.spread for line in panel.series):
        explanation = f"{explanation} {_BAND}".lstrip()
    return chart_figure(panel.title, explanation, panel.drawn())


# --- as a picture --------------------------------------------------------------------------------


def compare_plot(comparison: Comparison) -> str:
    """Return the page's charts as one SVG, empty where there are none."""
    return plot(_panels(comparison))
