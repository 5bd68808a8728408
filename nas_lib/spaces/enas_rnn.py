"""Recurrent cells (ENAS, Pham et al. 2018, section 2.1).

A cell is nodes in a row. Node 0 takes the word and the cell's last state; every other node takes
one node before it. The controller decides which, and what function each node applies:

- `enas_lm`, as its code for language models: node 0 is a tanh that nobody decides, N nodes more
  are decided, and the new state is the mean of these N. 2 N tokens: previous node and function of
  each. There are F^N N! cells of F functions.
- `original`, as the paper: N nodes with node 0 among them, and the new state is the mean of the
  loose ends, nodes that no other takes. 2 N - 1 tokens: node 0's function, then pairs as above.
  There are F^N (N - 1)! cells.

The configuration string has one part per node, and says which are averaged:

    800 units | tanh | relu(0) | relu(1) | tanh(0) | mean of 2,3

that is the size of the state, and each node's function and, in brackets, the node that it takes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal, cast, get_args

from pydantic import Field

from nas_lib.architecture import Architecture
from nas_lib.bounds import Width
from nas_lib.errors import ArchitectureError
from nas_lib.part import Part
from nas_lib.spaces.decisions import Anchor, Choice, Decision, Pointer, check_tokens
from nas_lib.spaces.growth import WIDTHS, Growth
from nas_lib.spaces.space import (
    OptionsPart,
    PlannedSpace,
    SizeConfig,
    Space,
    option_index,
    published_tokens,
)

RnnFunction = Literal["tanh", "relu", "sigmoid", "identity"]
_FUNCTIONS = "|".join(get_args(RnnFunction))
_UNITS = re.compile(r"([1-9]\d*) units")
_NODE = re.compile(rf"(?P<function>{_FUNCTIONS})(?:\((?P<previous>\d+)\))?")
_MEAN = re.compile(r"mean of (\d+(?:,\d+)*)")


class HiddenConfig(Part):
    """Size of a recurrent network."""

    hidden: Width = Field(description="Units of the state, and size of a word's embedding.")


class EnasRnnSpaceConfig(OptionsPart):
    """Recurrent cells: an earlier node and an activation function per node (ENAS, 2.1)."""

    tasks: ClassVar[tuple[str, ...]] = ("text", "translation")
    super_network: ClassVar[str] = "nas_lib.shared_weights.rnn:RnnSuperNetwork"
    sizes: ClassVar[tuple[str, ...]] = ("hidden", "parameters", "multiply_adds")

    kind: Literal["enas-rnn"] = "enas-rnn"
    nodes: int = Field(8, ge=1, le=50, description="Nodes whose input and function are decided.")
    functions: tuple[RnnFunction, ...] = Field(
        ("tanh", "relu", "sigmoid", "identity"),
        min_length=1,
        description="What a node may apply, in the order of the tokens.",
    )
    variant: Literal["enas_lm", "original"] = Field(
        "enas_lm",
        description="enas_lm: a fixed tanh node before the others, and the mean of all these; "
        "original: the first node's function is decided too, and the mean of the loose ends.",
    )
    weights_per: Literal["edge_and_function", "edge"] = Field(
        "edge_and_function", description="What has shared weights of its own."
    )
    batch_norm: bool = Field(
        False,
        description="Normalise nodes and output under shared weights, as the code first published "
        "for PTB; children have none.",
    )
    shared: HiddenConfig = Field(
        HiddenConfig(hidden=200), description="Of the network that owns the shared weights."
    )
    child: HiddenConfig = Field(
        HiddenConfig(hidden=800), description="Of networks trained from scratch."
    )

    @property
    def num_options(self) -> int:
        """Options of each choice."""
        return len(self.functions)

    def growths(self, size: SizeConfig) -> Iterator[Growth]:
        """Yield the one way to grow: by units of the state."""
        if size.hidden is None:
            yield Growth("hidden", WIDTHS, wanted=self.child.hidden)

    def build(self, given: Space | None = None) -> EnasRnnSpace:
        """Return the space."""
        return EnasRnnSpace(self)


@dataclass(frozen=True)
class RnnNode:
    """One node.

    Attributes:
        function: What it applies.
        previous: The node that it takes; None for node 0, which takes word and state.
    """

    function: RnnFunction
    previous: int | None = None

    def __str__(self) -> str:
        return self.function if self.previous is None else f"{self.function}({self.previous})"


@dataclass(frozen=True)
class RnnPlan:
    """A cell as it is built; as text its configuration string.

    Attributes:
        hidden: Units of the state, and size of a word's embedding.
        nodes: In order, node 0 first.
        outputs: The nodes whose mean is the new state, ascending.
    """

    network: ClassVar[str] = "nas_lib.networks.language_model:CellModel"
    layer: ClassVar[str] = "nas_lib.networks.enas_rnn:EnasRnnLayer"

    hidden: int
    nodes: tuple[RnnNode, ...]
    outputs: tuple[int, ...]

    def __str__(self) -> str:
        mean = f"mean of {','.join(map(str, self.outputs))}"
        return " | ".join([f"{self.hidden} units", *map(str, self.nodes), mean])

    @classmethod
    def parse(cls, text: str) -> RnnPlan:
        """Return the cell that a configuration string spells out.

        Raises:
            ArchitectureError: The text has another form, or a node takes itself or a later one.
        """
        parts = text.split(" | ")
        nodes = parts[1:-1]
        size, averaged = _UNITS.fullmatch(parts[0]), _MEAN.fullmatch(parts[-1])
        if size is None or averaged is None or not nodes:
            raise ArchitectureError(
                "an enas-rnn cell must read like '800 units | tanh | relu(0) | mean of 1', "
                f"got {text!r}"
            )
        plan = cls(
            int(size[1]),
            tuple(map(_parse_node, nodes, range(len(nodes)))),
            outputs=tuple(map(int, averaged[1].split(","))),
        )
        _check_outputs(plan)
        return plan

    @property
    def brief(self) -> str:
        """Its size, and its nodes' functions."""
        return f"{self.hidden} units: {' '.join(node.function for node in self.nodes)}"

    @property
    def num_layers(self) -> None:
        """A cell has none."""
        return


