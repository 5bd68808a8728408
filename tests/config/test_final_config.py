"""The section `final`: what it takes from elsewhere, what it refuses, what a grid is."""

from __future__ import annotations

import json
from typing import Any

import pytest

from nas_lib.config import FinalConfig, ImageFinalConfig, SearchConfig, TextFinalConfig
from nas_lib.config.final import MOST_POINTS, at_point, axes, points
from nas_lib.config_file import identity, parse_config, resolve_config, to_yaml
from nas_lib.errors import ConfigError
from nas_lib.presets import PRESETS, preset
from nas_lib.yaml_text import parse_yaml


def digits(**final: Any) -> SearchConfig:
    config = resolve_config("digits", {"final": final}, stored=None)
    assert config is not None
    return config


def test_another_final_training_is_not_another_search() -> None:
    grids = [{}, {"learning_rate": [0.1, 0.2]}]
    others = [digits(), digits(top=7, seeds=1, grid=grids[1], follows=True, retrain=False)]

    assert others[0] != others[1]
    assert len({identity(config, "data") for config in others}) == 1


def test_children_take_what_they_leave_open_from_those_of_the_search() -> None:
    document = {
        "children": {"batch_size": 17, "augment": {"flip": False}, "epochs": 9},
        "final": {"children": {"dropout": 0.5}},
    }

    config = parse_config(document, source="test")
    children = config.final.children

    assert isinstance(children, ImageFinalConfig)
    assert (children.batch_size, children.augment.flip) == (17, False)
    assert (children.dropout, children.epochs) == (0.5, 100)  # said there, and of its own
    assert parse_config(parse_yaml(to_yaml(config), source=""), source="") == config


def test_a_language_model_is_trained_by_the_rates_of_the_search() -> None:
    children = preset("enas-rnn-pydoc").final.children

    assert isinstance(children, TextFinalConfig)
    assert (children.learning_rate, children.momentum, children.clip_norm) == (20.0, 0.0, 0.25)
    assert children.text == preset("enas-rnn-pydoc").children.text  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("final", "sentence"),
    [
        (
            {"grid": {"lerning_rate": [0.1]}},
            "final.grid: final.children has no setting lerning_rate to try values of; did you "
            "mean learning_rate?",
        ),
        ({"grid": {"keep": [1]}}, "final.children has no setting keep to try values of"),
        ({"grid": {"augment": [{}]}}, "final.children has no setting augment to try values of"),
        ({"grid": {"reward.power": [1]}}, "final.children has no setting reward.power to try"),
        ({"grid": {"include_validation": [True]}}, "has no setting include_validation to try"),
        (
            {"grid": {"learning_rate": [0.1, -1]}},
            "final.grid: learning_rate should be greater than 0, got -1",
        ),
        ({"grid": {"initialisation": ["warm"]}}, "final.grid: initialisation should be"),
        ({"grid": {"augment.cutout": [2, 2.0]}}, "final.grid: augment.cutout has 2 twice"),
        (
            {"grid": {"learning_rate": []}},
            "learning_rate should be a list of at least 1",
        ),
        (
            {"grid": {"momentum": [0.0, 0.9]}},
            "final.grid: nesterov needs a momentum above 0",
        ),
        (
            {"grid": {"dropout": [n / 100 for n in range(50)], "epochs": [*range(1, 22)]}},
            "final.grid: it should have at most 1,000 points, got 1,050",
        ),
        (
            {"size": {"hidden": 9, "more_filters": None}},
            "size.hidden is not for space.kind cnn",
        ),
        ({"size": {"cells": 0}}, "final.size.cells should be at least 1, got 0"),
        (
            {"references": ["vgg-16"]},
            "references: networks.0 should be a network like",
        ),
        ({"references": ["lstm"]}, "references: networks.0 should be a network like"),
        ({"top": 0}, "final.top should be at least 1, got 0"),
        ({"children": {"drop_path": 0.2}}, "final.children.drop_path is for networks of cells"),
    ],
)
def test_what_cannot_be_is_refused_in_a_sentence(final: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ConfigError) as refused:
        digits(**final)

    assert sentence in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_size_that_no_layer_may_have_is_refused() -> None:
    overrides = {"space.num_filters": [65_536], "final.size.more_filters": 1}

    with pytest.raises(ConfigError, match=r"size does not go with space\.kind cnn: .* 65536"):
        resolve_config("digits", overrides, stored=None)


