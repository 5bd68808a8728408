"""Types of settings with bounds: what lies beyond would hang, crash, or take all memory.

They are far above what a search is known to use, and are looked at when the document is read.
"""

from __future__ import annotations

import re
from typing import Annotated, Final, LiteralString

from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError

Count = Annotated[int, Field(ge=1, le=1_000_000)]
"""Of things that are dealt with one after the other."""

Many = Annotated[int, Field(ge=1, le=10**12)]
"""Of examples."""

Few = Annotated[int, Field(ge=1, le=1000)]
"""Of things that exist side by side."""

Epochs = Annotated[int, Field(ge=1, le=100_000)]

Side = Annotated[int, Field(ge=1, le=4096)]
"""Of an image or a filter, in pixels."""

Steps = Annotated[int, Field(ge=1, le=1_000_000)]
"""Of a series of numbers."""

MOST_WIDTH: Final = 65_536
Width = Annotated[int, Field(ge=1, le=MOST_WIDTH)]
"""Channels or units of a layer."""

MOST_LAYERS: Final = 100
"""Of a recurrent network."""

Mebibytes = Annotated[int, Field(ge=1, le=10**9)]

Seconds = Annotated[float, Field(ge=0, le=1e9)]
"""Up to 30 years."""

Weight = Annotated[float, Field(ge=0, le=1e6)]
"""A factor, or a term's share of a sum."""

Positive = Annotated[float, Field(gt=0, le=1e6)]

Fraction = Annotated[float, Field(gt=0, lt=1)]

Rate = Annotated[float, Field(ge=0, lt=1)]
"""A fraction that is dropped, or a decay."""

Text = Annotated[str, Field(max_length=4096)]
"""A path, or the name of an object."""

Label = Annotated[str, Field(max_length=317)]
"""As long as a label of Kubernetes with its prefix."""


def _like(pattern: str, form: LiteralString) -> AfterValidator:
    """Return what refuses other texts, and says in words what they should be."""

    def check(text: str) -> str:
        if not re.fullmatch(pattern, text):
            raise PydanticCustomError("form", form)
        return text

    return AfterValidator(check)


Name = Annotated[
    str,
    Field(max_length=40),
    _like(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?", "lower-case letters, digits and dashes"),
]
"""Of a search, also on a cluster."""

Colour = Annotated[
    str, Field(max_length=7), _like(r"white|black|#[0-9a-fA-F]{6}", "white, black or #rrggbb")
]


def _is_pattern(text: str) -> str:
    try:
        re.compile(text)
    except (re.error, RecursionError, OverflowError) as err:
        why = {"why": str(err)}
        raise PydanticCustomError("pattern", "a regular expression: {why}", why) from err
    return text


Pattern = Annotated[str, Field(max_length=1000), AfterValidator(_is_pattern)]
"""A regular expression of Python's."""

Device = Annotated[
    str,
    Field(max_length=8),
    _like(r"auto|cpu|cuda(:[0-9]{1,3})?", "auto, cpu, cuda, or one of several as cuda:0"),
]
"""Where torch computes; whether there is such a device, the machine knows."""
