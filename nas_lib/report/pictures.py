"""A picture of a network as SVG, from its configuration string.

The image is on top, the classifier at the bottom, the layers between them in order. An input from
the layer above is a straight arrow; any other is an arc on the right. Outputs that no layer takes
go to the classifier along the left.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from nas_lib.architecture import Architecture
from nas_lib.report.markup import Markup, join, tag
from nas_lib.spaces.cnn import Layer, parse_layers, unused_layers

_BOX_WIDTH, _BOX_HEIGHT, _ROW = 252, 30, 44
_MARGIN = 14
_LONGEST_BAR = 40
_ARC, _ARC_STEP = 14, 11  # how far an arc over one box swings out, and how much further each more
_PORT = 6  # arcs leave a box this far below its middle, and arrive this far above it

EdgeKind = Literal["skip", "image", "output"]
_STROKES: dict[EdgeKind, dict[str, object]] = {
    "skip": {"stroke": "#0b62a4"},
    "image": {"stroke": "#6b7280", "stroke_dasharray": "2 3"},
    "output": {"stroke": "#c4500a", "stroke_dasharray": "6 3"},
}
_CONV, _POOL, _END = "#dcebf9", "#fbe6c6", "#e9ecef"


@dataclass(frozen=True)
class _Edge:
    """A connection from box to box: 0 is the image, then the layers, then the classifier."""

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


def network_picture(architecture: Architecture) -> Markup:
    """Return the picture; of a space that is not known here, the configuration string in a box."""
    if architecture.space != "cnn":
        return _text_box(architecture.config)
    layers = parse_layers(architecture.config)
    edges = list(_edges(layers))
    outputs, inputs = _reach(edges, output=True), _reach(edges, output=False)
    left = _MARGIN + outputs
    return _svg(
        *(_draw_edge(edge, left) for edge in edges),
        *_boxes(layers, left),
        title=f"A network of {len(layers)} layers",
        width=left + _BOX_WIDTH + inputs + _MARGIN,
        height=2 * _MARGIN + _ROW * (len(layers) + 1) + _BOX_HEIGHT,
    )


def _svg(*content: Markup, title: str, width: int, height: int) -> Markup:
    return tag(
        "svg",
        tag("title", title),
        *content,
        xmlns="http://www.w3.org/2000/svg",
        viewBox=f"0 0 {width} {height}",
        width=width,
        height=height,
        role="img",
        font_family="system-ui, sans-serif",
        font_size=13,
    )


def _edges(layers: Sequence[Layer]) -> Iterator[_Edge]:
    for number, layer in enumerate(layers, start=1):
        if not layer.inputs:
            yield _Edge(0, number, "image")
        for source in layer.inputs:
            yield _Edge(source, number, "skip")
    for number in unused_layers(layers):
        yield _Edge(number, len(layers) + 1, "output")


def _reach(edges: Sequence[_Edge], *, output: bool) -> int:
    """Return the room that the arcs of one side need, in pixels."""
    arcs = (edge for edge in edges if not edge.is_straight)
    return max((edge.reach for edge in arcs if (edge.kind == "output") == output), default=0)


def _middle(box: int) -> int:
    return _MARGIN + _ROW * box + _BOX_HEIGHT // 2


def _draw_edge(edge: _Edge, left: int) -> Markup:
    path, tip = _straight(edge, left) if edge.is_straight else _arc(edge, left)
    stroke = _STROKES[edge.kind]
    line = tag("path", d=path, fill="none", stroke_width=1.6, **stroke)
    name = "straight" if edge.is_straight else f"arc {edge.kind}"
    return tag("g", line, tag("path", d=tip, fill=stroke["stroke"]), class_=name)


def _straight(edge: _Edge, left: int) -> tuple[str, str]:
    """Return the path of an arrow down to the next box, and of its tip."""
    centre = left + _BOX_WIDTH // 2
    start, end = _middle(edge.source) + _BOX_HEIGHT // 2, _middle(edge.target) - _BOX_HEIGHT // 2
    return f"M{centre} {start}V{end - 5}", _tip(centre, end, 0, -1)


def _arc(edge: _Edge, left: int) -> tuple[str, str]:
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


def _boxes(layers: Sequence[Layer], left: int) -> Iterator[Markup]:
    yield _box(0, left, "image", fill=_END)
    most = max(layer.num_filters for layer in layers)
    for number, layer in enumerate(layers, start=1):
        fill = _CONV if layer.kind == "conv" else _POOL
        box = _box(number, left, _operation(layer), fill=fill, number=str(number))
        yield join(box, _filters(number, layer, left, most)) if layer.num_filters else box
    yield _box(len(layers) + 1, left, "classifier", fill=_END)


def _box(box: int, left: int, text: str, *, fill: str, number: str = "") -> Markup:
    top = _MARGIN + _ROW * box
    outline = tag(
        "rect",
        x=left,
        y=top,
        width=_BOX_WIDTH,
        height=_BOX_HEIGHT,
        rx=5,
        fill=fill,
        stroke="#8a94a0",
    )
    text_left = left + 32 if number else left + _BOX_WIDTH // 2
    anchor = None if number else "middle"
    return join(
        outline,
        tag("text", number, x=left + 22, y=top + 19, text_anchor="end", fill="#555"),
        tag("text", text, x=text_left, y=top + 19, text_anchor=anchor, fill="#111"),
    )


def _operation(layer: Layer) -> str:
    """Return what the layer does, without what nearly every layer has."""
    block = f"{layer.num_convs} x " if layer.num_convs > 1 else ""
    stride = f"{layer.stride_height}x{layer.stride_width}"
    suffix = "" if stride == "1x1" else f", stride {stride}"
    return f"{block}{layer.kind.replace('_', ' ')} {layer.height}x{layer.width}{suffix}"


def _filters(box: int, layer: Layer, left: int, most: int) -> Markup:
    """Return the number of filters, and a bar as long as its share of the network's largest."""
    right, top = left + _BOX_WIDTH - 10, _MARGIN + _ROW * box
    length = round(_LONGEST_BAR * layer.num_filters / most)
    bar = tag("rect", x=right - length, y=top + 22, width=length, height=3, fill="#0b62a4")
    return join(tag("text", layer.num_filters, x=right, y=top + 17, text_anchor="end"), bar)


def _text_box(text: str) -> Markup:
    lines = textwrap.wrap(text, width=44, max_lines=20, placeholder=" ...")
    height = 20 * len(lines) + 20
    outline = tag("rect", x=1, y=1, width=358, height=height - 2, rx=5, fill=_END, stroke="#8a94a0")
    written = (
        tag("text", line, x=14, y=26 + 20 * number, fill="#111")
        for number, line in enumerate(lines)
    )
    return _svg(outline, *written, title="An architecture", width=360, height=height)
