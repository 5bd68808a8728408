"""Pictures of networks."""

from __future__ import annotations

import random
import xml.etree.ElementTree as ET
from typing import get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markupsafe import Markup
from synthetic import random_architecture

from nas_lib.architecture import Architecture
from nas_lib.config import (
    EnasMacroSpaceConfig,
    EnasMicroSpaceConfig,
    EnasRnnSpaceConfig,
    NasNetSpaceConfig,
    NasRnnSpaceConfig,
)
from nas_lib.report.pictures import PICTURES, network_picture, picture_key
from nas_lib.spaces import (
    CnnPlan,
    MacroPlan,
    MicroPlan,
    NasNetPlan,
    NasRnnPlan,
    Plan,
    RnnPlan,
    SpacePart,
)
from nas_lib.spaces.nasnet_plan import Combination

SVG = "{http://www.w3.org/2000/svg}"
SPACES: list[SpacePart] = [
    EnasMacroSpaceConfig(),
    EnasMicroSpaceConfig(),
    EnasRnnSpaceConfig(),
    EnasRnnSpaceConfig(variant="original"),
    NasNetSpaceConfig(),
    NasNetSpaceConfig(blocks=4, combinations=get_args(Combination), output="states"),
    NasRnnSpaceConfig(),
]


def texts(svg: Markup) -> list[str]:
    return [each.text for each in ET.fromstring(svg).iter(f"{SVG}text") if each.text]


def classes(svg: Markup) -> list[str]:
    return [name for g in ET.fromstring(svg).iter(f"{SVG}g") if (name := g.get("class"))]


def picture(plan: Plan) -> Markup:
    return network_picture(Architecture("any", (), str(plan)), plan)


class TestCnn:
    def test_boxes_stand_in_order_from_the_image_to_the_classifier(self) -> None:
        config = "conv 3x5x36/1x1 <- image | max_pool 2x2/2x2 <- 1 | 3*conv 3x3x24/3x1 <- 2"
        assert texts(picture(CnnPlan.parse(config))) == [
            "image",
            *("1", "conv 3x5", "36"),
            *("2", "max pool 2x2, stride 2x2"),
            *("3", "3 x conv 3x3, stride 3x1", "24"),
            "classifier",
        ]

    def test_each_kind_of_connection_is_drawn_its_own_way(self) -> None:
        config = (
            "conv 1x1x24/1x1 <- image | conv 1x1x24/1x1 <- image | "
            "conv 1x1x24/1x1 <- 1 | conv 1x1x24/1x1 <- 1,3"
        )
        assert classes(picture(CnnPlan.parse(config))) == [
            "straight",  # image to 1
            "arc image",  # image to 2
            "arc skip",  # 1 to 3
            "arc skip",  # 1 to 4
            "straight",  # 3 to 4
            "arc output",  # 2, which nobody took, to the classifier
            "straight",  # 4 to the classifier
        ]

    @pytest.mark.parametrize("num_layers", [1, 2, 6, 16, 20, 40])
    def test_there_is_one_arc_per_skip_connection(self, num_layers: int) -> None:
        architecture = random_architecture(random.Random(num_layers), num_layers)
        plan = CnnPlan.parse(architecture.config)
        skips = [
            (source, target)
            for target, layer in enumerate(plan.layers, start=1)
            for source in layer.inputs
            if source < target - 1
        ]
        drawn = classes(picture(plan))
        assert drawn.count("arc skip") == len(skips)
        outputs = [number for number in plan.unused if number < num_layers]
        assert drawn.count("arc output") == len(outputs)

    @pytest.mark.parametrize("num_layers", [1, 6, 20])
    def test_nothing_lies_outside_of_the_picture(self, num_layers: int) -> None:
        architecture = random_architecture(random.Random(3), num_layers)
        svg = ET.fromstring(picture(CnnPlan.parse(architecture.config)))
        width = float(svg.get("width", "0"))
        for path in svg.iter(f"{SVG}path"):
            coordinates = path.get("d", "").translate(str.maketrans("MCLVHZ", "      ")).split()
            if "C" in path.get("d", ""):  # the curve itself swings out 3/4 as far as its handles
                side, handle = float(coordinates[0]), float(coordinates[2])
                assert 0 <= side + 0.75 * (handle - side) <= width

    def test_a_network_of_pooling_layers_only_is_drawn(self) -> None:
        assert "max pool 2x2, stride 2x2" in texts(
            picture(CnnPlan.parse("max_pool 2x2/2x2 <- image"))
        )

    def test_another_spaces_architecture_is_its_configuration_in_a_box(self) -> None:
        svg = network_picture(Architecture("mine", (), "op=<b>&conv " * 200), None)
        assert texts(svg)[0].startswith("op=<b>&conv")
        assert len(texts(svg)) == 20


