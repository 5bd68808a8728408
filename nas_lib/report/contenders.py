"""The networks of a final training beside each other: what they are called, tables, curves."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from itertools import zip_longest
from statistics import fmean
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

from nas_lib.config.final import Point as GridPoint
from nas_lib.errors import one_line
from nas_lib.records import ChildRow, TestReading
from nas_lib.report.charts import Point, Series, line_chart
from nas_lib.report.formatting import NONE, count_text, score_text
from nas_lib.report.markup import Number, chart_figure, table
from nas_lib.results import Measure, SearchView
from nas_lib.results.final import Contender, Outcome
from nas_lib.results.intervals import Interval, Seeds
from nas_lib.results.measure import measure_named

if TYPE_CHECKING:
    from rich.table import Table

_MAX_NAME = 40  # characters
_MAX_CURVES = 5  # of one chart: more are not told apart


@dataclass(frozen=True)
class Line:
    """A network in a table.

    Attributes:
        name: What it is called.
        valid: Its validation score.
        test: Its test score.
        rows: Its children.
        view: The final training.
        verdict: How it stands beside the network that was found; empty where that is not asked.
        measured: Its test score by other measures, by their names.
    """

    name: str
    valid: Number
    test: Number
    rows: Sequence[ChildRow]
    view: SearchView
    verdict: str = ""
    measured: Mapping[str, Number] = field(default_factory=dict)

    @property
    def costs(self) -> tuple[Number, Number, Number]:
        """Parameters, multiply-adds, and milliseconds for an example."""
        parameters, multiply_adds = (
            next((count for row in self.rows if (count := getattr(row, name)) is not None), None)
            for name in ("num_parameters", "num_multiply_adds")
        )
        taken_ms = milliseconds(self.view, self.rows)
        return (
            Number(count_text(parameters), parameters),
            Number(count_text(multiply_adds), multiply_adds),
            Number(NONE if taken_ms is None else f"{taken_ms:.3g}", taken_ms),
        )


def line_of(view: SearchView, contender: Contender, *, name: str = "", verdict: str = "") -> Line:
    """Return a contender for a table, by another name if one is given."""
    return Line(
        name=name or full_name(contender),
        valid=_seeds(view.measure, contender.valid),
        test=_seeds(view.measure, contender.tested),
        rows=contender.rows,
        view=view,
        verdict=verdict,
        measured={
            name: _seeds(measure_named(name), each) for name, each in contender.measured.items()
        },
    )


def retrained_line(final: Outcome) -> Line:
    """Return the winner for a table, as it was trained once more.

    It has learned its validation data: no score on them says anything.
    """
    row, reading = final.retrained, final.reading
    test = None if reading is None else reading.score
    return Line(
        name="the same, all data",
        valid=Number(NONE),
        test=Number(score_text(final.view.measure, test), test),
        rows=() if row is None else (row,),
        view=final.view,
        measured={} if reading is None else numbers(reading),
    )


def numbers(reading: TestReading) -> dict[str, Number]:
    """Return what was read by other measures than the task's, by their names."""
    return {
        each.name: Number(score_text(measure_named(each.name), each.value), each.value)
        for each in reading.metrics
    }


def _seeds(measure: Measure, seeds: Seeds) -> Number:
    return Number(seeds_text(measure, seeds), seeds.mean)


def milliseconds(view: SearchView, rows: Iterable[ChildRow]) -> float | None:
    """Return how long the network of these children takes, None where nobody measured it.

    It may have been measured of another child: what was trained once more is as fast.
    """
    same = {row.architecture.id for row in rows}
    alike = (row.id for row in view.rows if row.architecture.id in same)
    found = (view.speeds[child].milliseconds for child in alike if child in view.speeds)
    return next(found, None)


# --- in words ------------------------------------------------------------------------------------


def name_of(contender: Contender) -> str:
    """Return what a network is called: a child of the search, or the name that it goes by."""
    return one_line(contender.origin or contender.network, _MAX_NAME)


def full_name(contender: Contender) -> str:
    """Return what a network is called, with its point of the grid."""
    point = point_text(contender.point)
    return f"{name_of(contender)} ({point})" if point else name_of(contender)


def point_text(point: GridPoint) -> str:
    """Return a point of a grid as `learning_rate 0.1, weight_decay 0.0001`; of none, nothing."""
    return ", ".join(
        f"{name} {value:g}" if isinstance(value, float) else f"{name} {value}"
        for name, value in point.items()
    )


def seeds_text(measure: Measure, seeds: Seeds) -> str:
    """Return the mean of scores with half of its interval over seeds, where there is one."""
    interval = seeds.interval
    return score_text(measure, seeds.mean, error=None if interval is None else interval.half)


def range_text(measure: Measure, interval: Interval) -> str:
    """Return an interval of a score, such as `95.10 % to 98.50 %`."""
    return f"{score_text(measure, interval.low)} to {score_text(measure, interval.high)}"


# --- tables --------------------------------------------------------------------------------------


def page_table(lines: Sequence[Line], *, caption: str) -> Markup:
    """Return the lines as a table of a page."""
    example, others = _example(lines), other_measures(lines)
    names = (
        "Validation",
        "Test",
        *(f"Test {name}" for name in others),
        "Parameters",
        "Multiply-adds",
        f"Milliseconds per {example}",
    )
    has_verdicts = any(line.verdict for line in lines)
    head = ("Network", *map(Number, names), *["Beside the found one"][:has_verdicts])
    rows = (
        (line.name, line.valid, line.test, *_others(line, others), *line.costs)
        + (line.verdict,) * has_verdicts
        for line in lines
    )
    return table(head, rows, caption=caption)


