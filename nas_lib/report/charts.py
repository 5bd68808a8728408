"""Small line charts as SVG, drawn without a library so that the page needs none.

In this module x and y are data values, `left` and `top` are pixels.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from nas_lib.errors import one_line, plural
from nas_lib.report.colours import AXIS, FAINT, GRID, LINES, PAPER, TEXT, ZERO
from nas_lib.report.markup import join, tag

_DASHES = (None, "7 3", "2 3", "9 3 2 3", "14 4")  # so that a line is known without its colour
_WIDTH, _HEIGHT = 400, 270  # as wide as a phone: there letters are as high as beside them
_FONT_SIZE = 13
_LEFT, _RIGHT, _TOP, _BOTTOM = 66, 12, 32, 48  # margins
_MAX_POINTS = 400  # of a line: more than can be told apart
_FEW_DOTS = 200
_CHARACTER = 6.9  # mean width
_LEGEND_LEFT = 10
_MOST_CHARACTERS = 48  # of a name in the legend: more have no room beside each other
_LEGEND_LINE = 18
_TITLE_LINE = 32
_ABREAST = 3

Point = tuple[float, float | None]


@dataclass(frozen=True)
class Series:
    """One line of a chart.

    Attributes:
        name: For the legend.
        points: x and y, in the order of x; a line has a gap where y is None.
        spread: Half the height of a band around each point, empty for no band.
        dots: Draw points, not a line.
        squares: Draw points as squares, to be known from others without their colour.
        faint: Draw a thin line in the background: many of them, with a gap between two.
    """

    name: str
    points: Sequence[Point]
    spread: Sequence[float | None] = ()
    dots: bool = False
    squares: bool = False
    faint: bool = False


def line_chart(
    series: Sequence[Series], *, x_label: str, y_label: str, counts: bool = True
) -> Markup:
    """Return the chart as an SVG element, empty where there is no point to show.

    Args:
        series: The lines.
        x_label: What x is.
        y_label: What y is.
        counts: Whether x counts something, so that only whole numbers are marked on its axis.
    """
    series = [line for line in series if any(y is not None for _, y in line.points)]
    if not series:
        return Markup()
    frame = _Frame.around([point for line in series for point in _extent(line)])
    drawn = [
        _draw(line, frame, number) for line, number in zip(series, _numbers(series), strict=True)
    ]
    legend, num_more = _legend(series)
    above = _LEGEND_LINE * num_more
    return tag(
        "svg",
        tag("title", f"{y_label} over {x_label}: {', '.join(line.name for line in series)}"),
        tag("desc", " ".join(map(_in_words, series))),
        _axes(frame, x_label=x_label, y_label=y_label, counts=counts),
        *drawn,
        legend,
        xmlns="http://www.w3.org/2000/svg",
        viewBox=f"0 {-above} {_WIDTH} {_HEIGHT + above}",
        role="img",
        font_family="system-ui, sans-serif",
        font_size=_FONT_SIZE,
    )


def _in_words(line: Series) -> str:
    """Say where a line goes, for those who do not see it."""
    points = [(x, y) for x, y in line.points if y is not None]
    low, high = (pick(y for _, y in points) for pick in (min, max))
    what = f"{line.name}: {plural(len(points), 'point')}, from {low:.4g} to {high:.4g}"
    if line.dots or line.faint:
        return f"{what}."
    (first, at_first), (last, at_last) = points[0], points[-1]
    return f"{what}; {at_first:.4g} at {first:,.6g}, {at_last:.4g} at {last:,.6g}."


@dataclass(frozen=True)
class Panel:
    """A chart of several.

    Attributes:
        title: Above it.
        series: Its lines.
        x_label: What x is.
        y_label: What y is.
    """

    title: str
    series: Sequence[Series]
    x_label: str
    y_label: str

    def drawn(self) -> Markup:
        """Return the chart, empty where there is no point to show."""
        return line_chart(self.series, x_label=self.x_label, y_label=self.y_label)


def plot(panels: Iterable[Panel]) -> Markup:
    """Return charts as a picture of its own, three side by side; empty where there is none."""
    shown = [(panel, chart) for panel in panels if (chart := panel.drawn())]
    if not shown:
        return Markup()
    of_chart = _HEIGHT + _LEGEND_LINE * max(_legend(panel.series)[1] for panel, _ in shown)
    of_row = _TITLE_LINE + of_chart
    width, height = _WIDTH * min(_ABREAST, len(shown)), of_row * -(-len(shown) // _ABREAST)
    parts = [tag("rect", width=width, height=height, fill=PAPER)]
    for number, (panel, chart) in enumerate(shown):
        row, column = divmod(number, _ABREAST)
        left, top = _WIDTH * column, of_row * row
        parts.append(_label(panel.title, left=left + _WIDTH / 2, top=top + 20, font_weight="bold"))
        # the chart fills the viewport around it
        top += _TITLE_LINE
        parts.append(tag("svg", chart, x=left, y=top, width=_WIDTH, height=of_chart))
    return tag(
        "svg",
        *parts,
        xmlns="http://www.w3.org/2000/svg",
        viewBox=f"0 0 {width} {height}",
        width=width,
        height=height,
        font_family="system-ui, sans-serif",
        font_size=14,
        fill=TEXT,
    )


def nice_ticks(low: float, high: float, *, num: int = 5) -> list[float]:
    """Return about `num` multiples of 1, 2 or 5 times a power of ten that lie in [low, high]."""
    rough = 0.75 * (high - low) / num  # rather some more than too few
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= rough)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [float(f"{number * step:.12g}") for number in range(first, last + 1)]


@dataclass(frozen=True)
class _Frame:
    """The ranges shown, and where a value lies in the picture."""

    x_low: float
    x_high: float
    y_low: float
    y_high: float

    @classmethod
    def around(cls, points: Sequence[tuple[float, float]]) -> _Frame:
        xs, ys = zip(*points, strict=True)
        y_low, y_high = _widened(min(ys), max(ys))
        margin = 0.04 * (y_high - y_low)
        return cls(*_widened(min(xs), max(xs)), y_low - margin, y_high + margin)

    def left(self, x: float) -> float:
        share = (x - self.x_low) / (self.x_high - self.x_low)
        return _LEFT + share * (_WIDTH - _LEFT - _RIGHT)

    def top(self, y: float) -> float:
        share = (y - self.y_low) / (self.y_high - self.y_low)
        return _HEIGHT - _BOTTOM - share * (_HEIGHT - _TOP - _BOTTOM)


def _widened(low: float, high: float) -> tuple[float, float]:
    """Return a range that is not a single point, nor so small that only rounding fills it."""
    if high - low > 1e-9 * max(abs(low), abs(high)):
        return low, high
    return low - 0.5, high + 0.5


def _extent(line: Series) -> Iterator[tuple[float, float]]:
    for number, (x, y) in enumerate(line.points):
        if y is not None:
            half = (line.spread[number] if line.spread else None) or 0.0
            yield x, y - half
            yield x, y + half


def _axes(frame: _Frame, *, x_label: str, y_label: str, counts: bool) -> Markup:
    right, bottom = _WIDTH - _RIGHT, _HEIGHT - _BOTTOM
    centre, middle = (_LEFT + right) / 2, (_TOP + bottom) / 2
    x_ticks = [x for x in nice_ticks(frame.x_low, frame.x_high) if x.is_integer() or not counts]
    return tag(
        "g",
        *(_y_tick(frame, y) for y in nice_ticks(frame.y_low, frame.y_high)),
        *(_x_tick(frame, x) for x in _with_room(x_ticks)),
        tag("path", d=f"M{_LEFT} {bottom}H{right}", stroke=AXIS),
        _label(x_label, left=centre, top=_HEIGHT - 8.0),
        _label(y_label, left=14.0, top=middle, transform=f"rotate(-90 14 {middle:g})"),
        fill=TEXT,
    )


def _with_room(ticks: Sequence[float]) -> Sequence[float]:
    """Return those that are marked on the x axis: every second one where all have no room."""
    taken = sum(_CHARACTER * (len(_x_text(x)) + 2) for x in ticks)
    return ticks if taken <= _WIDTH - _LEFT else ticks[::2]


def _x_text(x: float) -> str:
    return f"{x:,.12g}"


def _y_tick(frame: _Frame, y: float) -> Markup:
    top = frame.top(y)
    colour = ZERO if y == 0 else GRID
    line = tag("path", d=f"M{_LEFT} {top:.1f}H{_WIDTH - _RIGHT}", stroke=colour)
    text = f"{y:.6g}" if abs(y) < 1e5 else f"{y / 1000:.6g}k"
    return join(line, _label(text, left=_LEFT - 7.0, top=top + 4, text_anchor="end"))


def _x_tick(frame: _Frame, x: float) -> Markup:
    left, bottom = frame.left(x), _HEIGHT - _BOTTOM
    line = tag("path", d=f"M{left:.1f} {bottom}v5", stroke=AXIS)
    return join(line, _label(_x_text(x), left=left, top=bottom + 18.0))


def _label(
    text: str,
    *,
    left: float,
    top: float,
    text_anchor: str = "middle",
    transform: str | None = None,
    font_weight: str | None = None,
) -> Markup:
    x, y = round(left, 1), round(top, 1)
    return tag(
        "text",
        text,
        x=x,
        y=y,
        text_anchor=text_anchor,
        transform=transform,
        font_weight=font_weight,
    )


def _legend(series: Sequence[Series]) -> tuple[Markup, int]:
    """Return the names of the lines, and how many lines of text they take above the first one."""
    places: list[tuple[float, int]] = []
    left, row = float(_LEGEND_LEFT), 0
    names = [one_line(line.name, _MOST_CHARACTERS) for line in series]
    for name in names:
        width = 26 + _CHARACTER * len(name)
        if places and left + width > _WIDTH:
            left, row = float(_LEGEND_LEFT), row + 1
        places.append((left, row))
        left += width + 18
    entries = []
    placed = zip(series, names, places, _numbers(series), strict=True)
    for line, name, (left, at), number in placed:
        top = 14 - _LEGEND_LINE * (row - at)
        end = "h0" if line.dots else "h20"
        entries.append(_stroke(f"M{left + 10 * line.dots:g} {top}{end}", line, number))
        entries.append(tag("text", name, x=round(left + 26), y=top + 4, fill=TEXT))
    return join(*entries), row


def _numbers(series: Sequence[Series]) -> list[int]:
    """Return which look each line has: what is in the background takes none from the others."""
    return [sum(not other.faint for other in series[:place]) for place in range(len(series))]


def _draw(line: Series, frame: _Frame, number: int) -> Markup:
    if line.dots:
        return _stroke(_dots_path(line.points, frame), line, number)
    if line.faint:  # thinned by whoever puts many into one
        return _stroke(_line_path(line.points, frame), line, number)
    step = max(1, math.ceil(len(line.points) / _MAX_POINTS))
    shown = sorted({*range(0, len(line.points), step), len(line.points) - 1})
    curve = _stroke(_line_path((line.points[i] for i in shown), frame), line, number)
    return join(_band(line, frame, number), curve) if line.spread else curve


def _stroke(path: str, line: Series, number: int) -> Markup:
    return tag(
        "path",
        d=path,
        fill="none",
        stroke=FAINT if line.faint else LINES[number % len(LINES)],
        stroke_width=5 if line.dots else 1 if line.faint else 2,
        stroke_opacity=_opacity(line),
        stroke_linecap="square" if line.squares else "round",
        stroke_linejoin="round",
        stroke_dasharray=None if line.dots or line.faint else _dashes(number),
    )


def _dashes(number: int) -> str | None:
    """Return those of a line: of two lines of one colour they differ."""
    return _DASHES[(number + number // len(LINES)) % len(_DASHES)]


def _opacity(line: Series) -> float | None:
    """Return that of dots: where there are many, one sees how dense they are."""
    if line.faint:
        return 0.6
    if not line.dots:
        return None
    return 0.4 if len(line.points) > _FEW_DOTS else 0.85


def _dots_path(points: Iterable[Point], frame: _Frame) -> str:
    """Return the path of all points, those on the same pixel once."""
    pixels = {(round(frame.left(x)), round(frame.top(y))) for x, y in points if y is not None}
    return "".join(f"M{left} {top}h0" for left, top in sorted(pixels))


def _line_path(points: Iterable[Point], frame: _Frame) -> str:
    path, pen = [], "M"
    for x, y in points:
        if y is None:
            pen = "M"
            continue
        path.append(f"{pen}{frame.left(x):.1f} {frame.top(y):.1f}{'h0' if pen == 'M' else ''}")
        pen = "L"
    return "".join(path)


def _band(line: Series, frame: _Frame, number: int) -> Markup:
    known = [
        (x, y, half)
        for (x, y), half in zip(line.points, line.spread, strict=True)
        if y is not None and half is not None
    ]
    upper = [f"{frame.left(x):.1f},{frame.top(y + half):.1f}" for x, y, half in known]
    lower = [f"{frame.left(x):.1f},{frame.top(y - half):.1f}" for x, y, half in reversed(known)]
    colour = LINES[number % len(LINES)]
    return tag("polygon", points=" ".join(upper + lower), fill=colour, fill_opacity=0.15)
