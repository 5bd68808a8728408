"""Recurrent cells as trees (NAS, Zoph & Le 2017, sections 3.4 and 4.2).

The cell is a complete binary tree over `base` leaves. Each leaf combines two products, of the word
and of the last output, and applies an activation; each other node combines two nodes and applies
another. Nodes are numbered from the first leaf to the root; of 8 leaves, leaves are 0 to 7, node 8
takes 0 and 1, and the root is 14. Then one node's value is injected with the last memory, and
one node's combination, before its activation, is the new memory.

Tokens, in the order of the paper: combination and activation of each node; the same of what is
injected (Cell Inject); the node that is the new memory, and the one that is injected (Cell Index).
Of base 8 these are 34 tokens, and 8^15 8 15^2 = 6.3e16 cells of two combinations and four
activations.

The paper does not say what happens where the root is injected: here its injected value is the
output. Nor where one node is both: here the new memory is what was combined before any injection,
as for all others. Cells that differ only in which of two nodes is on the left are told apart, as in
its number of cells, although with weights exchanged alike they compute the same.

The configuration string names each node, and reads like

    2 layers, 200 units | add tanh | mul relu | mul sigmoid | inject add relu into 0 | memory of 1

which is the paper's example of base 2.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Final, Literal, Self, cast, get_args

from pydantic import Field, field_validator, model_validator

from nas_lib.bounds import MOST_LAYERS, Many, Width
from nas_lib.errors import ArchitectureError, ConfigError
from nas_lib.part import Part
from nas_lib.spaces.decisions import Choice, Decision, check_tokens
from nas_lib.spaces.growth import WIDTHS, Growth
from nas_lib.spaces.space import OptionsPart, PlannedSpace, SizeConfig, Space, option_index

TreeCombination = Literal["add", "mul", "max"]
TreeActivation = Literal["identity", "tanh", "sigmoid", "relu", "sin"]
_NUM_NODES = (3, 7, 15, 31, 63)  # of base 2, 4, 8, 16 and 32
_KINDS = f"({'|'.join(get_args(TreeCombination))}) ({'|'.join(get_args(TreeActivation))})"
_SIZE = re.compile(r"([1-9]\d*) layers?, ([1-9]\d*) units")
_NODE = re.compile(_KINDS)
_INJECT = re.compile(rf"inject {_KINDS} into (\d+)")
_MEMORY = re.compile(r"memory of (\d+)")
_HIDDEN: Final = 200


class LayersConfig(Part):
    """Size of a language model of several layers."""

    layers: int = Field(2, ge=1, le=MOST_LAYERS, description="Cells, one on top of the other.")
    hidden: Width | None = Field(
        None,
        description=f"Units of the state, and size of a word's embedding; unset: {_HIDDEN}, or as "
        "`parameters` has it.",
    )
    parameters: Many | None = Field(
        None,
        description="Of the whole network: `hidden` becomes what comes nearest to as many, "
        "once the vocabulary is known.",
    )

    @model_validator(mode="after")
    def _check_one_size(self) -> Self:
        if self.hidden is not None and self.parameters is not None:
            raise ValueError(
                "hidden and parameters both say how large a network is: leave out one, or set it "
                "to null"
            )
        return self

    @property
    def units(self) -> int:
        """Units of the state.

        Raises:
            ConfigError: They follow from the vocabulary, which is not known here.
        """
        if self.parameters is not None:
            raise ConfigError(
                f"space.child.parameters of {self.parameters:,} makes networks of a size that "
                "follows from the vocabulary: it is known once the data are prepared"
            )
        return self.hidden or _HIDDEN


class NasRnnSpaceConfig(OptionsPart):
    """Recurrent cells: a tree of combinations and activations (Zoph & Le 2017, 3.4)."""

    tasks: ClassVar[tuple[str, ...]] = ("text", "translation")
    sizes: ClassVar[tuple[str, ...]] = ("hidden", "parameters", "multiply_adds")

    kind: Literal["nas-rnn"] = "nas-rnn"
    base: int = Field(8, ge=2, le=32, description="Leaves of the tree, a power of two.")
    combinations: tuple[TreeCombination, ...] = Field(
        ("add", "mul"),
        min_length=1,
        description="How two values become one, in the order of the tokens; max besides.",
    )
    activations: tuple[TreeActivation, ...] = Field(
        ("identity", "tanh", "sigmoid", "relu"),
        min_length=1,
        description="What a node may apply, in the order of the tokens; sin besides.",
    )
    child: LayersConfig = Field(
        default_factory=LayersConfig, description="Of networks trained from scratch."
    )

    @field_validator("base")
    @classmethod
    def _check_base(cls, base: int) -> int:
        if base & (base - 1):
            raise ValueError(f"base must be a power of two (2, 4, 8, 16 or 32), got {base}")
        return base

    def growths(self, size: SizeConfig) -> Iterator[Growth]:
        """Yield the one way to grow: by units of the state."""
        if size.hidden is None:
            yield Growth("hidden", WIDTHS, wanted=self.child.hidden or _HIDDEN)

    @property
    def target(self) -> int | None:
        """As the child's settings have it."""
        return self.child.parameters

    def _resized(self, **size: int) -> dict[str, Any]:
        """Return another size in place of the one that there is, which may be a target."""
        resized = super()._resized(**size)
        return {"child": {**resized["child"], "parameters": None}}

    def build(self, given: Space | None = None) -> NasRnnSpace:
        """Return the space."""
        return NasRnnSpace(self)


