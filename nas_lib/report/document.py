"""The parts that every page has. A page is one file: nothing in it is fetched from anywhere."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from importlib import resources

from nas_lib.report.markup import Markup, join, tag


@dataclass(frozen=True)
class Number:
    """A number in a table, which stands to the right: what it reads and what it sorts by."""

    text: str
    value: float | None = None


def document(title: str, *body: Markup) -> str:
    """Return a whole HTML page."""
    head = join(
        Markup('<meta charset="utf-8">'),
        Markup('<meta name="viewport" content="width=device-width, initial-scale=1">'),
        tag("title", title),
        tag("style", _asset("page.css")),
    )
    content = tag("body", *body, tag("script", _asset("page.js")))
    return "<!DOCTYPE html>\n" + tag("html", tag("head", head), content, lang="en") + "\n"


def _asset(name: str) -> Markup:
    return Markup(resources.files(__package__).joinpath(name).read_text("utf-8"))


def section(title: str, *content: Markup) -> Markup:
    """Return a headed part of the page."""
    return tag("section", tag("h2", title), *content)


def paragraph(*content: object, class_: str | None = None) -> Markup:
    """Return a paragraph."""
    return tag("p", *content, class_=class_)


def facts(pairs: Iterable[tuple[str, object]], *, class_: str = "facts") -> Markup:
    """Return names and what they are."""
    cells = (tag("div", tag("dt", name), tag("dd", value)) for name, value in pairs)
    return tag("dl", *cells, class_=class_)


def key_figure(name: str, value: str, note: str) -> tuple[str, Markup]:
    """Return a fact with a note below it, in small print."""
    return name, join(value, tag("small", note))


def chart_figure(title: str, explanation: str, chart: Markup) -> Markup:
    """Return a chart with its caption, nothing where the chart is empty."""
    if not chart:
        return Markup()
    return tag("figure", tag("figcaption", tag("b", title), explanation), chart)


def fold(title: str, *content: Markup) -> Markup:
    """Return what a reader opens only when needed."""
    return tag("details", tag("summary", title), *content)


def table(head: Sequence[object], rows: Iterable[Sequence[object]]) -> Markup:
    """Return a table that sorts by the column whose head is clicked.

    Args:
        head: The names of the columns, as `Number` where numbers stand below.
        rows: The cells of each row.
    """
    body = tag("tbody", *(_row("td", row) for row in rows))
    whole = tag("table", tag("thead", _row("th", head)), body, class_="sortable")
    return tag("div", whole, class_="scroll")


def _row(cell: str, values: Sequence[object]) -> Markup:
    return tag("tr", *(_cell(cell, value) for value in values))


def _cell(cell: str, value: object) -> Markup:
    if isinstance(value, Number):
        key = None if value.value is None else f"{value.value:.10g}"
        return tag(cell, value.text, class_="n", data_value=key)
    return tag(cell, value)
