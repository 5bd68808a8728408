from __future__ import annotations

from dataclasses import replace

from hypothesis import strategies as st
from space_contract import Example, PlannedSpaceContract, Tokens
from space_strategies import nasnet_configs

from nas_lib.config import NasNetSpaceConfig, StackConfig
from nas_lib.spaces import NasNetPlan, NasNetSpace, SizeConfig, SpacePart

SMALL = NasNetSpace(
    NasNetSpaceConfig(
        blocks=2, operations=("sep3", "avg3", "identity"), child=StackConfig(cells=2, filters=8)
    )
)
#         block 2        block 3          | those of the reduction cell
TOKENS = (0, 1, 0, 1, 0, 2, 1, 2, 0, 1, *(0, 0, 1, 1, 0, 1, 1, 0, 0, 0))
CONFIG = (
    "2 cells per stage, 8 filters | normal: sep3(0)+avg3(1) sep3(1)&identity(2) "
    "| reduction: avg3(0)+avg3(0) sep3(1)+sep3(1)"
)


class TestNasNetSpace(PlannedSpaceContract):
    configs = nasnet_configs()
    sizes = st.builds(
        SizeConfig,
        cells=st.none() | st.integers(1, 3),
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
        (CONFIG.replace("2 cells", "3 cells"), "not an architecture of this space: 3 cells"),
        (CONFIG.replace("8 fil", "9 fil"), "not an architecture of this space: 2 cells .*, 9 fil"),
        (CONFIG.replace("8 filters", "8 filters, large stem 3"), "not an architecture of this"),
        (CONFIG.replace(" sep3(1)+sep3(1)", ""), "expected 20 tokens"),
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
