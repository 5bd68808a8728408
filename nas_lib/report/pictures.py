"""A picture of a network as SVG, from its plan.

What comes in is on top, what goes out at the bottom, the parts between them in order. An input from
the part above is a straight arrow; any other is an arc on the right. Outputs that no part takes go
to the end along the left.
"""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from markupsafe import Markup

from nas_lib.architecture import Architecture
from nas_lib.report.colours import CONV, END, FAINT, POOL, TEXT
from nas_lib.report.diagram import (
    Box,
    Drawing,
    Edge,
    diagram,
    picture,
    stacked,
)
from nas_lib.report.markup import join, tag
from nas_lib.report.tree_picture import TREE_KEY, draw_tree
from nas_lib.spaces import (
    CnnPlan,
    MacroPlan,
    MicroPlan,
    NasNetPlan,
    NasRnnPlan,
    Plan,
    RnnPlan,
    enas_micro,
    nasnet_plan,
)
from nas_lib.spaces.cnn import Layer
from nas_lib.spaces.enas_macro import MacroOperation, pools_after
from nas_lib.spaces.enas_micro import NUM_INPUTS, Cell, MicroOperation
from nas_lib.spaces.nasnet_plan import NUM_STAGES, Block, Combination, NasNetOperation
from nas_lib.spaces.nasnet_plan import Cell as BlocksCell

_OPERATIONS: Mapping[MacroOperation | MicroOperation | NasNetOperation, str] = {
    "conv1": "conv 1x1",
    "conv3": "conv 3x3",
    "conv5": "conv 5x5",
    "conv1x3": "conv 1x3, 3x1",
    "conv1x7": "conv 1x7, 7x1",
    "dilated3": "dilated 3x3",
    "sep3": "sep 3x3",
    "sep5": "sep 5x5",
    "sep7": "sep 7x7",
    "avg3": "avg pool 3x3",
    "max3": "max pool 3x3",
    "max5": "max pool 5x5",
    "max7": "max pool 7x7",
    "identity": "identity",
}
_WITHOUT_WEIGHTS = ("avg3", "max3", "max5", "max7", "identity")
_JOINED: Mapping[Combination, str] = {
    "add": "{} + {}",
    "concat": "{}, {} joined",
    "add_layer_norm": "layer norm of {} + {}",
    "add_instance_norm": "instance norm of {} + {}",
}


@dataclass(frozen=True)
class Picture:
    """How plans of one class are drawn, and what the drawing means."""

    draw: Callable[[Any], Markup]
    key: str


def network_picture(architecture: Architecture, plan: Plan | None) -> Markup:
    """Return the picture; where nothing is known of the plan, the configuration string in a box."""
    known = PICTURES.get(type(plan))
    return _text_box(architecture.config) if known is None else known.draw(plan)


def picture_key(plan: Plan | None) -> str:
    """Return what the arrows and bars of the picture mean, nothing where there are none."""
    known = PICTURES.get(type(plan))
    return "" if known is None else known.key


def _draw_cnn(plan: CnnPlan) -> Markup:
    drawing = diagram(list(_cnn_boxes(plan.layers)), list(_cnn_edges(plan)))
    return picture(drawing, title=f"A network of {len(plan.layers)} layers")


def _cnn_boxes(layers: Sequence[Layer]) -> Iterator[Box]:
    # along rows alone, of series or of images: nobody says which
    yield Box("input" if all(layer.height == 1 for layer in layers) else "image")
    most = max(layer.num_filters for layer in layers)
    for number, layer in enumerate(layers, start=1):
        fill = CONV if layer.kind == "conv" else POOL
        box = Box(_cnn_operation(layer), fill, number=str(number))
        if layer.num_filters:
            box = replace(box, size=layer.num_filters, share=layer.num_filters / most)
        yield box
    yield Box("classifier")


