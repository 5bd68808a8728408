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
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import cast, get_args

from nas_lib.architecture import Architecture
from nas_lib.config import EnasRnnSpaceConfig
from nas_lib.config.spaces import RnnFunction
from nas_lib.errors import ArchitectureError
from nas_lib.spaces.decisions import Anchor, Choice, Decision, Pointer, check_tokens
from nas_lib.spaces.published import published_tokens

_FUNCTIONS = "|".join(get_args(RnnFunction))
_UNITS = re.compile(r"([1-9]\d*) units")
_NODE = re.compile(rf"(?P<function>{_FUNCTIONS})(?:\((?P<previous>\d+)\))?")
_MEAN = re.compile(r"mean of (\d+(?:,\d+)*)")


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

    hidden: int
    nodes: tuple[RnnNode, ...]
    outputs: tuple[int, ...]

    def __str__(self) -> str:
        mean = f"mean of {','.join(map(str, self.outputs))}"
        return " | ".join([f"{self.hidden} units", *map(str, self.nodes), mean])


def loose_ends(nodes: Sequence[RnnNode]) -> tuple[int, ...]:
    """Return the nodes that no node takes."""
    taken = {node.previous for node in nodes}
    return tuple(number for number in range(len(nodes)) if number not in taken)


def parse_rnn(config: str) -> RnnPlan:
    """Return the cell that a configuration string spells out.

    Raises:
        ArchitectureError: The text has another form, or a node takes itself or a later one.
    """
    parts = config.split(" | ")
    nodes = parts[1:-1]
    size, averaged = _UNITS.fullmatch(parts[0]), _MEAN.fullmatch(parts[-1])
    if size is None or averaged is None or not nodes:
        raise ArchitectureError(
            "an enas-rnn cell must read like '800 units | tanh | relu(0) | mean of 1', "
            f"got {config!r}"
        )
    plan = RnnPlan(
        int(size[1]),
        tuple(map(_parse_node, nodes, range(len(nodes)))),
        outputs=tuple(map(int, averaged[1].split(","))),
    )
    _check_outputs(plan)
    return plan


class EnasRnnSpace:
    """The space of one `EnasRnnSpaceConfig`."""

    name = "enas-rnn"
    max_depth = 1

    def __init__(self, config: EnasRnnSpaceConfig) -> None:
        self._config = config
        self._has_fixed_node = config.variant == "enas_lm"

    @property
    def num_nodes(self) -> int:
        """All nodes of a cell, node 0 included."""
        return self._config.nodes + self._has_fixed_node

    def depth(self, num_children: int) -> int:
        """Return 1: every architecture has the same decisions."""
        return 1

    def decisions(self, depth: int) -> tuple[Decision, ...]:
        """Return the decisions, in the order of the published code."""
        function = Choice("function", len(self._config.functions))
        first = [Anchor("node")] if self._has_fixed_node else [function, Anchor("node")]
        others = (
            decision
            for number in range(1, self.num_nodes)
            for decision in (Pointer("node", number, marks=True), function)
        )
        return (*first, *others)

    def decode(self, tokens: Sequence[int]) -> Architecture:
        """Return the architecture of these tokens, as it is trained from scratch."""
        plan = self.plan(tokens, hidden=self._config.child.hidden)
        return Architecture(self.name, tuple(tokens), str(plan))

    def plan(self, tokens: Sequence[int], *, hidden: int) -> RnnPlan:
        """Return the cell of these tokens with so many units.

        Raises:
            ArchitectureError: These are no tokens of this space.
        """
        check_tokens(self.decisions(1), tokens)
        functions, rest = self._config.functions, iter(tokens)
        first = RnnNode("tanh" if self._has_fixed_node else functions[next(rest)])
        others = [RnnNode(functions[next(rest)], previous) for previous in rest]
        nodes = (first, *others)
        return RnnPlan(hidden, nodes, self._outputs(nodes))

    def encode(self, architecture: Architecture) -> tuple[int, ...]:
        """Return the tokens of this architecture."""
        plan = parse_rnn(architecture.config)
        tokens = tuple(self._encode_nodes(plan.nodes))
        if self.decode(tokens).config != architecture.config:
            raise ArchitectureError(f"not an architecture of this space: {architecture.config}")
        return tokens

    def from_published(self, text: str) -> Architecture:
        """Return the architecture that the published code writes like `0 2 1 0 2 1 2 2`.

        The numbers are this space's tokens.

        Raises:
            ArchitectureError: The text has another form, or other numbers than this space.
        """
        return self.decode(published_tokens(text))

    def _outputs(self, nodes: Sequence[RnnNode]) -> tuple[int, ...]:
        return tuple(range(1, len(nodes))) if self._has_fixed_node else loose_ends(nodes)

    def _encode_nodes(self, nodes: Iterable[RnnNode]) -> Iterator[int]:
        for node in nodes:
            if node.previous is not None:
                yield node.previous
            elif self._has_fixed_node:
                continue
            if node.function not in self._config.functions:
                raise ArchitectureError(
                    f"function must be one of {list(self._config.functions)}, got {node.function}"
                )
            yield self._config.functions.index(node.function)


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
