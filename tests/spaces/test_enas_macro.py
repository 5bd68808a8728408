from __future__ import annotations

from typing import Any

import pytest
from hypothesis import strategies as st
from published_arcs import MACRO
from space_contract import Example, PublishedSpaceContract, Tokens
from space_strategies import macro_configs

from nas_lib.config import EnasMacroSpaceConfig, FiltersConfig
from nas_lib.spaces import Choice, EnasMacroSpace, MacroPlan, SizeConfig, Subset, space_size
from nas_lib.spaces.enas_macro import MacroLayer, pools_after

SMALL = EnasMacroSpace(EnasMacroSpaceConfig(layers=4, child=FiltersConfig(filters=8)))
#           conv3 | sep5, adds 0 | max3 | conv5, adds 0 and 2
TOKENS = (0, 3, 1, 5, 0, 0, 2, 1, 0, 1)
CONFIG = "8 filters | conv3 | sep5 + 0 | max3 | conv5 + 0,2"


class TestEnasMacroSpace(PublishedSpaceContract):
    configs = macro_configs()
    sizes = st.builds(SizeConfig, filters=st.integers(1, 9))
    example = Example(SMALL, TOKENS, CONFIG, "56508a283e7d", "8 filters: conv3 sep5 max3 conv5")
    misspelt = [
        ("conv3 | conv3 | conv3", "must begin like '96 filters', got 'conv3'"),
        ("0 filters | conv3 | conv3 | conv3", "must begin like '96 filters', got '0 filters'"),
        ("8 filters | conv3 | conv3", "at least 3 layers, got 2"),
        ("8 filters | conv3 | conv7 | conv3", "layer 2 must read like .* got 'conv7'"),
        ("8 filters | conv3 | conv3 | conv3 +", r"layer 3 must read like .* got 'conv3 \+'"),
        ("8 filters | conv3 + 0 | conv3 | conv3", "layer 1 can add no other output, got 0"),
        ("8 filters | conv3 | conv3 | conv3 + 2", "layer 3 can add outputs 0 to 1 .* got 2"),
        ("8 filters | conv3 | conv3 | conv3 + 1,0", "in ascending order, got 1,0"),
        ("8 filters | conv3 | conv3 | conv3 + 0,0", "in ascending order, got 0,0"),
    ]
    narrow = EnasMacroSpace(
        EnasMacroSpaceConfig(layers=4, operations=("conv3", "sep3"), child=FiltersConfig(filters=8))
    )
    strangers = [
        ("96 filters | conv3 | conv3 | conv3 | conv3", "not an architecture of this space: 96 fil"),
        ("96 filters | conv3 | conv3 | conv3", "expected 10 tokens .* got 6"),
        ("96 filters | avg3 | avg3 | avg3 | avg3", "operation must be one of"),
    ]
    unpublished = [
        ("0 3 1 x", "numbers with blanks between, got 'x'"),
        ("0 3 1", "expected 10 tokens .* got 3"),
        ("0 3 1 6 0 0 2 1 0 1", r"token 3 \(operation\) must be in \[0, 6\), got 6"),
    ]

    def resized(self, plan: MacroPlan, size: SizeConfig) -> MacroPlan:
        assert size.filters
        return MacroPlan(size.filters, plan.layers)

    def num_layers(self, config: Any, depth: int, tokens: Tokens) -> int:
        return int(config.layers)


def test_each_layer_chooses_an_operation_and_which_outputs_before_the_previous_one_it_adds() -> (
    None
):
    assert SMALL.decisions(1) == (
        Choice("operation", 6),
        Subset("skip", 0),  # there is only the stem, which is its input
        Choice("operation", 6),
        Subset("skip", 1),
        Choice("operation", 6),
        Subset("skip", 2),
        Choice("operation", 6),
        Subset("skip", 3),
    )


def test_twelve_layers_are_as_many_architectures_as_the_paper_says() -> None:
    size = space_size(EnasMacroSpace(EnasMacroSpaceConfig()), 1)

    assert size == 6**12 * 2**66  # 0 + 1 + ... + 11 = 66 skip bits
    assert size == pytest.approx(1.6e29, rel=0.01)


def test_a_configuration_string_says_all_that_is_built() -> None:
    assert MacroPlan.parse(CONFIG) == MacroPlan(
        8,
        (
            MacroLayer("conv3"),
            MacroLayer("sep5", (0,)),
            MacroLayer("max3"),
            MacroLayer("conv5", (0, 2)),
        ),
    )


def test_the_size_is_halved_after_each_of_the_first_two_thirds() -> None:
    assert [pools_after(num) for num in (3, 5, 12, 24)] == [(0, 1), (0, 1), (3, 7), (7, 15)]


def test_the_published_architecture_is_read() -> None:
    space = EnasMacroSpace(EnasMacroSpaceConfig(layers=24))

    architecture = space.from_published(MACRO)
    layers = MacroPlan.parse(architecture.config).layers

    assert len(layers) == 24
    assert layers[1] == MacroLayer("sep5")  # 3 0
    assert layers[5] == MacroLayer("sep5", (0, 1, 3))  # 3 1 1 0 1 0
    assert layers[8] == MacroLayer("sep3", (1, 2, 3, 5, 7))  # 1 0 1 1 1 0 1 0 1
    assert architecture.tokens == tuple(map(int, MACRO.split()))


def test_equal_networks_have_one_id_whatever_the_order_of_the_operations() -> None:
    other = EnasMacroSpace(
        EnasMacroSpaceConfig(
            layers=4, operations=("sep5", "max3", "conv3", "conv5"), child=FiltersConfig(filters=8)
        )
    )

    assert other.decode((2, 0, 1, 1, 0, 0, 3, 1, 0, 1)).id == SMALL.decode(TOKENS).id
