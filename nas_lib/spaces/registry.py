"""From a space's settings to the space."""

from __future__ import annotations

from typing import assert_never

from nas_lib.config import (
    CnnSpaceConfig,
    EnasMacroSpaceConfig,
    EnasMicroSpaceConfig,
    EnasRnnSpaceConfig,
    SharedSpaceConfig,
)
from nas_lib.spaces.cnn import CnnSpace
from nas_lib.spaces.enas_macro import EnasMacroSpace
from nas_lib.spaces.enas_micro import EnasMicroSpace
from nas_lib.spaces.enas_rnn import EnasRnnSpace
from nas_lib.spaces.space import Space


def build_space(config: CnnSpaceConfig | SharedSpaceConfig) -> Space:
    """Return the space of these settings."""
    match config:
        case CnnSpaceConfig():
            return CnnSpace(config)
        case EnasMacroSpaceConfig():
            return EnasMacroSpace(config)
        case EnasMicroSpaceConfig():
            return EnasMicroSpace(config)
        case EnasRnnSpaceConfig():
            return EnasRnnSpace(config)
        case _:
            assert_never(config)
