"""Neural architecture search: `nas_lib.search(config)` does what `nas search` does.

Names are imported when they are first used, so that importing the package costs nothing.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nas_lib.architecture import Architecture
    from nas_lib.config import SearchConfig
    from nas_lib.config_file import read_config
    from nas_lib.engine import SearchHandle, compare, open, refresh, search, train_best, transfer
    from nas_lib.errors import NasError
    from nas_lib.presets import preset
    from nas_lib.spaces import ChoiceSpace

__version__ = "0.1.0"

__all__ = [
    "Architecture",
    "ChoiceSpace",
    "NasError",
    "SearchConfig",
    "SearchHandle",
    "compare",
    "open",
    "preset",
    "read_config",
    "refresh",
    "search",
    "train_best",
    "transfer",
]

_HOMES = {
    "Architecture": "nas_lib.architecture",
    "ChoiceSpace": "nas_lib.spaces",
    "NasError": "nas_lib.errors",
    "SearchConfig": "nas_lib.config",
    "SearchHandle": "nas_lib.engine",
    "compare": "nas_lib.engine",
    "open": "nas_lib.engine",
    "preset": "nas_lib.presets",
    "read_config": "nas_lib.config_file",
    "refresh": "nas_lib.engine",
    "search": "nas_lib.engine",
    "train_best": "nas_lib.engine",
    "transfer": "nas_lib.engine",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'nas_lib' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
