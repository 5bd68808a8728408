"""From a source of networks and a document to the search that is both, without any training."""

from __future__ import annotations

from typing import Any

import pytest
from searches import tabular

from nas_lib.config import (
    FORMAT_VERSION,
    CellsConfig,
    EnasMicroSpaceConfig,
    EnasRnnSpaceConfig,
    HiddenConfig,
    SearchConfig,
    SizeConfig,
)
from nas_lib.config_file import as_preset, parse_config, resolve_config, to_yaml
from nas_lib.errors import ArchitectureError, ConfigError
from nas_lib.open_search import OpenSearch
from nas_lib.presets import preset
from nas_lib.spaces.published import PUBLISHED
from nas_lib.steps import Transferred, transferred
from nas_lib.store import StoredSearch, layout
from nas_lib.yaml_text import parse_yaml

CELL = "enas-micro"
PHOTOS: dict[str, Any] = preset("photos").model_dump(mode="json")
TEXT = "3 cells, 4 filters | normal: sep3(0)+max3(1) | reduction: avg3(0)+sep3(1)"


@pytest.fixture
def source() -> str:
    """A search that has begun, and says how large its networks are in the end."""
    config = SearchConfig(
        space=EnasMicroSpaceConfig(nodes=1, child=CellsConfig(cells=3, filters=4)),
        final={"size": {"cells": 6}},
    )
    found = OpenSearch("memory://source-of-cells")
    found.store.settle(layout.SEARCH, StoredSearch(FORMAT_VERSION, "id", "data", config))
    return found.uri


def to_photos(source: str = CELL, *, networks: tuple[str, ...] = (), **changes: Any) -> Transferred:
    given = {name.replace("__", "."): value for name, value in changes.items()}
    return transferred(source, PHOTOS, changes=given.items(), networks=networks)


def test_the_space_is_the_sources_and_the_rest_is_the_documents() -> None:
    config = to_photos(final__seeds=2, children__batch_size=32).config

    assert config.space == PUBLISHED[CELL].space
    assert config.search.model_dump(exclude={"lease_s"}) == {
        "kind": "transfer",
        "source": CELL,
        "networks": (PUBLISHED[CELL].architecture,),
        "origins": (CELL,),
    }
    assert config.task == preset("photos").task
    assert (config.final.seeds, config.final.top, config.final.follows) == (2, 1, True)
    assert config.children.batch_size == 32
    assert config.controller.kind == "random"


def test_what_is_left_out_of_the_document_is_said_in_a_line() -> None:
    (line,) = to_photos().notice.splitlines()

    assert line.startswith("these networks are of space.kind enas-micro, as enas-micro has them;")
    assert "left out of the document: space.kind cnn" in line
    assert transferred(CELL, {"task": PHOTOS["task"]}).notice == ""


def test_settings_for_cells_are_no_obstacle_where_the_networks_have_none() -> None:
    config = SearchConfig(space={"kind": "cnn"})
    found = OpenSearch("memory://source-of-layers")
    found.store.settle(layout.SEARCH, StoredSearch(FORMAT_VERSION, "id", "data", config))
    document = {
        "space": {"kind": "enas-micro"},
        "children": {"drop_path": 0.3},
        "final": {"size": {"cells": 6}, "children": {"auxiliary_weight": 0.4}},
    }

    network = "conv 3x3x24/1x1 <- image | conv 3x3x24/1x1 <- 1 | conv 3x3x24/1x1 <- 2"
    made = transferred(found.uri, document, networks=[network])

    assert made.config.children.drop_path == 0
    assert made.config.final.size == SizeConfig()
    for name in ("space.kind enas-micro", "final.size.cells", "final.children.auxiliary_weight"):
        assert name in made.notice


@pytest.mark.parametrize(
    ("document", "changes", "size"),
    [
        ({}, {}, {"cells": 6}),  # as the source has it
        ({"space": {"kind": "cnn"}, "final": {"size": {"more_filters": 9}}}, {}, {"cells": 6}),
        ({"space": {"kind": "enas-micro"}, "final": {"size": {"filters": 9}}}, {}, {"filters": 9}),
        ({"final": {"size": {"filters": 9}}}, {}, {"filters": 9}),  # it says no other space
        ({}, {"filters": 8}, {"cells": 6, "filters": 8}),
        ({}, {"cells": 9}, {"cells": 9}),
        ({}, {"parameters": 5000}, {"parameters": 5000}),  # which picks all anew
    ],
)
def test_sizes_are_what_is_asked_for_else_the_documents_else_the_sources(
    source: str, document: dict[str, Any], changes: dict[str, int], size: dict[str, int]
) -> None:
    asked = {f"final.size.{name}": value for name, value in changes.items()}

    made = transferred(source, document, changes=asked.items(), networks=[TEXT])

    assert made.config.final.size == SizeConfig(**size)


