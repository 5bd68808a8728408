"""SearchConfig: the one document a user writes, and every default.

The field descriptions are the reference; `nas init PRESET` writes a whole document.
"""

from nas_lib.config.controllers import (
    ControllerConfig,
    EnasPolicyConfig,
    EvolutionConfig,
    ForestConfig,
    LocalSearchConfig,
    NasPolicyConfig,
    PolicyConfig,
    RandomConfig,
    ReinforceConfig,
)
from nas_lib.config.final import FinalConfig, ImageFinalConfig, TextFinalConfig
from nas_lib.config.procedures import (
    ConfirmConfig,
    DeriveConfig,
    FinalsConfig,
    ProcedureConfig,
    RoundsConfig,
    SharedConfig,
    StartConfig,
)
from nas_lib.config.resources import MOST_TASKS, FanOut, ResourcesConfig
from nas_lib.config.search import SearchConfig
from nas_lib.config.tasks import (
    Cifar10Data,
    DataConfig,
    DigitsData,
    IdxData,
    ImageFolderData,
    ImageTaskConfig,
    NpzData,
    PydocTopicsData,
    TaskConfig,
    TextDataConfig,
    TextFilesData,
    TextTaskConfig,
)
from nas_lib.config.training import (
    AugmentConfig,
    ChildrenConfig,
    ImageChildrenConfig,
    ImageWeightsConfig,
    OwnChildrenConfig,
    RewardConfig,
    SgdConfig,
    TextChildrenConfig,
    TextRewardConfig,
    TextTrainingConfig,
    TextWeightsConfig,
    WeightsConfig,
)
from nas_lib.spaces import (
    CellsConfig,
    CnnSpaceConfig,
    CustomSpaceConfig,
    DepthConfig,
    EnasMacroSpaceConfig,
    EnasMicroSpaceConfig,
    EnasRnnSpaceConfig,
    FiltersConfig,
    HiddenConfig,
    ImageReferencesConfig,
    SizeConfig,
    SpaceConfig,
    TextReferencesConfig,
)

FORMAT_VERSION = 2
"""Of everything a search stores. A reader refuses any other."""

__all__ = [
    "FORMAT_VERSION",
    "MOST_TASKS",
    "AugmentConfig",
    "CellsConfig",
    "ChildrenConfig",
    "Cifar10Data",
    "CnnSpaceConfig",
    "ConfirmConfig",
    "ControllerConfig",
    "CustomSpaceConfig",
    "DataConfig",
    "DepthConfig",
    "DeriveConfig",
    "DigitsData",
    "EnasMacroSpaceConfig",
    "EnasMicroSpaceConfig",
    "EnasPolicyConfig",
    "EnasRnnSpaceConfig",
    "EvolutionConfig",
    "FanOut",
    "FiltersConfig",
    "FinalConfig",
    "FinalsConfig",
    "ForestConfig",
    "HiddenConfig",
    "IdxData",
    "ImageChildrenConfig",
    "ImageFinalConfig",
    "ImageFolderData",
    "ImageReferencesConfig",
    "ImageTaskConfig",
    "ImageWeightsConfig",
    "LocalSearchConfig",
    "NasPolicyConfig",
    "NpzData",
    "OwnChildrenConfig",
    "PolicyConfig",
    "ProcedureConfig",
    "PydocTopicsData",
    "RandomConfig",
    "ReinforceConfig",
    "ResourcesConfig",
    "RewardConfig",
    "RoundsConfig",
    "SearchConfig",
    "SgdConfig",
    "SharedConfig",
    "SizeConfig",
    "SpaceConfig",
    "StartConfig",
    "TaskConfig",
    "TextChildrenConfig",
    "TextDataConfig",
    "TextFilesData",
    "TextFinalConfig",
    "TextReferencesConfig",
    "TextRewardConfig",
    "TextTaskConfig",
    "TextTrainingConfig",
    "TextWeightsConfig",
    "WeightsConfig",
]


def __dir__() -> list[str]:
    return __all__