@dataclass(frozen=True)
class TreeNode:
    """How two values become one, and what is applied to that."""

    combination: TreeCombination
    activation: TreeActivation

    def __str__(self) -> str:
        return f"{self.combination} {self.activation}"


@dataclass(frozen=True)
class Tree:
    """A cell, of no size yet; as text what follows the size in a configuration string.

    Attributes:
        nodes: From the first leaf to the root.
        inject: How the last memory gets into a node's value ...
        injected: ... and into which node's.
        memory: The node whose combination, before its activation, is the new memory.
    """

    nodes: tuple[TreeNode, ...]
    inject: TreeNode
    injected: int
    memory: int

    @property
    def base(self) -> int:
        """Leaves."""
        return (len(self.nodes) + 1) // 2

    def parents(self) -> Iterator[tuple[int, int, int]]:
        """Yield the number of each node that is no leaf, and those of the two that it takes."""
        for number in range(self.base, len(self.nodes)):
            left = 2 * (number - self.base)
            yield number, left, left + 1

    def __str__(self) -> str:
        parts = [*self.nodes, f"inject {self.inject} into {self.injected}"]
        return " | ".join([*map(str, parts), f"memory of {self.memory}"])

    @classmethod
    def parse(cls, parts: Sequence[str]) -> Tree:
        """Return the cell of the parts of a configuration string that follow the size.

        Raises:
            ArchitectureError: They have another form, or are none of a complete tree.
        """
        nodes = parts[:-2]
        inject = _INJECT.fullmatch(parts[-2]) if len(parts) > 2 else None
        memory = _MEMORY.fullmatch(parts[-1]) if inject else None
        if inject is None or memory is None:
            raise ArchitectureError(
                "a nas-rnn cell must end like '| inject add relu into 0 | memory of 1', "
                f"got {' | '.join(parts[-2:])!r}"
            )
        if len(nodes) not in _NUM_NODES:
            raise ArchitectureError(
                f"a complete tree has 3, 7, 15, 31 or 63 nodes, got {len(nodes)}"
            )
        found = cls(
            tuple(map(_parsed_node, range(len(nodes)), nodes)),
            _node(inject[1], inject[2]),
            injected=int(inject[3]),
            memory=int(memory[1]),
        )
        for what, number in (
            ("last memory can be injected into", found.injected),
            ("new memory can be of", found.memory),
        ):
            if number >= len(nodes):
                raise ArchitectureError(f"the {what} nodes 0 to {len(nodes) - 1}, got {number}")
        return found


