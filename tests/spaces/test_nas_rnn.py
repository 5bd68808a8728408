from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import strategies as st
from pydantic import ValidationError
from space_contract import Example, PlannedSpaceContract, Tokens
from space_strategies import tree_configs

from nas_lib.config import LayersConfig, NasRnnSpaceConfig
from nas_lib.spaces import Choice, NasRnnPlan, NasRnnSpace, SizeConfig, num_tokens, space_size
from nas_lib.spaces.nas_rnn import Tree, TreeNode
from nas_lib.spaces.published import PUBLISHED

PAPER = NasRnnSpaceConfig().build()
SMALLEST = NasRnnSpaceConfig(base=2).build()

# Section 3.4, figure 5: of base 2, with what is printed there for each of its trees
EXAMPLE = (
    "2 layers, 200 units | add tanh | mul relu | mul sigmoid | inject add relu into 0 | memory of 1"
)

CELL = "add tanh | mul relu | mul sigmoid | inject add relu into 0 | memory of 1"


class TestNasRnnSpace(PlannedSpaceContract):
    configs = tree_configs(max_base=4)
    sizes = st.builds(SizeConfig, hidden=st.integers(1, 9))
    example = Example(
        SMALLEST,
        (0, 1, 1, 3, 1, 2, 0, 3, 1, 0),  # each tree's two; those of Cell Inject; Cell Index
        EXAMPLE,
        "34eb3e8b285a",
        "2 x 200 units: +tanh *relu *sigmoid",
    )
    misspelt = [
        ("", "^a nas-rnn network must begin like '2 layers, 200 units | add tanh', got ''$"),
        (f"200 units | {CELL}", "^a nas-rnn network must begin like .*, got '200 units'$"),
        (f"0 layers, 200 units | {CELL}", "must begin like .*, got '0 layers, 200 units'$"),
        (f"2 layers, 0 units | {CELL}", "must begin like .*, got '2 layers, 0 units'$"),
        (f"1 layers, 9 units | {CELL}", "^this must read '1 layer, 9 units .*, got '1 layers, 9"),
        (f"2 layer, 9 units | {CELL}", "^this must read '2 layers, 9 units .*, got '2 layer, 9 u"),
        ("2 layers, 9 units", "must end like '| inject add relu into 0 | memory of 1', got ''$"),
        ("2 layers, 9 units | add tanh", "must end like .*, got 'add tanh'$"),
        (f"2 layers, 9 units | {CELL} ", "must end like .*, got 'inject .* | memory of 1 '$"),
        (
            f"2 layers, 9 units | {CELL.replace('inject add', 'inject pow')}",
            "must end like .*, got 'inject pow relu into 0 | memory of 1'$",
        ),
        (
            f"2 layers, 9 units | {CELL.replace('mul relu', 'mul swish')}",
            "^node 1 must read like 'add tanh', with one of add, mul, max and one of identity, "
            "tanh, sigmoid, relu, sin, got 'mul swish'$",
        ),
        (f"2 layers, 9 units | add | {CELL[11:]}", "^node 0 must read like .*, got 'add'$"),
        (
            f"2 layers, 9 units | max sin | {CELL}",
            "^a complete tree has 3, 7, 15, 31 or 63 nodes, got 4$",
        ),
        (
            f"2 layers, 9 units | {'max sin | ' * 2}{CELL}",
            "^a complete tree has 3, 7, 15, 31 or 63 nodes, got 5$",
        ),
        (
            f"2 layers, 9 units | {'max sin | ' * 124}{CELL}",
            "^a complete tree has 3, 7, 15, 31 or 63 nodes, got 127$",
        ),
        (
            f"2 layers, 9 units | {CELL.replace('into 0', 'into 3')}",
            "^the last memory can be injected into nodes 0 to 2, got 3$",
        ),
        (
            f"2 layers, 9 units | {CELL.replace('memory of 1', 'memory of 3')}",
            "^the new memory can be of nodes 0 to 2, got 3$",
        ),
        (f"2 layers, 9 units | {CELL.replace('of 1', 'of 01')}", "^this must read .*, got .*01'$"),
    ]
    narrow = NasRnnSpaceConfig(base=2, activations=("tanh", "relu", "sigmoid")).build()
    strangers = [
        (EXAMPLE.replace("200", "9"), "^not an architecture of this space"),
        (EXAMPLE.replace("2 layers", "1 layer"), "^not an architecture of this space"),
        (EXAMPLE.replace("add tanh", "max tanh"), r"^combination must be one of \['add', 'mul'\]"),
        (EXAMPLE.replace("tanh", "identity"), "^activation must be one of .*, got identity$"),
        (EXAMPLE.replace("add relu into", "mul sin into"), "^activation .*, got sin$"),
        (
            f"2 layers, 200 units | {'add tanh | ' * 7}inject add tanh into 0 | memory of 0",
            "^expected 10 tokens for 10 decisions, got 18$",
        ),
    ]

    def resized(self, plan: NasRnnPlan, size: SizeConfig) -> NasRnnPlan:
        assert size.hidden
        return replace(plan, hidden=size.hidden)

    def num_layers(self, config: Any, depth: int, tokens: Tokens) -> int:
        layers: int = config.child.layers
        return layers


