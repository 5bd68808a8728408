"""WHAT may be built: decisions <-> architecture. Pure Python, no torch."""

from __future__ import annotations

from nas_lib.spaces.choices import ChoiceSpace
from nas_lib.spaces.cnn import CnnSpace
from nas_lib.spaces.decisions import (
    Anchor,
    Choice,
    Decision,
    Pointer,
    Subset,
    check_tokens,
    num_tokens,
)
from nas_lib.spaces.enas_macro import EnasMacroSpace
from nas_lib.spaces.enas_micro import EnasMicroSpace
from nas_lib.spaces.enas_rnn import EnasRnnSpace
from nas_lib.spaces.registry import build_space
from nas_lib.spaces.space import Space, space_size

__all__ = [
    "Anchor",
    "Choice",
    "ChoiceSpace",
    "CnnSpace",
    "Decision",
    "EnasMacroSpace",
    "EnasMicroSpace",
    "EnasRnnSpace",
    "Pointer",
    "Space",
    "Subset",
    "build_space",
    "check_tokens",
    "num_tokens",
    "space_size",
]