@dataclass(frozen=True)
class NasRnnPlan:
    """A language model of such cells; as text its configuration string.

    Attributes:
        layers: Cells, one on top of the other.
        hidden: Units of the state, and size of a word's embedding.
        tree: The cell.
    """

    network: ClassVar[str] = "nas_lib.networks.nas_rnn:TreeModel"
    layer: ClassVar[str] = "nas_lib.networks.nas_rnn:NasRnnLayer"

    layers: int
    hidden: int
    tree: Tree

    def __str__(self) -> str:
        layers = "1 layer" if self.layers == 1 else f"{self.layers} layers"
        return f"{layers}, {self.hidden} units | {self.tree}"

    @classmethod
    def parse(cls, text: str) -> NasRnnPlan:
        """Return the network that a configuration string spells out.

        Raises:
            ArchitectureError: The text has another form, or a node that there is not.
        """
        size, *parts = text.split(" | ")
        match = _SIZE.fullmatch(size)
        if match is None:
            raise ArchitectureError(
                f"a nas-rnn network must begin like '2 layers, 200 units | add tanh', got {size!r}"
            )
        found = cls(int(match[1]), int(match[2]), Tree.parse(parts))
        if str(found) != text:  # 1 layers, 02
            raise ArchitectureError(f"this must read {str(found)!r}, got {text!r}")
        return found

    @property
    def brief(self) -> str:
        """Its size, and its nodes."""
        nodes = " ".join(f"{_SIGNS[node.combination]}{node.activation}" for node in self.tree.nodes)
        return f"{self.layers} x {self.hidden} units: {nodes}"

    @property
    def num_layers(self) -> int:
        """Cells, one on top of the other."""
        return self.layers


_SIGNS: dict[TreeCombination, str] = {"add": "+", "mul": "*", "max": "^"}


class NasRnnSpace(PlannedSpace[NasRnnPlan]):
    """The space of one `NasRnnSpaceConfig`."""

    name = "nas-rnn"
    plan_class = NasRnnPlan

    def __init__(self, config: NasRnnSpaceConfig) -> None:
        self._config = config

    @property
    def num_nodes(self) -> int:
        """Of the tree."""
        return 2 * self._config.base - 1

    def decisions(self, depth: int) -> tuple[Decision, ...]:
        """Return the decisions, in the order of the paper."""
        block = (
            Choice("combination", len(self._config.combinations)),
            Choice("activation", len(self._config.activations)),
        )
        index = (Choice("memory", self.num_nodes), Choice("injected", self.num_nodes))
        return (*block * (self.num_nodes + 1), *index)

    def plan(self, tokens: Sequence[int]) -> NasRnnPlan:
        """Return the network of these tokens, as it is trained from scratch."""
        check_tokens(self.decisions(1), tokens)
        combinations, activations = self._config.combinations, self._config.activations
        *blocks, memory, injected = tokens
        pairs = zip(blocks[::2], blocks[1::2], strict=True)
        *nodes, inject = [TreeNode(combinations[one], activations[other]) for one, other in pairs]
        tree = Tree(tuple(nodes), inject, injected=injected, memory=memory)
        return NasRnnPlan(self._config.child.layers, self._config.child.units, tree)

    def _tokens_of(self, plan: NasRnnPlan) -> Iterator[int]:
        tree = plan.tree
        for node in (*tree.nodes, tree.inject):
            yield option_index(self._config.combinations, node.combination, "combination")
            yield option_index(self._config.activations, node.activation, "activation")
        yield from (tree.memory, tree.injected)


def _parsed_node(number: int, text: str) -> TreeNode:
    match = _NODE.fullmatch(text)
    if match is None:
        raise ArchitectureError(
            f"node {number} must read like 'add tanh', with one of "
            f"{', '.join(get_args(TreeCombination))} and one of "
            f"{', '.join(get_args(TreeActivation))}, got {text!r}"
        )
    return _node(*match.groups())


def _node(combination: str, activation: str) -> TreeNode:
    return TreeNode(cast(TreeCombination, combination), cast(TreeActivation, activation))
