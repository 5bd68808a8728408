from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import strategies as st
from pydantic import ValidationError
from space_contract import Example, PlannedSpaceContract, Tokens
from space_strategies import nasnet_configs

from nas_lib.config import NasNetSpaceConfig, PutOutConfig, StackConfig
from nas_lib.spaces import (
    Choice,
    NasNetPlan,
    NasNetSpace,
    SizeConfig,
    SpacePart,
    find_published,
    space_size,
)
from nas_lib.spaces.cells import Edge
from nas_lib.spaces.nasnet_plan import Block

SMALL_CONFIG = NasNetSpaceConfig(
    blocks=2,
    operations=("sep3", "avg3", "identity"),
    child=StackConfig(cells=2, filters=8),
)
SMALL = NasNetSpace(SMALL_CONFIG)
#         block 2        block 3          | those of the reduction cell
TOKENS = (0, 1, 0, 1, 0, 2, 1, 2, 0, 1, *(0, 0, 1, 1, 0, 1, 1, 0, 0, 0))
CONFIG = (
    "2 cells per stage, 8 filters | normal: sep3(0)+avg3(1) sep3(1)&identity(2) "
    "| reduction: avg3(0)+avg3(0) sep3(1)+sep3(1)"
)


class TestNasNetSpace(PlannedSpaceContract):
    configs = nasnet_configs(max_blocks=3, max_cells=2)
    sizes = st.builds(
        SizeConfig,
        cells=st.none() | st.integers(1, 2),
        filters=st.none() | st.integers(1, 5),
        large_stem=st.none() | st.integers(1, 4),
    )
    example = Example(
        SMALL,
        TOKENS,
        CONFIG,
        "ce28710a4c2a",
        "2 cells per stage, 8 filters | normal: sep3+avg3 sep3&identity "
        "| reduction: avg3+avg3 sep3+sep3",
    )
    misspelt = [
        (CONFIG.replace("2 cells", "two cells"), "must read like '6 cells per stage, 32 filters"),
        (CONFIG.replace("8 filters", "0 filters"), "must read like '6 cells per stage, 32 filters"),
        (CONFIG.replace("8 filters", "8 filters, large stem"), "must read like '6 cells per stage"),
        (CONFIG.replace("| reduction", "| other"), "must read like '6 cells per stage, 32 filters"),
        (
            CONFIG.replace("avg3(1)", "avg9(1)"),
            r"block 2 of the normal cell must read like .*, got 'sep3\(0\)\+avg9\(1\)'",
        ),
        (
            CONFIG.replace("sep3(0)+avg3(1)", "sep3(0)+avg3(1):batch"),
            r"block 2 of the normal cell must read like .*avg3\(1\):batch'",
        ),
        (
            CONFIG.replace("&identity(2)", "&identity(2):layer"),
            "block 3 of the normal cell can take 0 to 2",
        ),
        (
            CONFIG.replace("identity(2)", "identity(3)"),
            "block 3 of the normal cell can take 0 to 2 in ascending order",
        ),
        (
            CONFIG.replace("sep3(0)+avg3(1)", "avg3(1)+sep3(0)"),
            "block 2 of the normal cell can take 0 to 1 in ascending order",
        ),
        (f"{CONFIG} -> two", "the reduction cell must put out numbers like '0,2,3', got 'two'"),
        (f"{CONFIG} -> 3,2", "the reduction cell can put out 0 to 3 in ascending order, got '3,2'"),
        (f"{CONFIG} -> 2,4", "the reduction cell can put out 0 to 3 in ascending order, got '2,4'"),
        (f"{CONFIG} -> 1,3", "the reduction cell must put out every block that no other takes"),
        (
            CONFIG.replace(" | normal", ", states | normal").replace(" sep3(1)+sep3(1)", ""),
            "both cells must have equally many, got 2 and 1",
        ),
    ]
    strangers = [
        (
            CONFIG.replace("2 cells", "3 cells"),
            "not an architecture of this space: 3 cells .*; here it would be 2 cells",
        ),
        (CONFIG.replace("8 fil", "9 fil"), "not an architecture of this space: 2 cells .*, 9 fil"),
        (CONFIG.replace("8 filters", "8 filters, large stem 3"), "not an architecture of this"),
        (
            CONFIG.replace(" sep3(1)+sep3(1)", ""),
            "its reduction cell has 1 block, and space.blocks is 2",
        ),
        (CONFIG.replace("avg3(1)", "max3(1)"), r"operation must be one of \['sep3', .* got max3"),
        (
            CONFIG.replace("sep3(0)+avg3(1)", "sep3(0)+avg3(1):layer"),
            r"combination must be one of \['add', 'concat'\], got add_layer_norm",
        ),
        (f"{CONFIG} -> 0,2,3", "not an architecture of this space: .* -> 0,2,3"),
    ]

    def resized(self, plan: NasNetPlan, size: SizeConfig) -> NasNetPlan:
        return replace(
            plan,
            cells=size.cells or plan.cells,
            filters=size.filters or plan.filters,
            large_stem=size.large_stem or plan.large_stem,
        )

    def meaning(self, config: SpacePart, tokens: Tokens) -> object:
        """A block's two operations have no order."""
        blocks = (tokens[at : at + 5] for at in range(0, len(tokens), 5))
        return [(sorted([(one, a), (other, b)]), combined) for one, other, a, b, combined in blocks]