class TestMacro:
    CONFIG = "24 filters | conv3 | sep5 + 0 | max3 + 1 | avg3"

    def test_layers_stand_in_order_with_their_channels(self) -> None:
        # Four layers: halved after layers 1 and 2, which doubles the channels
        assert texts(picture(MacroPlan.parse(self.CONFIG))) == [
            *("0", "stem: conv 3x3", "24"),
            *("1", "conv 3x3, then halved", "24"),
            *("2", "sep 5x5, then halved", "48"),
            *("3", "max pool 3x3", "96"),
            *("4", "avg pool 3x3", "96"),
            "classifier",
        ]

    def test_skips_are_arcs_and_the_chain_is_straight(self) -> None:
        assert classes(picture(MacroPlan.parse(self.CONFIG))) == [
            "straight",  # stem to 1
            *("straight", "arc skip"),  # 1 to 2, stem to 2
            *("straight", "arc skip"),  # 2 to 3, 1 to 3
            "straight",  # 3 to 4
            "straight",  # 4 to the classifier
        ]


class TestMicro:
    CONFIG = (
        "15 cells, 36 filters | normal: sep3(0)+max3(1) avg3(2)+identity(2) "
        "| reduction: sep5(1)+sep5(1) identity(0)+max3(2)"
    )

    def test_both_cells_are_drawn_under_their_names(self) -> None:
        assert texts(picture(MicroPlan.parse(self.CONFIG))) == [
            "Normal cell, 15 times",
            *("0", "last cell but one", "1", "last cell"),
            *("2", "sep 3x3 of 0 + max 3x3 of 1"),
            *("3", "avg 3x3 of 2 + identity of 2"),
            "loose ends, joined in depth",
            "Reduction cell, twice",
            *("0", "last cell but one", "1", "last cell"),
            *("2", "sep 5x5 of 1 + sep 5x5 of 1"),
            *("3", "identity of 0 + max 3x3 of 2"),
            "loose ends, joined in depth",
        ]

    def test_an_input_taken_twice_has_one_arrow(self) -> None:
        assert classes(picture(MicroPlan.parse(self.CONFIG))) == [
            *("arc skip", "straight"),  # 0 and 1 to 2
            "straight",  # 2 to 3, twice
            "straight",  # 3, the loose end
            "straight",  # 1 to 2, twice
            *("arc skip", "straight"),  # 0 and 2 to 3
            "straight",  # 3, the loose end
        ]


class TestNasNet:
    def test_both_cells_are_drawn_with_what_they_put_out(self) -> None:
        svg = picture(
            NasNetPlan.parse(
                "6 cells per stage, 32 filters, large stem 96 "
                "| normal: sep3(0)+max7(1) conv1x7(1)&identity(2) -> 0,3 "
                "| reduction: conv1(0)+dilated3(0):layer"
            )
        )
        assert texts(svg) == [
            "Normal cell, 3 x 6 times",
            *("0", "last cell but one", "1", "last cell"),
            *("2", "sep 3x3 of 0 + max 7x7 of 1"),
            *("3", "conv 1x7, 7x1 of 1, identity of 2 joined"),
            "joined in depth",
            "Reduction cell, 4 times",
            *("0", "last cell but one", "1", "last cell"),
            *("2", "layer norm of conv 1x1 of 0 + dilated 3x3 of 0"),
            "joined in depth",
        ]
        assert classes(svg) == [
            *("arc skip", "straight"),  # 0 and 1 to 2
            *("arc skip", "straight"),  # 1 and 2 to 3
            *("arc output", "straight"),  # 0 and 3 are put out
            "arc skip",  # 0 to 2, twice
            *("arc output", "straight"),  # 1, which no block takes, and 2
        ]

    def test_where_blocks_are_the_next_inputs_each_has_its_box(self) -> None:
        svg = picture(
            NasNetPlan.parse(
                "2 cells per stage, 8 filters, states | normal: sep3(0)+sep3(1) avg3(0)+max3(2) "
                "| reduction: sep3(0)+sep3(1) avg3(1)+max3(2)"
            )
        )
        assert texts(svg)[:5] == [
            "Normal cell, 3 x 2 times",
            *("0", "block 0 of the last cell", "1", "block 1 of the last cell"),
        ]
        assert texts(svg).count("the next cell's inputs") == 2


