"""`controller: auto`: what it stands for, and that this stays what it was when a search began."""

from __future__ import annotations

import pytest

import nas_lib
from nas_lib.config import (
    AutoConfig,
    EvolutionConfig,
    GaussianProcessConfig,
    ReinforceConfig,
    SearchConfig,
    SharedConfig,
)
from nas_lib.config_file import parse_config, to_yaml
from nas_lib.errors import ConfigError
from nas_lib.yaml_text import parse_yaml


def test_a_document_that_names_no_controller_has_what_is_best_by_rounds() -> None:
    assert SearchConfig().controller == AutoConfig(chosen=GaussianProcessConfig())
    assert SearchConfig().controller.label == "auto (gaussian-process)"


@pytest.mark.parametrize("name", ["digits", "photos"])
def test_small_presets_have_it(name: str) -> None:
    assert isinstance(nas_lib.preset(name).controller, AutoConfig)


@pytest.mark.parametrize("name", ["nas-cnn", "nas-cnn-strides", "enas-macro-paper"])
def test_the_papers_have_theirs(name: str) -> None:
    assert isinstance(nas_lib.preset(name).controller, ReinforceConfig)


@pytest.mark.parametrize(
    "controller", ["auto", {"kind": "auto"}, {}, {"kind": "auto", "chosen": None}]
)
def test_it_may_be_said_in_a_word(controller: object) -> None:
    config = parse_config({"controller": controller}, source="test")
    assert config.controller == AutoConfig(chosen=GaussianProcessConfig())


def test_any_controller_may_be_named_in_a_word() -> None:
    config = parse_config({"controller": "evolution"}, source="test")
    assert config.controller == EvolutionConfig()
    with pytest.raises(ConfigError, match="controller"):
        parse_config({"controller": "evolutoin"}, source="test")


def test_where_weights_are_shared_it_is_one_that_learns_from_them() -> None:
    config = parse_config(
        {"space": {"kind": "enas-macro"}, "search": {"kind": "shared"}}, source=""
    )
    chosen = config.controller.proposer
    assert isinstance(chosen, ReinforceConfig)
    assert (chosen.policy.kind, chosen.baseline) == ("enas", "leave_one_out")
    assert isinstance(config.search, SharedConfig)
    assert config.search.judges_in_common(config.controller)


def test_a_document_that_was_written_out_says_what_was_chosen_and_keeps_it() -> None:
    written = to_yaml(SearchConfig()).replace("patience: 64", "patience: 7")
    config = parse_config(parse_yaml(written, source="test"), source="test")
    assert config.controller == AutoConfig(chosen=GaussianProcessConfig(patience=7))
