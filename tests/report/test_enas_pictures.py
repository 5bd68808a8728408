"""Pictures of what ENAS searches for."""

from __future__ import annotations

import random
import xml.etree.ElementTree as ET

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nas_lib.architecture import Architecture
from nas_lib.config import (
    EnasMacroSpaceConfig,
    EnasMicroSpaceConfig,
    EnasRnnSpaceConfig,
    SharedSpaceConfig,
)
from nas_lib.report.markup import Markup
from nas_lib.report.pictures import network_picture, picture_key
from nas_lib.spaces import build_space

SVG = "{http://www.w3.org/2000/svg}"
SPACES: list[SharedSpaceConfig] = [
    EnasMacroSpaceConfig(),
    EnasMicroSpaceConfig(),
    EnasRnnSpaceConfig(),
    EnasRnnSpaceConfig(variant="original"),
]


def texts(svg: Markup) -> list[str]:
    return [each.text for each in ET.fromstring(svg).iter(f"{SVG}text") if each.text]


def classes(svg: Markup) -> list[str]:
    return [name for g in ET.fromstring(svg).iter(f"{SVG}g") if (name := g.get("class"))]


def picture(space: str, config: str) -> Markup:
    return network_picture(Architecture(space, (), config))


class TestMacro:
    CONFIG = "24 filters | conv3 | sep5 + 0 | max3 + 1 | avg3"

    def test_layers_stand_in_order_with_their_channels(self):
        # Four layers: halved after layers 1 and 2, which doubles the channels
        assert texts(picture("enas-macro", self.CONFIG)) == [
            *("0", "stem: conv 3x3", "24"),
            *("1", "conv 3x3, then halved", "24"),
            *("2", "sep 5x5, then halved", "48"),
            *("3", "max pool 3x3", "96"),
            *("4", "avg pool 3x3", "96"),
            "classifier",
        ]

    def test_skips_are_arcs_and_the_chain_is_straight(self):
        assert classes(picture("enas-macro", self.CONFIG)) == [
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

    def test_both_cells_are_drawn_under_their_names(self):
        assert texts(picture("enas-micro", self.CONFIG)) == [
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

    def test_an_input_taken_twice_has_one_arrow(self):
        assert classes(picture("enas-micro", self.CONFIG)) == [
            *("arc skip", "straight"),  # 0 and 1 to 2
            "straight",  # 2 to 3, twice
            "straight",  # 3, the loose end
            "straight",  # 1 to 2, twice
            *("arc skip", "straight"),  # 0 and 2 to 3
            "straight",  # 3, the loose end
        ]


class TestRnn:
    def test_a_cell_is_its_functions_and_what_they_take(self):
        svg = picture("enas-rnn", "800 units | tanh | relu(0) | sigmoid(0) | mean of 1,2")
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


@pytest.mark.parametrize("config", SPACES, ids=lambda config: config.kind)
@given(seed=st.integers(0, 2**32))
@settings(max_examples=20)
def test_every_architecture_has_a_picture_that_nothing_reaches_out_of(config, seed):
    space, rng = build_space(config), random.Random(seed)
    tokens = [
        rng.randrange(decision.num_values)
        for decision in space.decisions(1)
        for _ in range(decision.num_tokens)
    ]
    svg = ET.fromstring(network_picture(space.decode(tokens)))
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


@pytest.mark.parametrize("space", ["cnn", "enas-macro", "enas-micro", "enas-rnn"])
def test_what_a_picture_means_is_said(space):
    assert picture_key(Architecture(space, (), ""))
    assert picture_key(Architecture("mine", (), "")) == ""