def test_each_block_chooses_two_states_two_operations_and_how_they_are_combined() -> None:
    cell = (
        *(Choice("one of 2 states", 2), Choice("one of 2 states", 2)),
        *(Choice("operation", 3), Choice("operation", 3), Choice("combination", 2)),
        *(Choice("one of 3 states", 3), Choice("one of 3 states", 3)),
        *(Choice("operation", 3), Choice("operation", 3), Choice("combination", 2)),
    )

    assert SMALL.decisions(1) == cell + cell  # the normal cell, then the reduction cell


def test_the_paper_has_fifty_decisions_and_the_size_counts_every_token_sequence() -> None:
    space = NasNetSpace(NasNetSpaceConfig())

    assert len(space.decisions(1)) == 50  # 2 x 5 B, appendix A
    # a cell: 13^10 operations, 2^5 combinations, (2 x 3 x 4 x 5 x 6)^2 states
    assert space_size(space, 1) == (13**10 * 2**5 * 720**2) ** 2


def test_a_configuration_string_says_all_that_is_built() -> None:
    plan = NasNetPlan.parse(CONFIG.replace("8 filters", "8 filters, large stem 5"))

    assert (plan.cells, plan.filters, plan.large_stem) == (2, 8, 5)
    assert plan.normal.blocks[1] == Block(Edge(1, "sep3"), Edge(2, "identity"), "concat")
    assert plan.normal.outputs == (3,)
    assert plan.reduction.outputs == (2, 3)
    assert plan.num_layers is None


def test_a_cell_may_put_out_what_its_blocks_take() -> None:
    """As the published code of NASNet-A does: number 0 of the normal cell."""
    space = NasNetSpace(SMALL_CONFIG.model_copy(update={"put_out": PutOutConfig(normal=(0, 3))}))

    plan = space.plan(TOKENS)

    assert plan.normal.outputs == (0, 3)
    assert str(plan) == CONFIG.replace(" | reduction", " -> 0,3 | reduction")
    assert space.encode(space.decode(TOKENS)) == SMALL.encode(SMALL.decode(TOKENS))


def test_where_states_are_passed_on_a_cell_has_as_many_inputs_as_blocks() -> None:
    """NASNet-B: four of each, so the last block can take seven states."""
    config = NasNetSpaceConfig(blocks=4, output="states")
    space = NasNetSpace(config)

    assert config.num_inputs == 4
    assert space.decisions(1)[15:17] == (Choice("one of 7 states", 7), Choice("one of 7 states", 7))
    plan = space.plan((0,) * 40)
    assert plan.normal.outputs == (4, 5, 6, 7)
    assert ", states | normal: identity(0)+identity(0) " in str(plan)


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"put_out": {"normal": [7]}}, r"put_out.normal should be numbers below 7, got \[7\]"),
        (
            {"put_out": {"reduction": [0]}, "output": "blocks"},
            "put_out.reduction is for output unused, got blocks",
        ),
        ({"operations": ["sep3", "sep3"]}, "operations must not repeat an option"),
        ({"blocks": 0}, "greater than or equal to 1"),
    ],
)
def test_settings_that_cannot_be_are_refused(settings: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ValidationError, match=sentence):
        NasNetSpaceConfig.model_validate(settings)


@pytest.mark.parametrize(("stem", "smallest"), [(None, 3), (32, 19)])
def test_the_smallest_image_leaves_two_pixels_for_the_last_reduction(
    stem: int | None, smallest: int
) -> None:
    """3, 2, 1; with a large stem 19, 9, 5, 3, 2, 1."""
    size = StackConfig(cells=1, filters=4, large_stem=stem)

    assert NasNetSpaceConfig(child=size).smallest_image == smallest
    assert NasNetSpaceConfig(shared=size).smallest_image == smallest


def test_a_sum_has_no_order() -> None:
    swapped = (1, 0, 1, 0, 0, *TOKENS[5:])

    assert swapped != TOKENS
    assert SMALL.decode(swapped).id == SMALL.decode(TOKENS).id


def test_the_published_cells_are_those_of_the_published_code() -> None:
    """Of slim's lists, whose number 0 is the newest input: its cell's first block and its ends."""
    published = find_published("nasnet-a")
    assert published is not None

    plan = NasNetPlan.parse(published.architecture)

    # separable_5x5_2 of 0, separable_3x3_2 of 1; 'used' is not said of 1, which blocks take
    assert plan.normal.blocks[0] == Block(Edge(0, "sep3"), Edge(1, "sep5"), "add")
    assert plan.normal.outputs == (0, 2, 3, 4, 5, 6)
    # separable_5x5_2 of 0, separable_7x7_2 of 1
    assert plan.reduction.blocks[0] == Block(Edge(0, "sep7"), Edge(1, "sep5"), "add")
    assert plan.reduction.outputs == (3, 4, 5, 6)