def _cnn_edges(plan: CnnPlan) -> Iterator[Edge]:
    for number, layer in enumerate(plan.layers, start=1):
        if not layer.inputs:
            yield Edge(0, number, "image")
        for source in layer.inputs:
            yield Edge(source, number, "skip")
    for number in plan.unused:
        yield Edge(number, len(plan.layers) + 1, "output")


def _cnn_operation(layer: Layer) -> str:
    """Return what the layer does, without what nearly every layer has."""
    block = f"{layer.num_convs} x " if layer.num_convs > 1 else ""
    stride = f"{layer.stride_height}x{layer.stride_width}"
    suffix = "" if stride == "1x1" else f", stride {stride}"
    return f"{block}{layer.kind.replace('_', ' ')} {layer.height}x{layer.width}{suffix}"


def _draw_macro(plan: MacroPlan) -> Markup:
    drawing = diagram(list(_macro_boxes(plan)), list(_macro_edges(plan)))
    return picture(drawing, title=f"A network of {len(plan.layers)} layers")


def _macro_boxes(plan: MacroPlan) -> Iterator[Box]:
    yield Box("stem: conv 3x3", number="0", size=plan.filters, share=1 / 4)
    pools = pools_after(len(plan.layers))
    for number, layer in enumerate(plan.layers):
        doubled = sum(number > pool for pool in pools)
        yield Box(
            _OPERATIONS[layer.operation] + (", then halved" if number in pools else ""),
            POOL if layer.operation in _WITHOUT_WEIGHTS else CONV,
            number=str(number + 1),
            size=plan.filters << doubled,
            share=(1 << doubled) / 4,
        )
    yield Box("classifier")


def _macro_edges(plan: MacroPlan) -> Iterator[Edge]:
    for number, layer in enumerate(plan.layers, start=1):
        yield Edge(number - 1, number, "skip")
        for source in layer.skips:
            yield Edge(source, number, "skip")
    yield Edge(len(plan.layers), len(plan.layers) + 1, "output")


def _draw_micro(plan: MicroPlan) -> Markup:
    cells = {
        f"Normal cell, {plan.cells} times": plan.normal,
        "Reduction cell, twice": plan.reduction,
    }
    drawing = stacked((heading, _cell(cell)) for heading, cell in cells.items())
    return picture(drawing, title=f"Two cells of {len(plan.normal)} nodes")


def _cell(cell: Cell) -> Drawing:
    last = NUM_INPUTS + len(cell)
    boxes = [Box("last cell but one", number="0"), Box("last cell", number="1")]
    edges = []
    for number, node in enumerate(cell, start=NUM_INPUTS):
        is_light = all(edge.operation in _WITHOUT_WEIGHTS for edge in node)
        text = " + ".join(f"{_short(edge.operation)} of {edge.input}" for edge in node)
        boxes.append(Box(text, POOL if is_light else CONV, number=str(number)))
        edges += [Edge(source, number, "skip") for source in sorted({e.input for e in node})]
    edges += [Edge(number, last, "output") for number in enas_micro.loose_ends(cell)]
    return diagram([*boxes, Box("loose ends, joined in depth")], edges)


def _draw_nasnet(plan: NasNetPlan) -> Markup:
    inputs = ["last cell but one", "last cell"]
    if plan.passes_states:
        inputs = [f"block {number} of the last cell" for number in range(plan.normal.num_inputs)]
    end = "the next cell's inputs" if plan.passes_states else "joined in depth"
    num_reductions = nasnet_plan.num_reductions(large_stem=plan.large_stem is not None)
    cells = {
        f"Normal cell, {NUM_STAGES} x {plan.cells} times": plan.normal,
        f"Reduction cell, {num_reductions} times": plan.reduction,
    }
    drawing = stacked((heading, _blocks(cell, inputs, end)) for heading, cell in cells.items())
    return picture(drawing, title=f"Two cells of {len(plan.normal.blocks)} blocks")


