from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from space_contract import Example, PlannedSpaceContract, Tokens
from space_strategies import image_reference_configs, text_reference_configs

from nas_lib.config import ImageReferencesConfig, SeriesReferencesConfig, TextReferencesConfig
from nas_lib.spaces import REFERENCES, STANDARD, Choice, ReferencePlan, sized
from nas_lib.spaces.references import AirbenchPlan

LAYERS = {"resnet-8": 8, "densenet-10-2": 10, "densenet-bc-16-3": 16, "plain-cnn": 7}
NAMES = ("resnet-20", "densenet-40-12", "densenet-bc-100-12", "mobilenet-v2", "airbench")


class TestImageReferences(PlannedSpaceContract):
    configs = image_reference_configs()
    example = Example(
        ImageReferencesConfig(networks=NAMES).build(),
        (2,),
        "densenet-bc-100-12",
        "7275282c0e38",
        "densenet-bc-100-12",
    )
    misspelt = [
        (text, f"^a reference is a network like resnet-20, .*, got '{text}'$")
        for text in ("resnet-21", "resnet-2", "resnet-020", "densenet-41-12", "densenet-bc-40-0")
    ]
    strangers = [
        ("plain-cnn", "^network must be one of .*, got plain-cnn$"),
        ("lstm 412", "^network must be one of .*, got lstm 412$"),
    ]

    def num_layers(self, config: Any, depth: int, tokens: Tokens) -> int:
        return LAYERS[config.networks[tokens[0]]]


class TestSeriesReferences(PlannedSpaceContract):
    configs = st.just(SeriesReferencesConfig())
    example = Example(
        SeriesReferencesConfig().build(), (1,), "resnet-1d", "cba689667ed0", "resnet-1d"
    )
    misspelt = [("fcn-3", "^a reference is a network like .*, got 'fcn-3'$")]
    strangers = [("resnet-20", "^network must be one of .*, got resnet-20$")]

    def num_layers(self, config: Any, depth: int, tokens: Tokens) -> int:
        return (4, 10)[tokens[0]]


class TestTextReferences(PlannedSpaceContract):
    configs = text_reference_configs()
    example = Example(
        TextReferencesConfig(hidden=412).build(), (0,), "lstm 412", "9a393d044796", "lstm 412"
    )
    misspelt = [
        (text, f"^a reference is a network like .*, got '{text}'$")
        for text in ("lstm", "lstm 0", "lstm 04", "lstm-412", "gru 1 x 412", "lstm 101 x 412")
    ]
    strangers = [
        (text, f"^network must be one of .*, got {text}$") for text in ("lstm 411", "lstm 2 x 412")
    ]

    def num_layers(self, config: Any, depth: int, tokens: Tokens) -> int:
        of_its_own = {"gru 4": 1, "lstm 2 x 3": 2}
        return int(of_its_own.get(config.networks[tokens[0]], config.layers))


def test_several_cells_are_called_by_their_number_and_may_have_sizes_of_their_own() -> None:
    names = ("lstm", "gru", "gru 475", "lstm 3 x 7")
    plans = TextReferencesConfig(networks=names, hidden=412, layers=2).build().plans

    assert [*map(str, plans)] == ["lstm 2 x 412", "gru 2 x 412", "gru 475", "lstm 3 x 7"]
    assert [ReferencePlan.parse(str(plan)) for plan in plans] == [*plans]


def test_there_is_one_choice_between_all_networks() -> None:
    assert ImageReferencesConfig(networks=NAMES).build().decisions(1) == (Choice("network", 5),)


@pytest.mark.parametrize("kind", REFERENCES)
def test_every_name_that_is_told_is_one_and_the_standard_ones_are_among_them(kind: str) -> None:
    size = "" if kind in ("images", "series") else " 3"
    for name in REFERENCES[kind]:
        assert str(ReferencePlan.parse(f"{name}{size}")).startswith(name)
    assert set(STANDARD[kind]) <= set(REFERENCES[kind])


