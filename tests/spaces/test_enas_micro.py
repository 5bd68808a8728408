from __future__ import annotations

import pytest
from hypothesis import strategies as st
from published_arcs import MICRO
from space_contract import Example, PublishedSpaceContract, Tokens
from space_strategies import micro_configs

from nas_lib.config import CellsConfig, EnasMicroSpaceConfig
from nas_lib.spaces import (
    Anchor,
    Choice,
    EnasMicroSpace,
    MicroPlan,
    Pointer,
    SizeConfig,
    SpacePart,
    space_size,
)
from nas_lib.spaces.cells import Edge
from nas_lib.spaces.enas_micro import loose_ends, reduction_cells

SMALL = EnasMicroSpace(
    EnasMicroSpaceConfig(nodes=2, child=CellsConfig(cells=3, filters=8)),
)
#         node 2      node 3    | those of the reduction cell
TOKENS = (0, 1, 0, 3, 2, 1, 1, 4, 0, 0, 2, 2, 1, 1, 0, 0)
CONFIG = (
    "3 cells, 8 filters | normal: sep3(0)+max3(1) identity(1)+sep5(2) "
    "| reduction: avg3(0)+avg3(0) sep3(1)+sep3(1)"
)
POOLED = CONFIG.replace("identity(1)", "avg3(1)")


class TestEnasMicroSpace(PublishedSpaceContract):
    configs = micro_configs()
    sizes = st.builds(
        SizeConfig, cells=st.none() | st.sampled_from([3, 6]), filters=st.none() | st.integers(1, 5)
    )
    example = Example(
        SMALL,
        TOKENS,
        CONFIG,
        "e007c6ca3f88",
        "3 cells, 8 filters | normal: sep3+max3 identity+sep5 | reduction: avg3+avg3 sep3+sep3",
    )
    misspelt = [
        (CONFIG.replace("3 cells", "four cells"), "must read like '15 cells, 36 filters"),
        (CONFIG.replace("3 cells", "4 cells"), "must be a multiple of 3, a third each, got 4"),
        (CONFIG.replace("8 filters", "0 filters"), "must read like '15 cells, 36 filters"),
        (CONFIG.replace(" | reduction", " | other"), "must read like '15 cells, 36 filters"),
        (
            CONFIG.replace("max3(1)", "conv3(1)"),
            r"node 2 of the normal cell must read like .*conv3\(1\)'",
        ),
        (
            CONFIG.replace("sep5(2)", "sep5(3)"),
            "node 3 of the normal cell can take 0 to 2 in ascending order",
        ),
        (
            CONFIG.replace("sep3(0)+max3(1)", "max3(1)+sep3(0)"),
            "node 2 of the normal cell can take 0 to 1 in ascending order",
        ),
        (
            CONFIG.replace("avg3(0)+avg3(0)", "avg3(0)"),
            r"node 2 of the reduction cell must read .*'avg3\(0\)'",
        ),
    ]
    narrow = EnasMicroSpace(
        EnasMicroSpaceConfig(
            nodes=2,
            operations=("sep3", "sep5", "avg3", "max3"),
            child=CellsConfig(cells=3, filters=8),
        )
    )
    strangers = [
        (POOLED.replace("3 cells", "6 cells"), "not an architecture of this space: 6 cells"),
        (POOLED.replace("8 fil", "9 fil"), "not an architecture of this space: 3 cells, 9 filters"),
        (POOLED.replace(" sep3(1)+sep3(1)", ""), "expected 16 tokens"),
        (CONFIG, r"operation must be one of \['sep3', .* got identity"),
    ]
    unpublished = [
        ("0 0 1 -3", "numbers with blanks between, got '-3'"),
        ("0 0 1 3", "expected 16 tokens .* got 4"),
        ("0 0 1 3 2", "expected 16 tokens .* got 5"),
        ("0 0 2 3" + " 0" * 12, r"token 1 \(node\) must be in \[0, 2\), got 2"),
    ]

    def resized(self, plan: MicroPlan, size: SizeConfig) -> MicroPlan:
        return MicroPlan(
            size.cells or plan.cells, size.filters or plan.filters, plan.normal, plan.reduction
        )

    def meaning(self, config: SpacePart, tokens: Tokens) -> object:
        """A node's two edges have no order."""
        nodes = (tokens[at : at + 4] for at in range(0, len(tokens), 4))
        return [sorted([(one, a), (other, b)]) for one, other, a, b in nodes]

    def published(self, tokens: Tokens) -> Tokens:
        nodes = (tokens[at : at + 4] for at in range(0, len(tokens), 4))
        return tuple(number for one, other, a, b in nodes for number in (one, a, other, b))


