from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from space_contract import Example, PlannedSpaceContract, Tokens
from space_strategies import image_reference_configs, text_reference_configs

from nas_lib.config import ImageReferencesConfig, TextReferencesConfig
from nas_lib.spaces import REFERENCES, STANDARD, Choice, ReferencePlan, hidden_for
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


class TestTextReferences(PlannedSpaceContract):
    configs = text_reference_configs()
    example = Example(
        TextReferencesConfig(hidden=412).build(), (0,), "lstm 412", "9a393d044796", "lstm 412"
    )
    misspelt = [
        (text, f"^a reference is a network like .*, got '{text}'$")
        for text in ("lstm", "lstm 0", "lstm 04", "lstm-412", "lstm 1 x 412", "lstm 101 x 412")
    ]
    strangers = [
        (text, f"^network must be one of .*, got {text}$") for text in ("lstm 411", "lstm 2 x 412")
    ]

    def num_layers(self, config: Any, depth: int, tokens: Tokens) -> int:
        return int(config.layers)


def test_several_lstms_are_called_by_their_number() -> None:
    (plan,) = TextReferencesConfig(hidden=412, layers=2).build().plans

    assert str(plan) == "lstm 2 x 412"
    assert ReferencePlan.parse("lstm 2 x 412") == plan


def test_there_is_one_choice_between_all_networks() -> None:
    assert ImageReferencesConfig(networks=NAMES).build().decisions(1) == (Choice("network", 5),)


@pytest.mark.parametrize("kind", ["images", "text"])
def test_every_name_that_is_told_is_one_and_the_standard_ones_are_among_them(kind: str) -> None:
    for name in REFERENCES[kind]:
        assert str(ReferencePlan.parse(f"{name} 3" if kind == "text" else name)).startswith(name)
    assert set(STANDARD[kind]) <= set(REFERENCES[kind])


@pytest.mark.parametrize("name", ["resnet-21", "vgg-16", "lstm 412", ""])
def test_a_name_that_is_none_is_refused_with_those_that_there_are(name: str) -> None:
    with pytest.raises(ValidationError, match="a network like resnet-20, resnet-32"):
        ImageReferencesConfig(networks=(name,))


def test_no_network_is_there_twice() -> None:
    with pytest.raises(ValidationError, match="networks must not repeat an option"):
        ImageReferencesConfig(networks=("resnet-20", "resnet-20"))


@given(
    num_parameters=st.integers(1, 10**8),
    num_words=st.integers(2, 10**5),
    layers=st.integers(1, 4),
    tied=st.booleans(),
)
def test_no_other_number_of_units_comes_nearer_to_a_number_of_parameters(
    num_parameters: int, num_words: int, layers: int, tied: bool
) -> None:
    def off(hidden: int) -> int:
        # embedding V H, and a softmax's; of each layer from word and output 4 H^2 each, biases 4 H
        words = num_words * hidden * (1 if tied else 2)
        return abs(words + layers * (8 * hidden**2 + 4 * hidden) - num_parameters)

    hidden = hidden_for(num_parameters, num_words, layers=layers, tied=tied)

    assert hidden >= 1
    assert off(hidden) <= min(off(hidden + 1), off(max(1, hidden - 1)))


def test_a_whole_number_of_units_is_found_again() -> None:
    # 10,000 x 200 + 8 x 200^2 + 4 x 200
    assert hidden_for(2_000_000 + 320_000 + 800, 10_000) == 200
    # twice each: 2 x 10,000 x 200, and two layers
    assert hidden_for(2 * (2_000_000 + 320_000 + 800), 10_000, layers=2, tied=False) == 200


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
