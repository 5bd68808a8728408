from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from published_arcs import MACRO
from space_strategies import macro_configs, tokens_of

from nas_lib.config import EnasMacroSpaceConfig, FiltersConfig
from nas_lib.errors import ArchitectureError
from nas_lib.spaces import Choice, EnasMacroSpace, Space, Subset, space_size
from nas_lib.spaces.enas_macro import MacroLayer, MacroPlan, parse_macro, pools_after

SMALL = EnasMacroSpace(EnasMacroSpaceConfig(layers=4, child=FiltersConfig(filters=8)))
#           conv3 | sep5, adds 0 | max3 | conv5, adds 0 and 2
TOKENS = (0, 3, 1, 5, 0, 0, 2, 1, 0, 1)
CONFIG = "8 filters | conv3 | sep5 + 0 | max3 | conv5 + 0,2"


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


def test_tokens_spell_a_configuration_string() -> None:
    architecture = SMALL.decode(TOKENS)

    assert architecture.config == CONFIG
    assert architecture.tokens == TOKENS == SMALL.encode(architecture)


def test_a_configuration_string_says_all_that_is_built() -> None:
    assert parse_macro(CONFIG) == MacroPlan(
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
    layers = parse_macro(architecture.config).layers

    assert len(layers) == 24
    assert layers[1] == MacroLayer("sep5")  # 3 0
    assert layers[5] == MacroLayer("sep5", (0, 1, 3))  # 3 1 1 0 1 0
    assert layers[8] == MacroLayer("sep3", (1, 2, 3, 5, 7))  # 1 0 1 1 1 0 1 0 1
    assert architecture.tokens == tuple(map(int, MACRO.split()))


@given(macro_configs(), st.data())
def test_every_token_sequence_decodes_and_comes_back(
    config: EnasMacroSpaceConfig, data: st.DataObject
) -> None:
    space = EnasMacroSpace(config)
    tokens = data.draw(tokens_of(space.decisions(1)))

    architecture = space.decode(tokens)

    assert isinstance(space, Space)
    assert str(parse_macro(architecture.config)) == architecture.config
    assert space.encode(architecture) == tokens
    assert space.from_published(" ".join(map(str, tokens))) == architecture


def test_equal_networks_have_one_id_whatever_the_order_of_the_operations() -> None:
    other = EnasMacroSpace(
        EnasMacroSpaceConfig(
            layers=4, operations=("sep5", "max3", "conv3", "conv5"), child=FiltersConfig(filters=8)
        )
    )

    assert other.decode((2, 0, 1, 1, 0, 0, 3, 1, 0, 1)).id == SMALL.decode(TOKENS).id


def test_an_id_does_not_change_from_release_to_release() -> None:
    assert SMALL.decode(TOKENS).id == "56508a283e7d"


@pytest.mark.parametrize(
    ("config", "sentence"),
    [
        ("conv3 | conv3 | conv3", "must begin like '96 filters', got 'conv3'"),
        ("0 filters | conv3 | conv3 | conv3", "must begin like '96 filters', got '0 filters'"),
        ("8 filters | conv3 | conv3", "at least 3 layers, got 2"),
        ("8 filters | conv3 | conv7 | conv3", "layer 2 must read like .* got 'conv7'"),
        ("8 filters | conv3 | conv3 | conv3 +", r"layer 3 must read like .* got 'conv3 \+'"),
        ("8 filters | conv3 + 0 | conv3 | conv3", "layer 1 can add no other output, got 0"),
        ("8 filters | conv3 | conv3 | conv3 + 2", "layer 3 can add outputs 0 to 1 .* got 2"),
        ("8 filters | conv3 | conv3 | conv3 + 1,0", "in ascending order, got 1,0"),
        ("8 filters | conv3 | conv3 | conv3 + 0,0", "in ascending order, got 0,0"),
    ],
)
def test_texts_of_no_architecture_are_refused(config: str, sentence: str) -> None:
    with pytest.raises(ArchitectureError, match=sentence):
        parse_macro(config)


@pytest.mark.parametrize(
    ("other", "sentence"),
    [
        (EnasMacroSpaceConfig(layers=4), "not an architecture of this space: 96 filters"),
        (EnasMacroSpaceConfig(layers=3), "expected 10 tokens .* got 6"),
        (EnasMacroSpaceConfig(layers=4, operations=("avg3",)), "operation must be one of"),
    ],
)
def test_an_architecture_of_another_space_is_refused(
    other: EnasMacroSpaceConfig, sentence: str
) -> None:
    num_tokens = sum(each.num_tokens for each in EnasMacroSpace(other).decisions(1))
    architecture = EnasMacroSpace(other).decode((0,) * num_tokens)
    narrow = EnasMacroSpace(
        EnasMacroSpaceConfig(layers=4, operations=("conv3", "sep3"), child=FiltersConfig(filters=8))
    )

    with pytest.raises(ArchitectureError, match=sentence):
        narrow.encode(architecture)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("0 3 1 x", "numbers with blanks between, got 'x'"),
        ("0 3 1", "expected 10 tokens .* got 3"),
        ("0 3 1 6 0 0 2 1 0 1", r"token 3 \(operation\) must be in \[0, 6\), got 6"),
    ],
)
def test_published_texts_of_another_space_are_refused(text: str, sentence: str) -> None:
    with pytest.raises(ArchitectureError, match=sentence):
        SMALL.from_published(text)
