from __future__ import annotations

import pytest
from cnn_contract import CnnSpaceContract
from space_contract import Example
from space_strategies import cnn_configs

from nas_lib.config import CnnSpaceConfig, DepthConfig
from nas_lib.errors import ArchitectureError
from nas_lib.spaces import Choice, CnnPlan, CnnSpace, Subset, num_tokens, space_size
from nas_lib.spaces.cnn import Layer

SMALL = CnnSpaceConfig(depth=DepthConfig(start=3, max=3))


class TestCnnSpace(CnnSpaceContract):
    configs = cnn_configs()
    example = Example(
        CnnSpace(CnnSpaceConfig()), (1, 1, 1), "conv 3x3x36/1x1 <- image", "bbe7e3376bbd", "3x3x36"
    )
    misspelt = [
        ("conv 3x3/1x1 <- image", "^layer 1 must read like 'conv .* got 'conv 3x3/1x1 <- i"),
        ("max_pool 2x2x8/2x2 <- image", "layer 1 must read like"),
        ("conv 0x3x8/1x1 <- image", "layer 1 must read like"),
        ("conv 3x3x8/1x0 <- image", "layer 1 must read like"),
        ("0*conv 3x3x8/1x1 <- image", "layer 1 must read like"),
        ("conv 3x3x8/1x1 <- 1", "layer 1 can take layers 1 to 0"),
        ("conv 3x3x8/1x1 <- image | conv 3x3x8/1x1 <- 1,1", "in ascending order, got 1,1"),
        ("", "layer 1 must read like"),
    ]
    strangers = [
        ("conv 1x1x99/1x1 <- image", r"num_filters must be one of \[24, 36, 48, 64\], got 99")
    ]


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
    plan = CnnSpace(SMALL).plan((0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1))

    assert [layer.inputs for layer in plan.layers] == [(), (), (2,)]


def test_layers_that_nobody_takes_go_to_the_classifier() -> None:
    plan = CnnPlan.parse(
        "conv 3x3x8/1x1 <- image | conv 3x3x8/1x1 <- 1 | conv 3x3x8/1x1 <- 1 | conv 3x3x8/1x1 <- 3"
    )

    assert plan.unused == (2, 4)


def test_without_skip_connections_layers_form_a_chain() -> None:
    space = CnnSpace(CnnSpaceConfig(skip_connections=False))

    layers = space.plan((0,) * 9).layers

    assert [layer.inputs for layer in layers] == [(), (1,), (2,)]


def test_a_pooling_layer_at_the_end_of_a_chain_is_not_lost() -> None:
    depth = DepthConfig(start=3, max=3)
    space = CnnSpace(CnnSpaceConfig(skip_connections=False, pool_layers=(3,), depth=depth))

    layers = space.plan((0,) * 6).layers  # two layers of three choices

    assert [layer.kind for layer in layers] == ["conv", "conv", "max_pool"]


def test_pooling_layers_at_fixed_places_decide_only_their_inputs() -> None:
    space = CnnSpace(CnnSpaceConfig(pool_layers=(2,)))

    assert space.decisions(2)[4:] == (Subset("skip", 1),)
    assert space.plan((0, 0, 0, 1)).layers[1] == Layer("max_pool", 2, 2, 2, 2, inputs=(1,))


def test_the_controller_can_place_pooling_layers() -> None:
    space = CnnSpace(CnnSpaceConfig(layer_types=("conv", "max_pool")))

    assert space.decisions(1)[0] == Choice("layer_type", 2)
    assert space.decode((1, 3, 3, 3)).config == "max_pool 2x2/2x2 <- image"


def test_equal_networks_have_one_id_whatever_the_option_lists() -> None:
    one = CnnSpace(CnnSpaceConfig(filter_heights=(1, 3), num_filters=(24,)))
    other = CnnSpace(CnnSpaceConfig(filter_heights=(3, 5), num_filters=(24, 36)))

    assert one.decode((1, 0)).id == other.decode((0, 0, 0)).id
    assert one.decode((1, 0)).id != one.decode((0, 0)).id


def test_tokens_of_no_depth_are_refused_with_those_that_there_are() -> None:
    sentence = "^2 tokens are no architecture of 1 to 3 layers of this space$"
    with pytest.raises(ArchitectureError, match=sentence):
        CnnSpace(SMALL).decode((1, 1))


def test_a_plan_is_named_by_its_sizes_without_what_nearly_every_layer_has() -> None:
    plan = CnnPlan.parse(
        "conv 1x3x8/1x1 <- image | max_pool 2x2/2x2 <- 1 | 3*conv 5x7x4/1x2 <- 1,2"
    )

    assert plan.brief == "1x3x8 pool 3*5x7x4/1x2"


def test_hand_counted_tokens() -> None:
    # layer 1: 3 choices; layer 2: 3 + 1 bit; layer 3: 3 + 2 bits
    assert num_tokens(CnnSpace(SMALL).decisions(3)) == 3 + 4 + 5