def test_each_node_chooses_two_inputs_and_then_two_operations_and_can_be_taken_itself() -> None:
    cell = (
        Anchor("node", gives="key"),
        Anchor("node", gives="key"),
        *(Pointer("node", 2), Pointer("node", 2), Choice("operation", 5), Choice("operation", 5)),
        Anchor("node"),
        *(Pointer("node", 3), Pointer("node", 3), Choice("operation", 5), Choice("operation", 5)),
        Anchor("node"),
    )

    assert SMALL.decisions(1) == cell + cell  # the normal cell, then the reduction cell


def test_the_size_counts_every_token_sequence() -> None:
    size = space_size(EnasMicroSpace(EnasMicroSpaceConfig()), 1)

    # A cell: (2 x 3 x 4 x 5 x 6 inputs)^2 x (5^5 operations)^2. The paper's (5 x 5!)^4 = 1.3e11
    # counts one operation instead of one per node, and one input fewer for each.
    assert size == (720 * 5**5) ** 4
    assert size == pytest.approx(2.56e25, rel=0.01)


def test_a_configuration_string_says_all_that_is_built() -> None:
    plan = MicroPlan.parse(CONFIG)

    assert (plan.cells, plan.filters) == (3, 8)
    assert plan.normal[1] == (Edge(1, "identity"), Edge(2, "sep5"))
    assert plan.reduction[0] == (Edge(0, "avg3"), Edge(0, "avg3"))


def test_a_reduction_cell_follows_each_of_the_first_two_thirds() -> None:
    # 3: N R N R N, 6: NN R NN R NN
    assert [reduction_cells(num) for num in (3, 6, 15)] == [(1, 3), (2, 5), (5, 11)]


def test_what_no_node_takes_is_a_loose_end_inputs_too() -> None:
    plan = MicroPlan.parse(CONFIG)

    assert loose_ends(plan.normal) == (3,)
    assert loose_ends(plan.reduction) == (2, 3)
    assert loose_ends(((Edge(1, "sep3"), Edge(1, "sep3")),)) == (0, 2)


def test_the_published_architecture_is_read() -> None:
    architecture = EnasMicroSpace(EnasMicroSpaceConfig()).from_published(MICRO)
    plan = MicroPlan.parse(architecture.config)

    assert plan.normal[0] == (Edge(0, "avg3"), Edge(0, "sep3"))  # 0 2 0 0
    assert plan.normal[4] == (Edge(0, "avg3"), Edge(1, "sep5"))  # 0 2 1 1
    assert plan.reduction[2] == (Edge(1, "sep5"), Edge(3, "sep5"))  # 1 1 3 1
    assert loose_ends(plan.normal) == (2, 3, 4, 5, 6)
    assert loose_ends(plan.reduction) == (2, 4, 5, 6)
    assert architecture.tokens[:4] == (0, 0, 2, 0)


def test_a_sum_has_no_order() -> None:
    swapped = (1, 0, 3, 0, *TOKENS[4:])

    assert swapped != TOKENS
    assert SMALL.decode(swapped).id == SMALL.decode(TOKENS).id
