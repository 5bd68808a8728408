"""WHAT may be built: decisions <-> architecture. Pure Python, no torch."""

from __future__ import annotations

from nas_lib.spaces.choices import ChoiceSpace
from nas_lib.spaces.cnn import CnnSpace
from nas_lib.spaces.decisions import Choice, Decision, Subset, check_tokens, num_tokens
from nas_lib.spaces.space import Space, space_size

__all__ = [
    "Choice",
    "ChoiceSpace",
    "CnnSpace",
    "Decision",
    "Space",
    "Subset",
    "check_tokens",
    "num_tokens",
    "space_size",
]
