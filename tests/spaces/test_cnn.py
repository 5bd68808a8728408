from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from space_strategies import cnn_configs, tokens_of

from nas_lib.config import CnnSpaceConfig, DepthConfig
from nas_lib.errors import ArchitectureError
from nas_lib.spaces import Choice, CnnSpace, Space, Subset, num_tokens, space_size
from nas_lib.spaces.cnn import Layer, parse_layers, unused_layers

SMALL = CnnSpaceConfig(depth=DepthConfig(start=3, max=3))


def test_decisions_come_in_the_papers_order() -> None:
    space = CnnSpace(CnnSpaceConfig(strides=(1, 2, 3)))

    kinds = [decision.kind for decision in space.decisions(1)]

    assert kinds == [
        "filter_height",
        "filter_width",
        "stride_height",
        "stride_width",
        "num_filters",
        "skip",
    ]


def test_twelve_layers_are_48_steps_and_66_skip_bits() -> None:
    decisions = CnnSpace(CnnSpaceConfig()).decisions(12)

    assert len(decisions) == 48  # 12 x (height, width, filters, anchor)
    bits = sum(each.num_tokens for each in decisions if isinstance(each, Subset))
    assert bits == 66  # 0 + 1 + ... + 11


def test_the_size_counts_every_token_sequence() -> None:
    # 2 layers: (4 heights x 4 widths x 4 filters)^2 x 2^1 skip bits = 4096 x 2
    assert space_size(CnnSpace(CnnSpaceConfig()), 2) == 8192


def test_an_anchor_can_stand_before_the_layers_other_properties() -> None:
    space = CnnSpace(CnnSpaceConfig(anchor="before"))

    assert space.decisions(1)[0] == Subset("skip", 0)


def test_the_depth_grows_by_two_every_1600_children_up_to_the_greatest() -> None:
    space = CnnSpace(CnnSpaceConfig())

    depths = [space.depth(children) for children in (0, 1599, 1600, 3200, 12_799, 10**6)]

    assert depths == [6, 6, 8, 10, 20, 20]  # 12,799 // 1,600 = 7; 6 + 2 x 7 = 20


def test_tokens_spell_a_configuration_string() -> None:
    space = CnnSpace(SMALL)
    #         h  w  f | h  w  f  skip1 | h  w  f  skip1 skip2
    tokens = (0, 1, 2, 3, 3, 3, 1, 1, 1, 0, 1, 0)

    architecture = space.decode(tokens)

    assert architecture.config == (
        "conv 1x3x48/1x1 <- image | conv 7x7x64/1x1 <- 1 | conv 3x3x24/1x1 <- 1"
    )
    assert architecture.tokens == tokens


def test_who_takes_no_layer_takes_the_image() -> None:
    architecture = CnnSpace(SMALL).decode((0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1))

    assert [layer.inputs for layer in parse_layers(architecture.config)] == [(), (), (2,)]


def test_layers_that_nobody_takes_go_to_the_classifier() -> None:
    layers = parse_layers(
        "conv 3x3x8/1x1 <- image | conv 3x3x8/1x1 <- 1 | conv 3x3x8/1x1 <- 1 | conv 3x3x8/1x1 <- 3"
    )

    assert unused_layers(layers) == (2, 4)


def test_without_skip_connections_layers_form_a_chain() -> None:
    space = CnnSpace(CnnSpaceConfig(skip_connections=False))

    layers = parse_layers(space.decode((0,) * 9).config)

    assert [layer.inputs for layer in layers] == [(), (1,), (2,)]


def test_a_pooling_layer_at_the_end_of_a_chain_is_not_lost() -> None:
    depth = DepthConfig(start=3, max=3)
    space = CnnSpace(CnnSpaceConfig(skip_connections=False, pool_layers=(3,), depth=depth))

    layers = parse_layers(space.decode((0,) * 6).config)  # two layers of three choices

    assert [layer.kind for layer in layers] == ["conv", "conv", "max_pool"]


def test_pooling_layers_at_fixed_places_decide_only_their_inputs() -> None:
    space = CnnSpace(CnnSpaceConfig(pool_layers=(2,)))

    assert space.decisions(2)[4:] == (Subset("skip", 1),)
    layers = parse_layers(space.decode((0, 0, 0, 1)).config)
    assert layers[1] == Layer("max_pool", 2, 2, 2, 2, inputs=(1,))


