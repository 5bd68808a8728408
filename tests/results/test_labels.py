"""What tells groups of searches apart."""

from __future__ import annotations

from typing import Any

from nas_lib.config import (
    EnasPolicyConfig,
    ImageChildrenConfig,
    NasPolicyConfig,
    RandomConfig,
    ReinforceConfig,
    SearchConfig,
)
from nas_lib.results.labels import labels


def labels_of(*settings: dict[str, Any]) -> list[str]:
    return labels([SearchConfig(**{"controller": ReinforceConfig(), **each}) for each in settings])


def test_a_controller_is_enough_where_no_other_of_its_kind_is_there() -> None:
    faster = {"controller": ReinforceConfig(learning_rate=0.1)}
    random = {"controller": RandomConfig()}
    assert labels_of(faster, random, {**random, "seed": 1}) == ["reinforce", "random", "random"]


def test_two_of_a_kind_are_told_apart_by_the_settings_that_differ() -> None:
    found = labels_of(
        {"controller": ReinforceConfig(learning_rate=0.1, entropy_in="reward")},
        {"controller": ReinforceConfig(learning_rate=0.1, policy=NasPolicyConfig(num_layers=1))},
    )
    assert found == [
        "reinforce, num_layers 2, entropy_in reward",
        "reinforce, num_layers 1, entropy_in objective",
    ]


def test_a_policy_that_is_in_the_name_is_no_difference_within_a_kind() -> None:
    enas = {"controller": ReinforceConfig(policy=EnasPolicyConfig())}
    assert labels_of({}, enas) == ["reinforce", "reinforce (enas)"]


def test_other_sections_are_named_in_full_and_come_after_the_controller() -> None:
    found = labels_of(
        {"children": ImageChildrenConfig(epochs=5)},
        {"controller": ReinforceConfig(learning_rate=0.1)},
    )
    assert found == [
        "reinforce, learning_rate 0.0006, children.epochs 5",
        "reinforce, learning_rate 0.1, children.epochs 50",
    ]


def test_where_a_few_settings_do_not_tell_them_apart_a_number_does() -> None:
    many = {"learning_rate": 0.1, "adam_beta_1": 0.5, "adam_epsilon": 0.1}
    found = labels_of(
        {},
        {"controller": ReinforceConfig(**many)},
        {"controller": ReinforceConfig(**many, baseline_decay=0.5)},
    )
    told = "reinforce, learning_rate 0.1, adam_beta_1 0.5, adam_epsilon 0.1"
    assert found[1:] == [told, f"{told} (3)"]
