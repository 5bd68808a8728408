"""What of a final training is as in the search's children goes with them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from nas_lib.config import SearchConfig
from nas_lib.config_file import apply_overrides, as_preset, parse_config, resolve_config, to_yaml
from nas_lib.errors import ConfigError
from nas_lib.presets import preset
from nas_lib.yaml_text import parse_yaml


def changed(document: object, *overrides: str) -> SearchConfig:
    return parse_config(apply_overrides(document, overrides), source="test")


def final_children(config: SearchConfig) -> dict[str, Any]:
    assert config.final.children is not None
    return config.final.children.model_dump()


def resolved(name: str) -> dict[str, Any]:
    return preset(name).model_dump(mode="json")


def test_a_presets_final_training_follows_its_children_where_it_is_as_they_are() -> None:
    config = changed(resolved("enas-rnn-pydoc"), "children.batch_size=8", "children.text.bptt=7")

    children = final_children(config)
    before = final_children(preset("enas-rnn-pydoc"))
    assert (children["batch_size"], children["text"]["bptt"]) == (8, 7)
    assert children["epochs"] == before["epochs"] == 8  # of its own
    assert children["text"] == {**before["text"], "bptt": 7}


def test_what_is_otherwise_there_stays_as_it_is() -> None:
    # nas-rnn-paper ties the weights of its largest network, and so has a text of its own
    config = changed(resolved("nas-rnn-paper"), "children.text.bptt=20", "children.batch_size=10")

    assert final_children(config)["text"]["bptt"] == 35
    assert final_children(config)["batch_size"] == 10


def test_what_is_said_of_the_final_training_counts_whatever_the_order() -> None:
    overrides = ["final.children.text.bptt=9", "children.text.bptt=7", "children.text.tied=false"]

    for order in (overrides, overrides[::-1]):
        text = final_children(changed(resolved("enas-rnn-pydoc"), *order))["text"]
        assert (text["bptt"], text["tied"]) == (9, False)


def test_a_preset_written_as_a_file_means_the_same_with_the_same_override() -> None:
    written = parse_yaml(to_yaml(preset("digits")), source="test")

    assert changed(written, "children.batch_size=8") == changed(
        resolved("digits"), "children.batch_size=8"
    )


def test_a_document_that_says_both_has_both() -> None:
    document = {"children": {"threads": 2}, "final": {"children": {"threads": 2}}}

    config = changed(document, "children.threads=3")

    assert (config.children.threads, final_children(config)["threads"]) == (3, 2)  # type: ignore[union-attr]


def test_a_value_that_cannot_be_is_refused_once() -> None:
    with pytest.raises(ConfigError) as refused:
        changed(resolved("digits"), "children.batch_size=0")

    assert str(refused.value).count("batch_size") == 1


def test_another_kind_of_children_leaves_nothing_to_follow() -> None:
    config = changed(
        resolved("digits"),
        "children.kind=own",
        "children.evaluate=module:name",
        "children.threads=2",
    )

    assert config.final.children is None


@pytest.mark.parametrize(
    "overrides",
    [
        {"children.batch_size": 8},
        {"children.text.bptt": 7, "final.children.text.bptt": 9},
        {"children.batch_size": 8, "final.children.batch_size": 16},  # 16 is as it was
    ],
)
def test_a_changed_preset_is_named_by_what_was_changed(overrides: Mapping[str, Any]) -> None:
    config = resolve_config("enas-rnn-pydoc", overrides, stored=None)

    assert config is not None
    assert as_preset(config) == ("enas-rnn-pydoc", overrides)