def test_sizes_may_be_given_as_a_whole_section() -> None:
    assert to_photos(final__size={"cells": 9}).config.final.size == SizeConfig(cells=9)


def test_it_survives_a_file_and_the_way_to_a_cluster() -> None:
    config = to_photos(final__size__parameters=50_000).config

    assert parse_config(parse_yaml(to_yaml(config), source="file"), source="file") == config
    assert resolve_config(*as_preset(config), stored=None) == config


def test_a_source_that_is_none_is_one_sentence(source: str) -> None:
    with pytest.raises(ConfigError, match=r"nor are published cells called nasnet-z: known are en"):
        to_photos("nasnet-z")
    with pytest.raises(ConfigError, match="is not finished, it has 0 of 12,800 children"):
        to_photos(source)
    with pytest.raises(ArchitectureError, match="an enas-micro network must read like"):
        to_photos(source, networks=("a cat",))
    with pytest.raises(ConfigError, match="one published network, of which there is nothing to"):
        to_photos(networks=(TEXT,))
    with pytest.raises(ConfigError, match="leave out --top"):
        transferred(CELL, PHOTOS, top=2)


def test_networks_that_are_none_cannot_be_transferred() -> None:
    found = OpenSearch("memory://source-of-products")
    found.store.settle(layout.SEARCH, StoredSearch(FORMAT_VERSION, "id", "data", tabular()))

    with pytest.raises(ConfigError, match="trains nothing: its architectures are judged by a"):
        to_photos(found.uri)


def test_what_does_not_go_together_is_one_sentence() -> None:
    with pytest.raises(ConfigError, match=r"are for task\.kind images, and the document has task"):
        transferred(CELL, {"task": {"kind": "text"}})
    for setting in ("space.kind", "search.max_children", "controller.kind"):
        with pytest.raises(ConfigError, match=f"{setting} has no meaning in a transfer"):
            transferred(CELL, PHOTOS, changes=[(setting, 1)])
    with pytest.raises(ConfigError, match=r"document: expected settings \(key: value\), got \[\]"):
        transferred(CELL, [])
    with pytest.raises(ConfigError, match=r"final should be a section of settings"):
        transferred(CELL, {"final": 5})
    with pytest.raises(ConfigError, match=r"final\.size should be a section of settings"):
        transferred(CELL, {"final": {"size": 5}})
    with pytest.raises(ConfigError, match=r"final\.top should be at least 1, got -1"):
        transferred(CELL, {"final": {"top": -1}})
    with pytest.raises(ConfigError, match=r"child\.cells should be a multiple of 3, got 4"):
        to_photos(final__size__cells=4)


def test_cells_for_text_go_to_other_texts() -> None:
    space = EnasRnnSpaceConfig(nodes=2, child=HiddenConfig(hidden=6))
    config = SearchConfig(task={"kind": "text"}, space=space)
    found = OpenSearch("memory://source-for-text")
    found.store.settle(layout.SEARCH, StoredSearch(FORMAT_VERSION, "id", "data", config))
    network = "6 units | tanh | relu(0) | tanh(1) | mean of 1,2"

    made = transferred(
        found.uri,
        {"task": {"kind": "text"}},
        changes=[("final.size.parameters", 10_000)],
        networks=[network],
    )

    assert made.config.final.size == SizeConfig(parameters=10_000)


def test_a_recurrent_cell_becomes_that_of_a_translator() -> None:
    found = OpenSearch("memory://source-of-recurrent-cells")
    space = EnasRnnSpaceConfig(nodes=2, child=HiddenConfig(hidden=32))
    config = SearchConfig(task={"kind": "text"}, space=space, final={"size": {"hidden": 64}})
    found.store.settle(layout.SEARCH, StoredSearch(FORMAT_VERSION, "id", "data", config))
    network = space.build().decode((0,) * 4).config
    pairs = preset("translation").model_dump(mode="json")

    made = transferred(found.uri, pairs, networks=[network], changes=[("children.batch_size", 8)])
    published = transferred("nas-cell", pairs)

    assert made.config.task.kind == made.config.children.kind == "translation"
    assert made.config.space == space
    assert made.config.final.size == SizeConfig(hidden=64)  # the document's are of other cells
    assert made.config.final.children.batch_size == 8  # type: ignore[union-attr]
    assert "left out of the document: space.kind nas-rnn, final.size.hidden" in made.notice
    assert published.config.final.size == preset("translation").final.size


def test_a_cell_of_images_translates_nothing() -> None:
    with pytest.raises(ConfigError, match=r"enas-micro are for task\.kind images, and the documen"):
        transferred("enas-micro", preset("translation").model_dump(mode="json"))
