"""Pictures of what ENAS searches for: whole networks, cells of networks, and recurrent cells."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from nas_lib.config.spaces import MacroOperation, MicroOperation
from nas_lib.report.column import (
    CONV,
    END,
    POOL,
    Box,
    Drawing,
    Edge,
    column,
    picture,
    stacked,
)
from nas_lib.report.markup import Markup
from nas_lib.spaces import enas_micro
from nas_lib.spaces.enas_macro import MacroPlan, parse_macro, pools_after
from nas_lib.spaces.enas_micro import NUM_INPUTS, Cell, parse_micro
from nas_lib.spaces.enas_rnn import RnnPlan, parse_rnn

_OPERATIONS: Mapping[MacroOperation | MicroOperation, str] = {
    "conv3": "conv 3x3",
    "conv5": "conv 5x5",
    "sep3": "sep 3x3",
    "sep5": "sep 5x5",
    "avg3": "avg pool 3x3",
    "max3": "max pool 3x3",
    "identity": "identity",
}
_WITHOUT_WEIGHTS = ("avg3", "max3", "identity")


@dataclass(frozen=True)
class SpacePicture:
    """How the architectures of a space are drawn, and what the drawing means."""

    draw: Callable[[str], Markup]
    key: str


def _draw_macro(config: str) -> Markup:
    plan = parse_macro(config)
    drawing = column(list(_macro_boxes(plan)), list(_macro_edges(plan)))
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


def _draw_micro(config: str) -> Markup:
    plan = parse_micro(config)
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
    return column([*boxes, Box("loose ends, joined in depth")], edges)


def _short(operation: MicroOperation) -> str:
    return _OPERATIONS[operation].replace(" pool", "")


def _draw_rnn(config: str) -> Markup:
    plan = parse_rnn(config)
    drawing = column(_rnn_boxes(plan), list(_rnn_edges(plan)))
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


ENAS_PICTURES: Mapping[str, SpacePicture] = {
    "enas-macro": SpacePicture(
        _draw_macro,
        "Blue: a layer takes the output above it, and joins what it makes of that with those that "
        "arcs bring. Where height and width are halved, the channels double. The bars compare "
        "channels.",
    ),
    "enas-micro": SpacePicture(
        _draw_micro,
        "Each node is the sum of two operations on earlier numbers. Orange, dashed: what no node "
        "takes, together the cell's output. Sep is a separable convolution, avg and max are "
        "pooling.",
    ),
    "enas-rnn": SpacePicture(
        _draw_rnn,
        "Each node applies its function to an earlier node, and passes a learnt share of that node "
        "on unchanged. Orange, dashed: the nodes whose mean is the new state.",
    ),
}
"""By the space's name."""
