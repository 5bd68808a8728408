from __future__ import annotations

import math

from hypothesis import strategies as st
from space_contract import Example, PublishedSpaceContract
from space_strategies import rnn_configs

from nas_lib.config import EnasRnnSpaceConfig, HiddenConfig
from nas_lib.spaces import Anchor, Choice, EnasRnnSpace, Pointer, SizeConfig, num_tokens, space_size
from nas_lib.spaces.enas_rnn import RnnNode, RnnPlan, loose_ends

ENAS_LM = EnasRnnSpace(EnasRnnSpaceConfig())
ORIGINAL = EnasRnnSpace(EnasRnnSpaceConfig(variant="original", nodes=4))
PUBLISHED = "0 2 1 0 2 1 2 2 4 0 5 0 3 2 6 2"
DARTS = "0 2 1 1 1 1 1 3 2 0 5 2 3 0 5 1"


class TestEnasRnnSpace(PublishedSpaceContract):
    configs = rnn_configs()
    sizes = st.builds(SizeConfig, hidden=st.integers(1, 9))
    example = Example(  # figure 1 of the paper: its nodes 1 to 4 are ours 0 to 3
        ORIGINAL,
        (0, 0, 1, 1, 1, 0, 0),  # tanh | 1: relu | 2: relu | 1: tanh
        "800 units | tanh | relu(0) | relu(1) | tanh(0) | mean of 2,3",
        "ffbbfee2c10b",
        "800 units: tanh relu relu tanh",
    )
    misspelt = [
        ("800 units", "must read like '800 units | tanh | relu\\(0\\) | mean of 1'"),
        ("800 units | tanh | relu(0)", "must read like '800 units"),
        ("0 units | tanh | mean of 0", "must read like '800 units"),
        ("8 units | tanh(0) | mean of 0", "node 0 must read like 'tanh', .*'tanh\\(0\\)'"),
        ("8 units | tanh | relu | mean of 1", "node 1 must read like 'relu\\(0\\)', .*'relu'"),
        ("8 units | tanh | swish(0) | mean of 1", "node 1 .* tanh, relu, sigmoid, identity, g"),
        ("8 units | tanh | relu(1) | mean of 1", "node 1 can take nodes 0 to 0, got 1"),
        ("8 units | tanh | relu(0) | mean of 2", r"nodes 0 to 1 in ascending .* got \(2,\)"),
        ("8 units | tanh | relu(0) | mean of 1,0", r"in ascending order, got \(1, 0\)"),
        (
            "8 units | tanh | relu(0) | tanh(0) | mean of 2",
            r"must be in the mean, .* without 1",
        ),
    ]
    narrow = EnasRnnSpace(EnasRnnSpaceConfig(nodes=1, functions=("relu",)))
    strangers = [
        ("8 units | tanh | relu(0) | mean of 1", "not an architecture of this space"),  # units
        ("800 units | relu | relu(0) | mean of 1", "not an architecture of this space"),
        ("800 units | tanh | relu(0) | mean of 0,1", "not an architecture of this space"),
        ("800 units | tanh | relu(0) | relu(0) | mean of 1,2", "expected 2 tokens .* got 4"),
        ("800 units | tanh | tanh(0) | mean of 1", r"must be one of \['relu'\], got tanh"),
    ]
    unpublished = [("0 tanh", "numbers with blanks between, got 'tanh'")]

    def resized(self, plan: RnnPlan, size: SizeConfig) -> RnnPlan:
        assert size.hidden
        return RnnPlan(size.hidden, plan.nodes, plan.outputs)


def test_enas_lm_decides_previous_node_and_function_of_each_node() -> None:
    space = EnasRnnSpace(EnasRnnSpaceConfig(nodes=2))

    function = Choice("function", 4)
    assert space.decisions(1) == (
        Anchor("node", gives="nothing"),  # node 0 is fixed: the controller takes no step for it
        *(Pointer("node", 1, marks=True), function),
        *(Pointer("node", 2, marks=True), function),
    )


def test_the_original_decides_the_first_function_too() -> None:
    space = EnasRnnSpace(EnasRnnSpaceConfig(nodes=2, variant="original"))

    function = Choice("function", 4)
    assert space.decisions(1) == (
        *(Anchor("node"), function),
        *(Pointer("node", 1, marks=True), function),
    )


def test_the_number_of_tokens_is_that_of_the_published_code() -> None:
    assert num_tokens(ENAS_LM.decisions(1)) == 16  # 2 x 8
    assert num_tokens(ORIGINAL.decisions(1)) == 7  # 2 x 4 - 1


def test_the_size_is_that_of_the_paper() -> None:
    twelve = EnasRnnSpace(EnasRnnSpaceConfig(nodes=12))
    original = EnasRnnSpace(EnasRnnSpaceConfig(nodes=12, variant="original"))

    assert space_size(twelve, 1) == 4**12 * math.factorial(12)
    assert space_size(original, 1) == 4**12 * math.factorial(11)  # node 0 takes no node


def test_a_configuration_string_says_all_that_is_built() -> None:
    text = "800 units | tanh | relu(0) | relu(1) | tanh(0) | mean of 2,3"

    assert RnnPlan.parse(text) == RnnPlan(
        800,
        (RnnNode("tanh"), RnnNode("relu", 0), RnnNode("relu", 1), RnnNode("tanh", 0)),
        outputs=(2, 3),
    )


def test_the_published_cell_is_spelt_out() -> None:
    assert ENAS_LM.from_published(PUBLISHED).config == (
        "800 units | tanh | sigmoid(0) | tanh(1) | relu(2) | sigmoid(2) | tanh(4) | tanh(5) "
        "| sigmoid(3) | sigmoid(6) | mean of 1,2,3,4,5,6,7,8"
    )


def test_the_cell_of_darts_is_spelt_out() -> None:
    assert ENAS_LM.from_published(DARTS).config == (
        "800 units | tanh | sigmoid(0) | relu(1) | relu(1) | identity(1) | tanh(2) | sigmoid(5) "
        "| tanh(3) | relu(5) | mean of 1,2,3,4,5,6,7,8"
    )


def test_the_order_of_functions_is_that_of_the_settings() -> None:
    functions = ("tanh", "relu", "identity", "sigmoid")
    space = EnasRnnSpace(EnasRnnSpaceConfig(nodes=1, functions=functions))

    assert space.decode((0, 2)).config == "800 units | tanh | identity(0) | mean of 1"


def test_equal_networks_of_both_variants_have_one_identity() -> None:
    original = EnasRnnSpace(EnasRnnSpaceConfig(nodes=2, variant="original"))
    enas_lm = EnasRnnSpace(EnasRnnSpaceConfig(nodes=1))

    assert original.decode((0, 0, 1)).id == enas_lm.decode((0, 1)).id


def test_a_chain_has_one_loose_end() -> None:
    assert loose_ends((RnnNode("tanh"), RnnNode("relu", 0), RnnNode("relu", 1))) == (2,)


def test_how_weights_are_shared_is_no_matter_of_the_network_itself() -> None:
    tokens = (0, 1, 1, 2)
    configs = [
        EnasRnnSpaceConfig(nodes=2, weights_per=weights_per, shared=HiddenConfig(hidden=3))
        for weights_per in ("edge", "edge_and_function")
    ]

    first, second = (EnasRnnSpace(config).decode(tokens) for config in configs)
    assert first == second