def test_nothing_follows_where_others_judge() -> None:
    document = {"children": {"evaluate": "mine:judge"}, "final": {"follows": True}}

    with pytest.raises(ConfigError, match="judges, and nothing is trained here"):
        parse_config(document, source="test")
    assert parse_config({"children": document["children"]}, source="").final.children is None


def test_a_grid_has_its_values_as_settings_have_them() -> None:
    through_kubeflow = json.loads('{"batch_size": [16.0, 32.0], "augment.flip": ["true"]}')

    assert digits(grid=through_kubeflow).final.grid == {
        "batch_size": [16, 32],
        "augment.flip": [True],
    }


def test_settings_that_exclude_each_other_may_be_tried_together_where_they_go() -> None:
    grid = {"momentum": [0.0, 0.9], "nesterov": [False]}

    assert len(points(digits(grid=grid).final.grid)) == 2


def test_points_are_all_combinations_in_order_and_one_where_there_are_none() -> None:
    assert points({}) == [{}]
    assert points({"a": [1, 2], "b": [3, 4]}) == [
        {"a": 1, "b": 3},
        {"a": 1, "b": 4},
        {"a": 2, "b": 3},
        {"a": 2, "b": 4},
    ]


@pytest.mark.parametrize("kind", [ImageFinalConfig, TextFinalConfig])
def test_every_axis_of_a_grid_is_a_setting_that_may_be_set(
    kind: type[ImageFinalConfig] | type[TextFinalConfig],
) -> None:
    children = kind()
    plain = children.model_dump(mode="json")
    names = [*axes(kind)]

    assert {"learning_rate", "weight_decay", "epochs", "decay_after"} <= set(names)
    for name in names:
        value: Any = plain
        for part in name.split("."):
            value = value[part]
        assert at_point(children, {name: value}) == children


def test_papers_axes_are_there() -> None:
    wanted = {"dropout", "norm_epsilon", "initialisation", "augment.cutout"}

    assert wanted <= {*axes(ImageFinalConfig)}
    assert "text.output_dropout" in axes(TextFinalConfig)


def test_another_space_or_task_drops_what_was_for_the_one_before() -> None:
    other = resolve_config("digits", {"space.kind": "enas-micro"}, stored=None)
    sized = resolve_config(
        "digits", {"final.size.filters": 8, "space.kind": "enas-macro"}, stored=None
    )

    assert other is not None
    assert other.final.size.more_filters is None
    assert sized is not None
    assert sized.final.size.filters == 8


@pytest.mark.parametrize("name", PRESETS)
def test_a_presets_networks_have_a_final_size_of_their_space(name: str) -> None:
    config = preset(name)

    assert config.final.size.model_dump(exclude_none=True)
    assert config.space.at_size(config.final.size).kind == config.space.kind
    assert bool(config.final.grid) == (name == "nas-rnn-paper")  # Zoph & Le 2017, section 4.2
    assert not config.final.follows
    assert MOST_POINTS == 1000
    trained = {
        "photos": (2, 3),  # meant for half an hour in all
        "photos-shared": (2, 3),
        "nas-rnn-paper": (1, 1),  # the best cell
        "nasnet-paper": (250, 1),  # Zoph et al. 2018, appendix A
        "nasnet-imagenet-mobile": (3, 1),
        "nasnet-imagenet-large": (3, 1),
    }
    assert (config.final.top, config.final.seeds) == trained.get(name, (3, 3))


@pytest.mark.parametrize(
    ("name", "size"),
    [
        ("nas-cnn", {"more_filters": 40}),  # Zoph & Le 2017, table 1
        ("enas-macro-paper", {"filters": 96}),
        ("enas-micro-paper", {"cells": 15, "filters": 36}),
        ("enas-rnn-paper", {"hidden": 748}),
        ("enas-rnn-official-code", {"hidden": 800}),
        ("nasnet-paper", {"cells": 6, "filters": 32}),  # 6@768: 32 filters, doubled twice ...
        ("nasnet-imagenet-mobile", {"cells": 4, "filters": 44, "large_stem": 32}),  # 4@1056
        ("nasnet-imagenet-large", {"cells": 6, "filters": 168, "large_stem": 96}),  # 6@4032
    ],
)
def test_papers_end_with_their_published_sizes(name: str, size: dict[str, int]) -> None:
    assert preset(name).final.size.model_dump(exclude_none=True) == size


def test_a_document_without_the_section_has_it() -> None:
    assert SearchConfig().final == FinalConfig(children=SearchConfig().final.children)
