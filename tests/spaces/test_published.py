"""Cells that were published, by name."""

from __future__ import annotations

import pytest
from published_arcs import MICRO

from nas_lib.config import (
    CellsConfig,
    EnasMicroSpaceConfig,
    EnasRnnSpaceConfig,
    NasNetSpaceConfig,
)
from nas_lib.errors import ArchitectureError
from nas_lib.spaces import EnasMicroSpace, MicroPlan
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