def loose_ends(nodes: Sequence[RnnNode]) -> tuple[int, ...]:
    """Return the nodes that no node takes."""
    taken = {node.previous for node in nodes}
    return tuple(number for number in range(len(nodes)) if number not in taken)


class EnasRnnSpace(PlannedSpace[RnnPlan]):
    """The space of one `EnasRnnSpaceConfig`."""

    name = "enas-rnn"
    plan_class = RnnPlan

    def __init__(self, config: EnasRnnSpaceConfig) -> None:
        self._config = config
        self._has_fixed_node = config.variant == "enas_lm"

    @property
    def num_nodes(self) -> int:
        """All nodes of a cell, node 0 included."""
        return self._config.nodes + self._has_fixed_node

    def decisions(self, depth: int) -> tuple[Decision, ...]:
        """Return the decisions, in the order of the published code of each variant."""
        function = Choice("function", len(self._config.functions))
        # Of a node that is fixed, the controller of enas_lm has no step. The first code has one of
        # every node, also of the first, before its function.
        fixed = (Anchor("node", gives="nothing"),)
        first = fixed if self._has_fixed_node else (Anchor("node"), function)
        others = (
            decision
            for number in range(1, self.num_nodes)
            for decision in (Pointer("node", number, marks=True), function)
        )
        return (*first, *others)

    def plan(self, tokens: Sequence[int]) -> RnnPlan:
        """Return the cell of these tokens, as it is trained from scratch."""
        check_tokens(self.decisions(1), tokens)
        functions, rest = self._config.functions, iter(tokens)
        first = RnnNode("tanh" if self._has_fixed_node else functions[next(rest)])
        others = [RnnNode(functions[next(rest)], previous) for previous in rest]
        nodes = (first, *others)
        return RnnPlan(self._config.child.hidden, nodes, self._outputs(nodes))

    def _tokens_of(self, plan: RnnPlan) -> Iterator[int]:
        for node in plan.nodes:
            if node.previous is not None:
                yield node.previous
            elif self._has_fixed_node:
                continue
            yield option_index(self._config.functions, node.function, "function")

    def from_published(self, text: str) -> Architecture:
        """Return the architecture that the published code writes like `0 2 1 0 2 1 2 2`.

        The numbers are this space's tokens.

        Raises:
            ArchitectureError: The text has another form, or other numbers than this space.
        """
        return self.decode(published_tokens(text))

    def _outputs(self, nodes: Sequence[RnnNode]) -> tuple[int, ...]:
        return tuple(range(1, len(nodes))) if self._has_fixed_node else loose_ends(nodes)


def _check_outputs(plan: RnnPlan) -> None:
    outputs, last = plan.outputs, len(plan.nodes) - 1
    if list(outputs) != sorted(set(outputs)) or outputs[-1] > last:
        raise ArchitectureError(
            f"a cell is the mean of some of nodes 0 to {last} in ascending order, got {outputs}"
        )
    lost = set(loose_ends(plan.nodes)) - set(outputs)
    if lost:
        raise ArchitectureError(
            f"nodes that no other takes must be in the mean, got {outputs} without {min(lost)}"
        )


def _parse_node(text: str, number: int) -> RnnNode:
    match = _NODE.fullmatch(text)
    if match is None or (match["previous"] is None) != (number == 0):
        form = "'tanh'" if number == 0 else "'relu(0)'"
        raise ArchitectureError(
            f"node {number} must read like {form}, with one of {', '.join(get_args(RnnFunction))}, "
            f"got {text!r}"
        )
    function = cast(RnnFunction, match["function"])
    if number == 0:
        return RnnNode(function)
    if int(match["previous"]) >= number:
        raise ArchitectureError(
            f"node {number} can take nodes 0 to {number - 1}, got {match['previous']}"
        )
    return RnnNode(function, int(match["previous"]))
