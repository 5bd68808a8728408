"""A picture of a recurrent cell that is a tree: leaves on top, the root last."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from markupsafe import Markup

from nas_lib.report.colours import CONV, POOL
from nas_lib.report.diagram import Box, Edge, diagram, picture
from nas_lib.spaces import NasRnnPlan
from nas_lib.spaces.nas_rnn import Tree, TreeCombination, TreeNode

TREE_KEY = (
    "Each leaf weighs the word and the last output by matrices of its own, each other node takes "
    "two nodes. Grey, dotted: what comes from the word, or the last word. A box without a number "
    "changes the value above it by the last memory. Orange, dashed: what goes on; the new memory "
    "is what is in the brackets of its node, before the function."
)
_COMBINED: Mapping[TreeCombination, str] = {
    "add": "{} + {}",
    "mul": "{} x {}",
    "max": "max({}, {})",
}
_WORD, _MEMORY, _FIRST = range(3)  # places: what comes in, and the first leaf


def draw_tree(plan: NasRnnPlan) -> Markup:
    """Return the cell's picture."""
    tree = plan.tree
    drawing = diagram(list(_boxes(tree)), list(_edges(tree)))
    return picture(drawing, title=f"A recurrent cell of {len(tree.nodes)} nodes")


def _boxes(tree: Tree) -> Iterator[Box]:
    yield Box("word and last output")
    yield Box("last memory")
    taken: dict[int, Sequence[object]] = {node: two for node, *two in tree.parents()}
    for number, node in enumerate(tree.nodes):
        text = _applied(node, *taken.get(number, ("word", "output")))
        yield Box(text, POOL if number in taken else CONV, number=str(number))
        if number == tree.injected:
            yield Box(_applied(tree.inject, number, "last memory"), POOL)
    yield Box("output")
    yield Box("new memory")


def _edges(tree: Tree) -> Iterator[Edge]:
    # what is injected has a box of its own, below its node: all later boxes are one further
    places = [number + _FIRST + (number > tree.injected) for number in range(len(tree.nodes))]
    injection = places[tree.injected] + 1
    values = [*places]
    values[tree.injected] = injection
    output = places[-1] + 1 + (tree.injected == len(tree.nodes) - 1)
    for leaf in range(tree.base):
        yield Edge(_WORD, places[leaf], "image")
    yield Edge(_MEMORY, injection, "image")
    yield Edge(injection - 1, injection, "skip")
    for number, left, right in tree.parents():
        yield Edge(values[left], places[number], "skip")
        yield Edge(values[right], places[number], "skip")
    yield Edge(values[-1], output, "output")
    yield Edge(places[tree.memory], output + 1, "output")


def _applied(node: TreeNode, left: object, right: object) -> str:
    combined = _COMBINED[node.combination].format(left, right)
    return combined if node.activation == "identity" else f"{node.activation}({combined})"
