"""SearchConfig: the one document a user writes, and every default.

The field descriptions are the reference; `nas init PRESET` writes a whole document.
"""

from nas_lib.config.children import (
    AugmentConfig,
    ChildrenConfig,
    RewardConfig,
    TextTrainingConfig,
)
from nas_lib.config.controllers import (
    ControllerConfig,
    EnasControllerConfig,
    RandomConfig,
    ReinforceConfig,
)
from nas_lib.config.loop import LoopConfig
from nas_lib.config.resources import MOST_TASKS, FanOut, ResourcesConfig
from nas_lib.config.search import SearchConfig
from nas_lib.config.shared import DeriveConfig, SharedConfig
from nas_lib.config.spaces import (
    CellsConfig,
    CnnSpaceConfig,
    CustomSpaceConfig,
    DepthConfig,
    EnasMacroSpaceConfig,
    EnasMicroSpaceConfig,
    EnasRnnSpaceConfig,
    FiltersConfig,
    HiddenConfig,
    SharedSpaceConfig,
    SpaceConfig,
)
from nas_lib.config.tasks import (
    AnyTaskConfig,
    Cifar10Data,
    DataConfig,
    DigitsData,
    IdxData,
    ImageFolderData,
    NpzData,
    PydocTopicsData,
    TaskConfig,
    TextDataConfig,
    TextFilesData,
    TextTaskConfig,
)

FORMAT_VERSION = 1
"""Of everything a search stores. A reader refuses a newer one."""

__all__ = [
    "FORMAT_VERSION",
    "MOST_TASKS",
    "AnyTaskConfig",
    "AugmentConfig",
    "CellsConfig",
    "ChildrenConfig",
    "Cifar10Data",
    "CnnSpaceConfig",
    "ControllerConfig",
    "CustomSpaceConfig",
    "DataConfig",
    "DepthConfig",
    "DeriveConfig",
    "DigitsData",
    "EnasControllerConfig",
    "EnasMacroSpaceConfig",
    "EnasMicroSpaceConfig",
    "EnasRnnSpaceConfig",
    "FanOut",
    "FiltersConfig",
    "HiddenConfig",
    "IdxData",
    "ImageFolderData",
    "LoopConfig",
    "NpzData",
    "PydocTopicsData",
    "RandomConfig",
    "ReinforceConfig",
    "ResourcesConfig",
    "RewardConfig",
    "SearchConfig",
    "SharedConfig",
    "SharedSpaceConfig",
    "SpaceConfig",
    "TaskConfig",
    "TextDataConfig",
    "TextFilesData",
    "TextTaskConfig",
    "TextTrainingConfig",
]