def other_measures(lines: Iterable[Line]) -> list[str]:
    """Return by what else than the task's measure tests were read, in their order."""
    return list(dict.fromkeys(name for line in lines for name in line.measured))


def _others(line: Line, names: Iterable[str]) -> Iterator[Number]:
    return (line.measured.get(name, Number(NONE)) for name in names)


def terminal_table(lines: Sequence[Line], *, caption: str = "") -> Table:
    """Return the lines as a table for the terminal."""
    from rich import box
    from rich.table import Column, Table
    from rich.text import Text

    has_verdicts = any(line.verdict for line in lines)
    per = f"ms/{_example(lines)}"  # room for 80 characters
    names = ("Validation", "Test", "Param.", *(() if has_verdicts else ("Mult-adds",)), per)
    found = Table(
        Column("Network", overflow="fold"),
        *(Column(name, justify="right", no_wrap=True) for name in names),
        *[Column("Verdict", overflow="fold", max_width=8)][:has_verdicts],
        caption=Text(caption) if caption else None,
        box=box.SIMPLE_HEAD,
        pad_edge=False,
        padding=(0, 1, 0, 0),
    )
    for line in lines:
        parameters, multiply_adds, taken_ms = line.costs
        costs = (parameters, *(() if has_verdicts else (multiply_adds,)), taken_ms)
        numbers = (line.valid, line.test, *costs)
        texts = (line.name, *(each.text for each in numbers), *[line.verdict][:has_verdicts])
        found.add_row(*map(Text, texts))
    return found


def terminal_measures(lines: Sequence[Line]) -> Iterator[Table]:
    """Yield the lines as a table of what else was measured, where anything was."""
    from rich import box
    from rich.table import Column, Table
    from rich.text import Text

    names = other_measures(lines)
    if not names:
        return
    heads = (Column(f"Test {name}", justify="right", no_wrap=True) for name in names)
    found = Table(Column("Network", overflow="fold"), *heads, box=box.SIMPLE_HEAD, pad_edge=False)
    for line in lines:
        found.add_row(Text(line.name), *(Text(each.text) for each in _others(line, names)))
    yield found


def _example(lines: Sequence[Line]) -> str:
    data = lines[0].view.data if lines else None
    return "example" if data is None else data.example


# --- curves --------------------------------------------------------------------------------------


def learning_curves(lines: Sequence[Line], *, title: str) -> Markup:
    """Return validation scores from epoch to epoch, means over the seeds of each network.

    What was trained on validation data too has no curve.
    """
    lines = [line for line in lines if line.valid.value is not None]
    shown = [line for line in lines if any(row.id in line.view.curves for row in line.rows)]
    if not shown:
        return Markup()
    few = shown[:_MAX_CURVES]
    series = [Series(line.name, list(_curve(line))) for line in few]
    chart = line_chart(series, x_label="epoch", y_label=few[0].view.measure.label)
    cut = "" if len(few) == len(shown) else f" The first {_MAX_CURVES} of {len(shown):,}."
    return chart_figure(title, f"Each line is the mean over a network's seeds.{cut}", chart)


def seed_curves(line: Line, *, title: str) -> Markup:
    """Return the validation scores of one network from epoch to epoch, seed by seed."""
    found = [line.view.curves[row.id] for row in line.rows if row.id in line.view.curves]
    if len(found) < 2:
        return Markup()
    measure = line.view.measure
    series = [
        Series(f"seed {number}", [(each.epoch, measure.on_chart(each.score)) for each in epochs])
        for number, epochs in enumerate(found[:_MAX_CURVES], start=1)
    ]
    chart = line_chart(series, x_label="epoch", y_label=measure.label)
    return chart_figure(title, f"Of {line.name}.", chart)


def _curve(line: Line) -> Iterator[Point]:
    """Yield the mean score after each epoch, of the seeds that got so far."""
    curves = [line.view.curves[row.id] for row in line.rows if row.id in line.view.curves]
    for epochs in zip_longest(*curves):
        known = [each for each in epochs if each is not None]
        yield known[0].epoch, line.view.measure.on_chart(fmean(each.score for each in known))


# --- as numbers ----------------------------------------------------------------------------------


def contender_json(view: SearchView, contender: Contender) -> dict[str, Any]:
    """Return a contender as plain data."""
    parameters, multiply_adds, taken_ms = line_of(view, contender).costs
    return {
        "name": name_of(contender),
        "network": contender.network,
        "point": dict(contender.point),
        "children": [row.id for row in contender.rows],
        "validation": _seeds_json(contender.valid),
        "test": _seeds_json(contender.tested),
        "test_metrics": {name: _seeds_json(each) for name, each in contender.measured.items()},
        "num_parameters": parameters.value,
        "num_multiply_adds": multiply_adds.value,
        "milliseconds": taken_ms.value,
    }


def _seeds_json(seeds: Seeds) -> dict[str, Any]:
    interval = seeds.interval
    return {
        "scores": list(seeds.scores),
        "mean": seeds.mean,
        "interval": None if interval is None else [interval.low, interval.high],
    }


def outcome_json(final: Outcome) -> dict[str, Any]:
    """Return what a final training came to as plain data, the best first."""
    view, reading, shown = final.view, final.reading, final.score_handed_on
    return {
        "uri": view.uri,
        "finished": view.finished,
        "trainings": len(view.rows),
        "max_trainings": view.num_children,
        "networks": [contender_json(view, each) for each in final.ranked],
        "winner": None if final.winner is None else name_of(final.winner),
        "retrained": None if final.retrained is None else final.retrained.id,
        "test_score": None if reading is None else reading.score,
        "test_examples": None if reading is None else reading.num_examples,
        "test_metrics": [] if shown is None else [asdict(each) for each in shown.metrics],
        "samples": [] if shown is None else [asdict(each) for each in shown.samples],
    }