@pytest.mark.parametrize("name", ["resnet-21", "vgg-16", "lstm 412", ""])
def test_a_name_that_is_none_is_refused_with_those_that_there_are(name: str) -> None:
    with pytest.raises(ValidationError, match="a network like resnet-20, resnet-32"):
        ImageReferencesConfig(networks=(name,))


def test_no_network_is_there_twice() -> None:
    with pytest.raises(ValidationError, match="networks must not repeat an option"):
        ImageReferencesConfig(networks=("resnet-20", "resnet-20"))


@given(
    cell=st.sampled_from(["lstm", "gru"]),
    wanted=st.integers(1, 10**8),
    num_words=st.integers(2, 10**5),
    layers=st.integers(1, 4),
)
def test_no_other_number_of_units_comes_nearer_to_a_number_of_parameters(
    cell: str, wanted: int, num_words: int, layers: int
) -> None:
    gates = {"lstm": 4, "gru": 3}[cell]

    def num_weights(plan: Any) -> int:
        # embedding V H; of each layer and gate from word and output H^2 each, biases H
        hidden = plan.hidden
        return int(num_words * hidden + plan.layers * gates * (2 * hidden**2 + hidden))

    name = sized(cell, num_weights, wanted, layers=layers)

    found: Any = ReferencePlan.parse(name)
    assert (found.name, found.layers) == (cell, layers)
    off = [
        abs(num_weights(replace(found, hidden=hidden)) - wanted)
        for hidden in range(max(1, found.hidden - 1), found.hidden + 2)
    ]
    assert abs(num_weights(found) - wanted) == min(off)


def test_a_whole_number_of_units_is_found_again() -> None:
    def num_weights(plan: Any) -> int:
        return 10_000 * plan.hidden + plan.layers * (8 * plan.hidden**2 + 4 * plan.hidden)

    # 10,000 x 200 + 2 x (8 x 200^2 + 4 x 200)
    wanted = 2_000_000 + 2 * (320_000 + 800)
    assert sized("lstm", num_weights, wanted, layers=2) == "lstm 2 x 200"


@pytest.mark.parametrize("name", ["resnet-20", "lstm 412", "gru 2 x 412"])
def test_what_says_its_size_or_has_but_one_keeps_it(name: str) -> None:
    assert sized(name, lambda plan: 1, 10**6, layers=3) == name


@pytest.mark.parametrize("name", ["lstm-3", "gru 0", "gru 65537", "resnet-20", "rnn", ""])
def test_a_recurrent_network_that_is_none_is_refused_with_those_that_there_are(name: str) -> None:
    with pytest.raises(ValidationError, match="a network like lstm, gru, lstm 2 x 412"):
        TextReferencesConfig(networks=(name,))


def test_the_recipe_of_airbench_is_the_published_one_for_batches_of_any_size() -> None:
    recipe = AirbenchPlan(94).recipe(batch_size=512, flips=True)

    # for 1024 examples, 11.5 / (1 + 1 / 0.15) = 1.5; what is taken off a weight in such a step is
    # 0.0153 / (1 + 1 / 0.15) of it
    assert recipe["learning_rate"] == 0.75
    assert recipe["learning_rate"] * recipe["weight_decay"] * 2 == pytest.approx(
        0.0153 / (1 + 1 / 0.15), rel=0.01
    )
    assert recipe["augment.flip"] == "alternating"


def test_images_that_are_not_flipped_are_not_flipped_by_a_recipe_either() -> None:
    assert "augment.flip" not in AirbenchPlan(96).recipe(batch_size=128, flips=False)


@pytest.mark.parametrize("name", REFERENCES["images"][:-2])
def test_all_other_networks_are_trained_as_what_was_found(name: str) -> None:
    assert ReferencePlan.parse(name).recipe(batch_size=128, flips=True) == {}
