"""HTML and SVG, from templates and from function calls.

A page's words and structure lie in `templates/`; its tables, charts and pictures are made by
functions. What is not `Markup` is escaped in both: forgetting is not possible. A page is one file:
nothing in it is fetched from anywhere.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from markupsafe import Markup, escape

from nas_lib.errors import visible

if TYPE_CHECKING:
    from jinja2 import Environment


def join(*parts: object) -> Markup:
    """Return the parts one after the other."""
    return Markup("".join(map(_text, parts)))


def tag(name: str, *content: object, **attributes: object) -> Markup:
    """Return an element.

    Args:
        name: Such as `td`.
        content: Elements and texts within it.
        attributes: `class_` stands for class and `stroke_width` for stroke-width; an attribute
            whose value is None is left out.
    """
    written = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{_text(value)}"'
        for key, value in attributes.items()
        if value is not None
    )
    return Markup(f"<{name}{written}>{join(*content)}</{name}>")


def _text(value: object) -> Markup:
    return escape(_clean(value))


def _clean(value: object) -> str:
    """Return what an expression comes to as text that may stand on a page."""
    if isinstance(value, Markup):
        return value
    return visible(str(value))


def render(template: str, **values: object) -> Markup:
    """Return what a template comes to with these values; a name it does not know is an error."""
    return Markup(_environment().get_template(template).render(values))


@cache
def _environment() -> Environment:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    from nas_lib.report import colours

    environment = Environment(
        loader=PackageLoader("nas_lib.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        finalize=_clean,
    )
    environment.filters["shell"] = shlex.quote
    environment.globals["colours"] = colours
    return environment


@dataclass(frozen=True)
class Number:
    """A number in a table, which stands to the right: what it reads and what it sorts by."""

    text: str
    value: float | None = None


@dataclass(frozen=True)
class Figure:
    """A number that stands out, with its name above and a note below it, in small print."""

    name: str
    value: str
    note: str


def table(head: Sequence[object], rows: Iterable[Sequence[object]], *, caption: str) -> Markup:
    """Return a table that sorts by the column whose head is chosen.

    Args:
        head: The names of the columns, as `Number` where numbers stand below.
        rows: The cells of each row. The first that is no number says what the row is about.
        caption: What the table shows, for those who do not see it; no two of a page are alike.
    """
    name = next((at for at, each in enumerate(head) if not isinstance(each, Number)), -1)
    body = tag("tbody", *(_row(row, name) for row in rows))
    titles = tag("tr", *(_cell("th", each, scope="col") for each in head))
    hidden = tag("caption", caption, class_="unseen")
    return scrolled(tag("table", hidden, tag("thead", titles), body, class_="sortable"), caption)


def scrolled(content: Markup, name: str, *, class_: str = "scroll") -> Markup:
    """Return what may be wider than the page in a box of its own, which keys can scroll too."""
    return tag("div", content, class_=class_, role="region", aria_label=name, tabindex=0)


def _row(values: Sequence[object], name: int) -> Markup:
    cells = (
        _cell("th", value, scope="row") if at == name else _cell("td", value)
        for at, value in enumerate(values)
    )
    return tag("tr", *cells)


def _cell(cell: str, value: object, *, scope: str | None = None) -> Markup:
    if isinstance(value, Number):
        key = None if value.value is None else f"{value.value:.10g}"
        return tag(cell, value.text, scope=scope, class_="n", data_value=key)
    return tag(cell, value, scope=scope)


def chart_figure(title: str, explanation: str, chart: Markup) -> Markup:
    """Return a chart with its caption, nothing where the chart is empty."""
    if not chart:
        return Markup()
    return tag("figure", tag("figcaption", tag("b", title), explanation), chart)