def test_tokens_come_in_the_order_of_the_paper() -> None:
    block = (Choice("combination", 2), Choice("activation", 4))
    index = (Choice("memory", 3), Choice("injected", 3))

    # three trees, Cell Inject, Cell Index
    assert SMALLEST.decisions(1) == (*block, *block, *block, *block, *index)


def test_of_base_8_there_are_as_many_tokens_and_cells_as_in_the_paper() -> None:
    assert PAPER.num_nodes == 15  # 8 + 4 + 2 + 1
    assert num_tokens(PAPER.decisions(1)) == 34  # 15 x 2 + 2 + 2
    # 2 x 4 for each node and for Cell Inject, 15 for each half of Cell Index
    assert space_size(PAPER, 1) == 8**16 * 15**2
    assert f"{space_size(PAPER, 1):.1e}" == "6.3e+16"


def test_every_base_has_a_tree_of_its_own_size() -> None:
    for base, nodes in ((2, 3), (4, 7), (8, 15), (16, 31), (32, 63)):
        space = NasRnnSpaceConfig(base=base).build()
        plan = space.plan((0,) * num_tokens(space.decisions(1)))

        assert len(plan.tree.nodes) == nodes
        assert plan.tree.base == base


@pytest.mark.parametrize("base", [3, 6, 12, 31])
def test_another_base_is_told_which_there_are(base: int) -> None:
    sentence = rf"base must be a power of two \(2, 4, 8, 16 or 32\), got {base}"
    with pytest.raises(ValidationError, match=sentence):
        NasRnnSpaceConfig(base=base)


@pytest.mark.parametrize("base", [0, 1, 64])
def test_a_base_out_of_bounds_is_refused(base: int) -> None:
    with pytest.raises(ValidationError, match="than or equal to"):
        NasRnnSpaceConfig(base=base)


def test_a_configuration_string_says_all_that_is_built() -> None:
    assert NasRnnPlan.parse(EXAMPLE) == NasRnnPlan(
        layers=2,
        hidden=200,
        tree=Tree(
            (TreeNode("add", "tanh"), TreeNode("mul", "relu"), TreeNode("mul", "sigmoid")),
            inject=TreeNode("add", "relu"),
            injected=0,
            memory=1,
        ),
    )


def test_each_node_that_is_no_leaf_takes_the_next_two_of_those_below() -> None:
    plan = NasRnnPlan.parse(PUBLISHED["nas-cell"].architecture)

    assert [*plan.tree.parents()] == [
        *((8, 0, 1), (9, 2, 3), (10, 4, 5), (11, 6, 7)),
        *((12, 8, 9), (13, 10, 11)),
        (14, 12, 13),
    ]


def test_a_published_cells_tokens_are_those_of_its_decisions() -> None:
    space = NasRnnSpaceConfig(child=LayersConfig(hidden=740)).build()
    published = PUBLISHED["nas-cell"].architecture

    architecture = space.alike(NasRnnPlan.parse(published))

    add, mul = 0, 1
    identity, tanh, sigmoid, relu = range(4)
    assert architecture.config == published
    assert architecture.tokens == (
        *(add, sigmoid, add, relu, add, sigmoid, mul, relu),  # leaves
        *(add, tanh, add, sigmoid, add, tanh, add, sigmoid),
        *(mul, tanh, add, tanh, mul, tanh, add, sigmoid),  # layer 2
        *(mul, identity, add, tanh),  # layer 3
        *(mul, tanh),  # the output
        *(add, tanh),  # Cell Inject
        *(12, 8),  # Cell Index: the first of layer 3 is the memory; the first of layer 2 takes it
    )


def test_the_order_of_options_is_that_of_the_settings() -> None:
    config = NasRnnSpaceConfig(base=2, combinations=("max", "add"), activations=("sin", "relu"))

    found = NasRnnSpace(config).decode((0, 0, 0, 1, 1, 1, 1, 0, 2, 2))

    assert found.config == (
        "2 layers, 200 units | max sin | max relu | add relu | inject add sin into 2 | memory of 2"
    )


def test_cells_of_both_spaces_of_the_paper_have_one_identity() -> None:
    studied = NasRnnSpaceConfig(
        base=2,
        combinations=("add", "mul", "max"),
        activations=("identity", "tanh", "sigmoid", "relu", "sin"),
    )
    tokens = TestNasRnnSpace.example.tokens

    # what is added comes last: the same tokens, too
    assert NasRnnSpace(studied).decode(tokens).id == SMALLEST.decode(tokens).id
