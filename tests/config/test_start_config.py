"""`search.start_from` as people write it, and as it travels."""

from __future__ import annotations

from typing import Any

import pytest

from nas_lib.architecture import Architecture
from nas_lib.config import RoundsConfig, StartConfig
from nas_lib.config_file import apply_overrides, as_preset, parse_config, resolve_config, to_yaml
from nas_lib.errors import ConfigError
from nas_lib.yaml_text import parse_yaml

LISTED = StartConfig(architectures=("x", "y"))
ANOTHER = StartConfig(search="s3://bucket/last")


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        (["x", "y"], LISTED),
        ([Architecture("cnn", (1,), "x"), "y"], LISTED),
        ({"architectures": ["x", "y"]}, LISTED),
        ("s3://bucket/last", ANOTHER),
        ({"search": "s3://bucket/last", "best": 8}, ANOTHER),
        (None, None),
    ],
)
def test_a_list_and_a_place_are_short_for_a_section(given: Any, meant: StartConfig | None) -> None:
    assert RoundsConfig(start_from=given).start_from == meant


@pytest.mark.parametrize("given", [["x"], "runs/last", {"search": "runs/last", "best": 3}, None])
def test_it_survives_a_file_and_the_way_to_a_cluster(given: Any) -> None:
    config = parse_config({"search": {"start_from": given}}, source="test")

    assert parse_config(parse_yaml(to_yaml(config), source="file"), source="file") == config
    assert resolve_config(*as_preset(config), stored=None) == config


def test_an_override_may_name_one_of_its_settings() -> None:
    document = apply_overrides({}, ["search.start_from.search=runs/last"])
    changed = apply_overrides(document, ["search.start_from.best=3"])

    found = parse_config(changed, source="test").search
    assert isinstance(found, RoundsConfig)
    assert found.start_from == StartConfig(search="runs/last", best=3)


WANTED = "it should be a list of architectures or where another search lies, got"


@pytest.mark.parametrize(
    ("search", "said"),
    [
        ({"start_from": 5}, f"search.start_from: {WANTED} 5"),
        ({"start_from": True}, f"search.start_from: {WANTED} true"),
        ({"start_from": []}, "search.start_from: it names no architecture and no search"),
        ({"start_from": {"best": 2}}, "search.start_from: it names no architecture and no search"),
        ({"start_from": ["x", 3]}, "search.start_from.architectures.1 should be text, got 3"),
        (
            {"start_from": {"search": "x", "best": 0}},
            "search.start_from.best should be at least 1, got 0",
        ),
        (
            {"start_from": {"serch": "x"}},
            "unknown setting search.start_from.serch; did you mean search?",
        ),
        (
            {"kind": "shared", "start_from": ["x"]},
            "unknown setting search.start_from; it goes with search.kind rounds",
        ),
    ],
)
def test_what_it_cannot_be_is_a_sentence(search: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_config({"search": search}, source="test")

    assert said in str(caught.value)
