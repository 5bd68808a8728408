"""Decisions of the shapes that spaces have."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

from nas_lib.config import NasNetSpaceConfig, NasRnnSpaceConfig
from nas_lib.spaces.decisions import Anchor, Choice, Decision, Pointer, Subset


def all_tokens(decisions: Sequence[Decision]) -> list[tuple[int, ...]]:
    """Every token sequence that answers these decisions."""
    ranges = [
        range(decision.num_values) for decision in decisions for _ in range(decision.num_tokens)
    ]
    return list(itertools.product(*ranges))


def cnn_decisions(num_layers: int, num_options: int = 4) -> tuple[Decision, ...]:
    """Those of a convolutional space: three choices per layer, then its inputs."""
    return tuple(
        decision
        for layer in range(num_layers)
        for decision in (
            Choice("filter_height", num_options),
            Choice("filter_width", num_options),
            Choice("num_filters", num_options),
            Subset("skip", layer),
        )
    )


def macro_decisions(num_layers: int, num_operations: int) -> tuple[Decision, ...]:
    """Those of whole ENAS networks: a choice per layer, then its skip connections."""
    return tuple(
        decision
        for layer in range(num_layers)
        for decision in (Choice("operation", num_operations), Subset("skip", layer))
    )


def micro_decisions(
    num_nodes: int, num_operations: int, num_cells: int = 2
) -> tuple[Decision, ...]:
    """Those of ENAS cells: two inputs each, then two pointers and two choices per node."""
    cell: tuple[Decision, ...] = (Anchor("node", gives="key"),) * 2
    for node in range(num_nodes):
        pointer, operation = Pointer("node", 2 + node), Choice("operation", num_operations)
        cell += (pointer, pointer, operation, operation, Anchor("node"))
    return num_cells * cell


def rnn_decisions(num_nodes: int, num_functions: int) -> tuple[Decision, ...]:
    """Those of ENAS recurrent cells: pointers that are anchors themselves, each with a choice."""
    nodes = tuple(
        decision
        for node in range(num_nodes)
        for decision in (
            Pointer("node", 1 + node, marks=True),
            Choice("function", num_functions),
        )
    )
    return (Anchor("node", gives="nothing"), *nodes)


SPACES: dict[str, tuple[Decision, ...]] = {
    "cnn": cnn_decisions(3),
    "macro": macro_decisions(4, 6),
    "micro": micro_decisions(2, 5),
    "rnn": rnn_decisions(4, 4),
    "nasnet": NasNetSpaceConfig(blocks=2).build().decisions(1),
    "trees": NasRnnSpaceConfig(base=2).build().decisions(1),
}
