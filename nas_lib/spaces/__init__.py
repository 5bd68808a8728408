"""WHAT may be built: settings, decisions <-> architecture, plans. Pure Python, no torch."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from nas_lib.spaces.choices import ChoiceSpace, CustomSpaceConfig
from nas_lib.spaces.cnn import CnnPlan, CnnSpace, CnnSpaceConfig, DepthConfig
from nas_lib.spaces.decisions import (
    Anchor,
    Choice,
    Decision,
    Pointer,
    Subset,
    check_tokens,
    num_tokens,
)
from nas_lib.spaces.enas_macro import (
    EnasMacroSpace,
    EnasMacroSpaceConfig,
    FiltersConfig,
    MacroPlan,
)
from nas_lib.spaces.enas_micro import CellsConfig, EnasMicroSpace, EnasMicroSpaceConfig, MicroPlan
from nas_lib.spaces.enas_rnn import EnasRnnSpace, EnasRnnSpaceConfig, HiddenConfig, RnnPlan
from nas_lib.spaces.nas_rnn import (
    LayersConfig,
    NasRnnPlan,
    NasRnnSpace,
    NasRnnSpaceConfig,
    Tree,
    TreeNode,
)
from nas_lib.spaces.nasnet import NasNetSpace, NasNetSpaceConfig, PutOutConfig, StackConfig
from nas_lib.spaces.nasnet_plan import NasNetPlan
from nas_lib.spaces.published import PUBLISHED, Published, find_published
from nas_lib.spaces.references import (
    REFERENCES,
    STANDARD,
    ImageReferencesConfig,
    ReferencePlan,
    ReferencesConfig,
    ReferenceSpace,
    SeriesReferencesConfig,
    TextReferencesConfig,
    sized,
)
from nas_lib.spaces.series_cnn import SeriesCnnSpaceConfig
from nas_lib.spaces.space import (
    Plan,
    PlannedSpace,
    SizeConfig,
    Space,
    SpacePart,
    every_architecture,
    planned,
    size_text,
    space_size,
)

SpaceConfig = Annotated[
    CnnSpaceConfig
    | EnasMacroSpaceConfig
    | EnasMicroSpaceConfig
    | EnasRnnSpaceConfig
    | NasNetSpaceConfig
    | NasRnnSpaceConfig
    | SeriesCnnSpaceConfig
    | ImageReferencesConfig
    | SeriesReferencesConfig
    | TextReferencesConfig
    | CustomSpaceConfig,
    Field(discriminator="kind"),
]
"""Settings of any space."""

__all__ = [
    "PUBLISHED",
    "REFERENCES",
    "STANDARD",
    "Anchor",
    "CellsConfig",
    "Choice",
    "ChoiceSpace",
    "CnnPlan",
    "CnnSpace",
    "CnnSpaceConfig",
    "CustomSpaceConfig",
    "Decision",
    "DepthConfig",
    "EnasMacroSpace",
    "EnasMacroSpaceConfig",
    "EnasMicroSpace",
    "EnasMicroSpaceConfig",
    "EnasRnnSpace",
    "EnasRnnSpaceConfig",
    "FiltersConfig",
    "HiddenConfig",
    "ImageReferencesConfig",
    "LayersConfig",
    "MacroPlan",
    "MicroPlan",
    "NasNetPlan",
    "NasNetSpace",
    "NasNetSpaceConfig",
    "NasRnnPlan",
    "NasRnnSpace",
    "NasRnnSpaceConfig",
    "Plan",
    "PlannedSpace",
    "Pointer",
    "Published",
    "PutOutConfig",
    "ReferencePlan",
    "ReferenceSpace",
    "ReferencesConfig",
    "RnnPlan",
    "SeriesCnnSpaceConfig",
    "SeriesReferencesConfig",
    "SizeConfig",
    "Space",
    "SpaceConfig",
    "SpacePart",
    "StackConfig",
    "Subset",
    "TextReferencesConfig",
    "Tree",
    "TreeNode",
    "check_tokens",
    "every_architecture",
    "find_published",
    "num_tokens",
    "planned",
    "size_text",
    "sized",
    "space_size",
]


def __dir__() -> list[str]:
    return __all__
