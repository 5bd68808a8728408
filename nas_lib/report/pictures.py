"""A picture of a network as SVG, from its configuration string.

The image is on top, the classifier at the bottom, the layers between them in order. An input from
the layer above is a straight arrow; any other is an arc on the right. Outputs that no layer takes
go to the classifier along the left.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import replace

from nas_lib.architecture import Architecture
from nas_lib.report.column import CONV, END, OUTLINE, POOL, Box, Drawing, Edge, column, picture
from nas_lib.report.enas_pictures import ENAS_PICTURES
from nas_lib.report.markup import Markup, join, tag
from nas_lib.spaces.cnn import Layer, parse_layers, unused_layers

_CNN_KEY = (
    "Blue: a layer takes the output of an earlier one; the inputs of a layer are joined in "
    "depth. Grey, dotted: a layer without inputs takes the image. Orange, dashed: the "
    "classifier takes every output that no layer took. The bars compare numbers of filters."
)


def network_picture(architecture: Architecture) -> Markup:
    """Return the picture; of a space that is not known here, the configuration string in a box."""
    if architecture.space in ENAS_PICTURES:
        return ENAS_PICTURES[architecture.space].draw(architecture.config)
    if architecture.space != "cnn":
        return _text_box(architecture.config)
    layers = parse_layers(architecture.config)
    drawing = column(list(_boxes(layers)), list(_edges(layers)))
    return picture(drawing, title=f"A network of {len(layers)} layers")


def picture_key(architecture: Architecture) -> str:
    """Return what the arrows and bars of the picture mean, nothing where there are none."""
    if architecture.space in ENAS_PICTURES:
        return ENAS_PICTURES[architecture.space].key
    return _CNN_KEY if architecture.space == "cnn" else ""


def _edges(layers: Sequence[Layer]) -> Iterator[Edge]:
    for number, layer in enumerate(layers, start=1):
        if not layer.inputs:
            yield Edge(0, number, "image")
        for source in layer.inputs:
            yield Edge(source, number, "skip")
    for number in unused_layers(layers):
        yield Edge(number, len(layers) + 1, "output")


def _boxes(layers: Sequence[Layer]) -> Iterator[Box]:
    yield Box("image")
    most = max(layer.num_filters for layer in layers)
    for number, layer in enumerate(layers, start=1):
        fill = CONV if layer.kind == "conv" else POOL
        box = Box(_operation(layer), fill, number=str(number))
        if layer.num_filters:
            box = replace(box, size=layer.num_filters, share=layer.num_filters / most)
        yield box
    yield Box("classifier")


def _operation(layer: Layer) -> str:
    """Return what the layer does, without what nearly every layer has."""
    block = f"{layer.num_convs} x " if layer.num_convs > 1 else ""
    stride = f"{layer.stride_height}x{layer.stride_width}"
    suffix = "" if stride == "1x1" else f", stride {stride}"
    return f"{block}{layer.kind.replace('_', ' ')} {layer.height}x{layer.width}{suffix}"


def _text_box(text: str) -> Markup:
    lines = textwrap.wrap(text, width=44, max_lines=20, placeholder=" ...")
    height = 20 * len(lines) + 20
    outline = tag("rect", x=1, y=1, width=358, height=height - 2, rx=5, fill=END, stroke=OUTLINE)
    written = (
        tag("text", line, x=14, y=26 + 20 * number, fill="#111")
        for number, line in enumerate(lines)
    )
    return picture(Drawing(join(outline, *written), 360, height), title="An architecture")
