"""Diagrams: boxes below each other with arrows between them, as SVG.

An arrow to the next box is straight; any other is an arc, of outputs on the left, else on the
right. Pixels are called `left` and `top`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from markupsafe import Markup

from nas_lib.report.colours import BLUE, END, FAINT, GREY, ORANGE, TEXT, WEAK_TEXT
from nas_lib.report.markup import join, tag

_BOX_WIDTH, _BOX_HEIGHT, _ROW = 252, 30, 44
_MARGIN = 14
_LONGEST_BAR = 40
_ARC, _ARC_STEP = 14, 11  # how far an arc over one box swings out, and how much further each more
_PORT = 6  # arcs leave a box this far below its middle, and arrive this far above it

EdgeKind = Literal["skip", "image", "output"]
_STROKES: dict[EdgeKind, dict[str, object]] = {
    "skip": {"stroke": BLUE},
    "image": {"stroke": GREY, "stroke_dasharray": "2 3"},
    "output": {"stroke": ORANGE, "stroke_dasharray": "6 3"},
}


@dataclass(frozen=True)
class Box:
    """One box.

    Attributes:
        text: What is written in it.
        fill: Its colour.
        number: Before the text; without it, the text is in the middle.
        size: A number on the right, None for none.
        share: Length of the bar below that number, as a share of the longest.
    """

    text: str
    fill: str = END
    number: str = ""
    size: int | None = None
    share: float = 0.0


@dataclass(frozen=True)
class Edge:
    """An arrow from box to box, by their places from the top."""

    source: int
    target: int
    kind: EdgeKind

    @property
    def is_straight(self) -> bool:
        return self.target == self.source + 1

    @property
    def reach(self) -> int:
        """How far the arc swings out, in pixels."""
        return _ARC + _ARC_STEP * (self.target - self.source - 1)


@dataclass(frozen=True)
class Drawing:
    """A part of a picture, and the room that it takes in pixels."""

    content: Markup
    width: int
    height: int


def diagram(boxes: Sequence[Box], edges: Sequence[Edge]) -> Drawing:
    """Return the boxes below each other, and what flows between them."""
    left = _MARGIN + _reach(edges, output=True)
    return Drawing(
        join(
            *(_draw_edge(edge, left) for edge in edges),
            *(_draw_box(box, place, left) for place, box in enumerate(boxes)),
        ),
        width=left + _BOX_WIDTH + _reach(edges, output=False) + _MARGIN,
        height=2 * _MARGIN + _ROW * (len(boxes) - 1) + _BOX_HEIGHT,
    )


def picture(drawing: Drawing, *, title: str) -> Markup:
    """Return a drawing as an SVG element of its own."""
    return tag(
        "svg",
        tag("title", title),
        drawing.content,
        xmlns="http://www.w3.org/2000/svg",
        viewBox=f"0 0 {drawing.width} {drawing.height}",
        width=drawing.width,
        height=drawing.height,
        role="img",
        font_family="system-ui, sans-serif",
        font_size=13,
        fill=TEXT,
    )


def stacked(parts: Iterable[tuple[str, Drawing]]) -> Drawing:
    """Return drawings below each other, each under its heading."""
    top, width, content = 0, 0, []
    for heading, drawing in parts:
        content.append(tag("text", heading, x=_MARGIN, y=top + 22, font_weight="bold"))
        content.append(tag("g", drawing.content, transform=f"translate(0 {top + 24})"))
        top += 24 + drawing.height
        width = max(width, drawing.width)
    return Drawing(join(*content), width, top)


def _reach(edges: Sequence[Edge], *, output: bool) -> int:
    """Return the room that the arcs of one side need, in pixels."""
    arcs = (edge for edge in edges if not edge.is_straight)
    return max((edge.reach for edge in arcs if (edge.kind == "output") == output), default=0)


def _middle(box: int) -> int:
    return _MARGIN + _ROW * box + _BOX_HEIGHT // 2


def _draw_edge(edge: Edge, left: int) -> Markup:
    path, tip = _straight(edge, left) if edge.is_straight else _arc(edge, left)
    stroke = _STROKES[edge.kind]
    line = tag("path", d=path, fill="none", stroke_width=1.6, **stroke)
    name = "straight" if edge.is_straight else f"arc {edge.kind}"
    return tag("g", line, tag("path", d=tip, fill=stroke["stroke"]), class_=name)


def _straight(edge: Edge, left: int) -> tuple[str, str]:
    """Return the path of an arrow down to the next box, and of its tip."""
    centre = left + _BOX_WIDTH // 2
    start, end = _middle(edge.source) + _BOX_HEIGHT // 2, _middle(edge.target) - _BOX_HEIGHT // 2
    return f"M{centre} {start}V{end - 5}", _tip(centre, end, 0, -1)


def _arc(edge: Edge, left: int) -> tuple[str, str]:
    """Return the path of an arrow around the boxes between, and of its tip."""
    is_output = edge.kind == "output"
    way, side = (-1, left) if is_output else (1, left + _BOX_WIDTH)
    start, end = _middle(edge.source) + _PORT, _middle(edge.target) - _PORT
    # A cubic curve swings out three quarters as far as its two handles.
    handle = side + way * (edge.reach * 4 // 3)
    path = f"M{side} {start}C{handle} {start} {handle} {end} {side + way * 6} {end}"
    return path, _tip(side, end, way, 0)


def _tip(left: int, top: int, way_left: int, way_top: int) -> str:
    """Return an arrow's tip at a point; the way is the direction that the arrow comes from."""
    back_left, back_top = left + 8 * way_left, top + 8 * way_top
    wide_left, wide_top = 4 * abs(way_top), 4 * abs(way_left)
    return (
        f"M{left} {top}L{back_left + wide_left} {back_top + wide_top}"
        f"L{back_left - wide_left} {back_top - wide_top}Z"
    )


def _draw_box(box: Box, place: int, left: int) -> Markup:
    top = _MARGIN + _ROW * place
    outline = tag(
        "rect",
        x=left,
        y=top,
        width=_BOX_WIDTH,
        height=_BOX_HEIGHT,
        rx=5,
        fill=box.fill,
        stroke=FAINT,
    )
    text_left = left + 32 if box.number else left + _BOX_WIDTH // 2
    anchor = None if box.number else "middle"
    return join(
        outline,
        tag("text", box.number, x=left + 22, y=top + 19, text_anchor="end", fill=WEAK_TEXT),
        tag("text", box.text, x=text_left, y=top + 19, text_anchor=anchor, fill=TEXT),
        Markup() if box.size is None else _draw_size(box.size, box.share, top, left),
    )


def _draw_size(size: int, share: float, top: int, left: int) -> Markup:
    right, length = left + _BOX_WIDTH - 10, round(_LONGEST_BAR * share)
    bar = tag("rect", x=right - length, y=top + 22, width=length, height=3, fill=BLUE)
    return join(tag("text", size, x=right, y=top + 17, text_anchor="end"), bar)
