"""Cells that were published, by name."""

from __future__ import annotations

import pytest
from published_arcs import MICRO

from nas_lib.config import (
    CellsConfig,
    EnasMicroSpaceConfig,
    EnasRnnSpaceConfig,
    HiddenConfig,
    LayersConfig,
    NasNetSpaceConfig,
    NasRnnSpaceConfig,
)
from nas_lib.errors import ArchitectureError
from nas_lib.spaces import EnasMicroSpace, MicroPlan, SpacePart
from nas_lib.spaces.published import PUBLISHED, find_published, published_in


@pytest.mark.parametrize("name", PUBLISHED)
def test_each_is_an_architecture_of_its_space(name: str) -> None:
    published = PUBLISHED[name]

    architecture = published_in(published.space.build(), published)

    assert architecture.config == published.architecture


def test_enas_cells_are_those_of_its_code() -> None:
    published = EnasMicroSpace(EnasMicroSpaceConfig()).from_published(MICRO)

    assert PUBLISHED["enas-micro"].architecture == published.config
    assert find_published("enas-mikro") is None


def test_the_recurrent_cell_of_enas_is_that_of_its_code() -> None:
    published = EnasRnnSpaceConfig().build().from_published("0 2 1 0 2 1 2 2 4 0 5 0 3 2 6 2")

    assert PUBLISHED["enas-rnn"].architecture == published.config


def test_recurrent_cells_have_the_size_of_the_space_too() -> None:
    small = {
        "enas-rnn": EnasRnnSpaceConfig(child=HiddenConfig(hidden=8)),
        "nas-cell": NasRnnSpaceConfig(child=LayersConfig(layers=1, hidden=8)),
    }

    sizes = {
        name: published_in(space.build(), PUBLISHED[name]).config.partition(" |")[0]
        for name, space in small.items()
    }

    assert sizes == {"enas-rnn": "8 units", "nas-cell": "1 layer, 8 units"}


def test_in_another_space_of_its_kind_it_has_the_size_of_that() -> None:
    small = EnasMicroSpaceConfig(child=CellsConfig(cells=3, filters=8))

    found = published_in(small.build(), PUBLISHED["enas-micro"])

    plan = MicroPlan.parse(found.config)
    assert (plan.cells, plan.filters) == (3, 8)
    assert plan.normal == MicroPlan.parse(PUBLISHED["enas-micro"].architecture).normal


@pytest.mark.parametrize(
    ("space", "sentence"),
    [
        (EnasRnnSpaceConfig(), "it is of space.kind enas-micro"),
        (EnasMicroSpaceConfig(operations=("sep3", "sep5")), "operation must be one of"),
        (EnasMicroSpaceConfig(nodes=3), "expected"),
    ],
)
def test_a_space_without_it_says_why(space: EnasMicroSpaceConfig, sentence: str) -> None:
    with pytest.raises(ArchitectureError, match=sentence):
        published_in(space.build(), PUBLISHED["enas-micro"])


@pytest.mark.parametrize(
    ("space", "sentence"),
    [
        (EnasRnnSpaceConfig(), "it is of space.kind nas-rnn"),
        (NasRnnSpaceConfig(base=4), "expected"),
        (NasRnnSpaceConfig(combinations=("add",)), "combination must be one of .*, got mul"),
    ],
)
def test_a_space_without_the_tree_says_why(space: SpacePart, sentence: str) -> None:
    with pytest.raises(ArchitectureError, match=sentence):
        published_in(space.build(), PUBLISHED["nas-cell"])


@pytest.mark.parametrize(
    ("space", "sentence"),
    [
        (NasNetSpaceConfig(blocks=4), "its normal cell has 5 blocks, and space.blocks is 4"),
        (
            NasNetSpaceConfig(output="states"),  # where 2 is an input, and no block
            "its cells take the last two cells, and with space.output states cells do not",
        ),
    ],
)
def test_cells_whose_numbers_mean_other_states_in_a_space_are_not_taken_for_its_own(
    space: NasNetSpaceConfig, sentence: str
) -> None:
    with pytest.raises(ArchitectureError, match=f"^{sentence}$"):
        published_in(space.build(), PUBLISHED["nasnet-a"])