def test_the_controller_can_place_pooling_layers() -> None:
    space = CnnSpace(CnnSpaceConfig(layer_types=("conv", "max_pool")))

    assert space.decisions(1)[0] == Choice("layer_type", 2)
    assert space.decode((1, 3, 3, 3)).config == "max_pool 2x2/2x2 <- image"


def test_equal_networks_have_one_id_whatever_the_option_lists() -> None:
    one = CnnSpace(CnnSpaceConfig(filter_heights=(1, 3), num_filters=(24,)))
    other = CnnSpace(CnnSpaceConfig(filter_heights=(3, 5), num_filters=(24, 36)))

    assert one.decode((1, 0)).id == other.decode((0, 0, 0)).id
    assert one.decode((1, 0)).id != one.decode((0, 0)).id


def test_an_id_does_not_change_from_release_to_release() -> None:
    assert CnnSpace(CnnSpaceConfig()).decode((1, 1, 1)).id == "bbe7e3376bbd"


@given(cnn_configs(), st.data())
def test_every_token_sequence_decodes_and_comes_back(
    config: CnnSpaceConfig, data: st.DataObject
) -> None:
    space = CnnSpace(config)
    depth = data.draw(st.integers(1, space.max_depth))
    tokens = data.draw(tokens_of(space.decisions(depth)))

    architecture = space.decode(tokens)
    layers = parse_layers(architecture.config)

    assert isinstance(space, Space)
    assert len(layers) == depth
    assert " | ".join(map(str, layers)) == architecture.config
    again = space.decode(space.encode(architecture))
    assert again.config == architecture.config
    if config.layer_types == ("conv",):
        assert again == architecture  # pooling ignores tokens; nothing else does


@given(cnn_configs(), st.data())
def test_a_smaller_depth_is_a_prefix_of_a_larger_one(
    config: CnnSpaceConfig, data: st.DataObject
) -> None:
    space = CnnSpace(config)
    depth = data.draw(st.integers(1, space.max_depth))
    smaller = space.decisions(depth)

    assert space.decisions(space.max_depth)[: len(smaller)] == smaller


@pytest.mark.parametrize(
    ("tokens", "sentence"),
    [
        ((1, 1), "2 tokens are no architecture of 1 to 3 layers of this space"),
        ((4, 0, 0), r"token 0 \(filter_height\) must be in \[0, 4\), got 4"),
        ((0, 0, 0, 0, 0, 0, 2), r"token 6 \(skip\) must be in \[0, 2\), got 2"),
    ],
)
def test_tokens_of_no_architecture_are_refused(tokens: tuple[int, ...], sentence: str) -> None:
    with pytest.raises(ArchitectureError, match=sentence):
        CnnSpace(SMALL).decode(tokens)


@pytest.mark.parametrize(
    ("config", "sentence"),
    [
        ("conv 3x3/1x1 <- image", "layer 1 must read like"),
        ("max_pool 2x2x8/2x2 <- image", "layer 1 must read like"),
        ("conv 3x3x8/1x1 <- 1", "layer 1 can take layers 1 to 0"),
        ("conv 3x3x8/1x1 <- image | conv 3x3x8/1x1 <- 1,1", "in ascending order, got 1,1"),
        ("", "layer 1 must read like"),
    ],
)
def test_texts_of_no_architecture_are_refused(config: str, sentence: str) -> None:
    with pytest.raises(ArchitectureError, match=sentence):
        parse_layers(config)


def test_an_architecture_of_another_space_is_refused() -> None:
    other = CnnSpace(CnnSpaceConfig(num_filters=(99,))).decode((0, 0))

    with pytest.raises(ArchitectureError, match=r"num_filters must be one of .* got 99"):
        CnnSpace(SMALL).encode(other)


def test_hand_counted_tokens() -> None:
    # layer 1: 3 choices; layer 2: 3 + 1 bit; layer 3: 3 + 2 bits
    assert num_tokens(CnnSpace(SMALL).decisions(3)) == 3 + 4 + 5