def _blocks(cell: BlocksCell, inputs: Sequence[str], end: str) -> Drawing:
    last = cell.num_inputs + len(cell.blocks)
    boxes = [Box(text, number=str(number)) for number, text in enumerate(inputs)]
    edges = []
    for number, block in enumerate(cell.blocks, start=cell.num_inputs):
        boxes.append(_block(block, number))
        sources = sorted({block.one.input, block.other.input})
        edges += [Edge(source, number, "skip") for source in sources]
    edges += [Edge(number, last, "output") for number in cell.outputs]
    return diagram([*boxes, Box(end)], edges)


def _block(block: Block, number: int) -> Box:
    sides = (block.one, block.other)
    is_light = all(side.operation in _WITHOUT_WEIGHTS for side in sides)
    operations = (f"{_short(side.operation)} of {side.input}" for side in sides)
    text = _JOINED[block.combination].format(*operations)
    return Box(text, POOL if is_light else CONV, number=str(number))


def _short(operation: MicroOperation | NasNetOperation) -> str:
    return _OPERATIONS[operation].replace(" pool", "")


def _draw_rnn(plan: RnnPlan) -> Markup:
    drawing = diagram(_rnn_boxes(plan), list(_rnn_edges(plan)))
    return picture(drawing, title=f"A recurrent cell of {len(plan.nodes)} nodes")


def _rnn_boxes(plan: RnnPlan) -> Sequence[Box]:
    nodes = (
        Box(node.function, END if node.function == "identity" else CONV, number=str(number))
        for number, node in enumerate(plan.nodes)
    )
    return [Box("word and last state"), *nodes, Box("mean: the new state")]


def _rnn_edges(plan: RnnPlan) -> Iterator[Edge]:
    """Yield the arrows; the box of node i is number i + 1."""
    for number, node in enumerate(plan.nodes):
        yield Edge(0 if node.previous is None else node.previous + 1, number + 1, "skip")
    for number in plan.outputs:
        yield Edge(number + 1, len(plan.nodes) + 1, "output")


def _text_box(text: str) -> Markup:
    lines = textwrap.wrap(text, width=44, max_lines=20, placeholder=" ...")
    height = 20 * len(lines) + 20
    outline = tag("rect", x=1, y=1, width=358, height=height - 2, rx=5, fill=END, stroke=FAINT)
    written = (
        tag("text", line, x=14, y=26 + 20 * number, fill=TEXT) for number, line in enumerate(lines)
    )
    return picture(Drawing(join(outline, *written), 360, height), title="An architecture")


PICTURES: Mapping[type, Picture] = {
    CnnPlan: Picture(
        _draw_cnn,
        "Blue: a layer takes the output of an earlier one; the inputs of a layer are joined in "
        "depth. Grey, dotted: a layer without inputs takes the image. Orange, dashed: the "
        "classifier takes every output that no layer took. The bars compare numbers of filters.",
    ),
    MacroPlan: Picture(
        _draw_macro,
        "Blue: a layer takes the output above it, and joins what it makes of that with those that "
        "arcs bring. Where height and width are halved, the channels double. The bars compare "
        "channels.",
    ),
    MicroPlan: Picture(
        _draw_micro,
        "Each node is the sum of two operations on earlier numbers. Orange, dashed: what no node "
        "takes, together the cell's output. Sep is a separable convolution, avg and max are "
        "pooling.",
    ),
    NasNetPlan: Picture(
        _draw_nasnet,
        "Each block makes one state of two operations on earlier numbers. Orange, dashed: what the "
        "cell puts out. Sep is a separable convolution, done twice; avg and max are pooling.",
    ),
    RnnPlan: Picture(
        _draw_rnn,
        "Each node applies its function to an earlier node, and passes a learnt share of that node "
        "on unchanged. Orange, dashed: the nodes whose mean is the new state.",
    ),
    NasRnnPlan: Picture(draw_tree, TREE_KEY),
}
"""By the class of the plan."""