class TestRnn:
    def test_a_cell_is_its_functions_and_what_they_take(self) -> None:
        svg = picture(RnnPlan.parse("800 units | tanh | relu(0) | sigmoid(0) | mean of 1,2"))
        assert texts(svg) == [
            "word and last state",
            *("0", "tanh", "1", "relu", "2", "sigmoid"),
            "mean: the new state",
        ]
        assert classes(svg) == [
            "straight",  # word and state to 0
            "straight",  # 0 to 1
            "arc skip",  # 0 to 2
            "arc output",  # 1 to the mean
            "straight",  # 2 to the mean
        ]


class TestTree:
    def test_a_cell_is_what_each_node_makes_of_what(self) -> None:
        svg = picture(
            NasRnnPlan.parse(
                "2 layers, 200 units | add tanh | mul relu | mul sigmoid | inject add relu into 0 "
                "| memory of 1"
            )
        )
        assert texts(svg) == [
            *("word and last output", "last memory"),
            *("0", "tanh(word + output)", "relu(0 + last memory)"),
            *("1", "relu(word x output)", "2", "sigmoid(0 x 1)"),
            *("output", "new memory"),
        ]
        assert classes(svg) == [
            *("arc image", "arc image"),  # the word to 0 and 1
            "arc image",  # the last memory to what changes 0
            "straight",  # which is below 0
            *("arc skip", "straight"),  # 0, as changed, and 1 to 2
            "straight",  # 2 is the output
            "arc output",  # 1 the memory
        ]

    def test_a_root_that_is_injected_goes_on_as_it_is_then(self) -> None:
        svg = picture(
            NasRnnPlan.parse(
                "1 layer, 9 units | max identity | mul sin | max tanh | inject max identity into 2 "
                "| memory of 2"
            )
        )
        assert texts(svg)[2:] == [
            *("0", "max(word, output)", "1", "sin(word x output)", "2", "tanh(max(0, 1))"),
            *("max(2, last memory)", "output", "new memory"),
        ]
        assert classes(svg) == [
            *("arc image", "arc image", "arc image"),  # to 0, 1 and below 2
            "straight",  # 2 to what changes it
            *("arc skip", "straight"),  # 0 and 1 to 2
            "straight",  # what 2 becomes is the output
            "arc output",  # 2 as it was is the memory
        ]


@pytest.mark.parametrize("config", SPACES, ids=lambda config: config.kind)
@given(seed=st.integers(0, 2**32))
@settings(max_examples=20)
def test_every_architecture_has_a_picture_that_nothing_reaches_out_of(
    config: SpacePart, seed: int
) -> None:
    space, rng = config.build(), random.Random(seed)
    tokens = [
        rng.randrange(decision.num_values)
        for decision in space.decisions(1)
        for _ in range(decision.num_tokens)
    ]
    svg = ET.fromstring(picture(space.plan(tokens)))
    width, height = float(svg.get("width", "0")), float(svg.get("height", "0"))
    for rect in svg.iter(f"{SVG}rect"):
        assert 0 < float(rect.get("x", "")) < width - float(rect.get("width", ""))
        assert 0 < float(rect.get("y", "")) < height
    for path in svg.iter(f"{SVG}path"):
        curve = path.get("d", "")
        if "C" in curve:  # it swings out three quarters as far as its handles
            numbers = curve.translate(str.maketrans("MC", "  ")).split()
            side, handle = float(numbers[0]), float(numbers[2])
            assert 0 <= side + 0.75 * (handle - side) <= width


@pytest.mark.parametrize(
    "plan_class", [CnnPlan, MacroPlan, MicroPlan, NasNetPlan, NasRnnPlan, RnnPlan]
)
def test_every_plan_has_a_picture_whose_meaning_is_said(plan_class: type[Plan]) -> None:
    assert PICTURES[plan_class].key


def test_what_is_no_picture_means_nothing() -> None:
    assert picture_key(None) == ""
