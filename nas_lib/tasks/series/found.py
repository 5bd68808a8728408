"""Series as a reader hands them over: of any lengths, with values missing.

Letters: N series, C channels, T steps.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy.typing as npt

PartName = Literal["training", "validation", "test"]
Array = npt.NDArray[Any]


@dataclass(frozen=True, eq=False)
class SeriesOfPart:
    """The series of a part.

    Attributes:
        values: Of each its numbers, floating point `[C, T]`, NaN where one is missing; an array
            `[N, C, T]` where all have one length.
        labels: Of each its class, a text or a whole number, `[N]`.
        names: What to call each; empty where they only have numbers.
        groups: From what each is; empty where nobody says it.
    """

    values: Sequence[Array] | Array
    labels: Array
    names: Sequence[str] = ()
    groups: Sequence[str] = ()

    def name(self, index: int) -> str:
        """Return what to call a series in a sentence."""
        return self.names[index] if self.names else f"series {index}"


@dataclass(frozen=True, eq=False)
class FoundSeries:
    """All series of a data set, as they were found.

    Attributes:
        source: What was read, for people and errors.
        parts: `training`, and what else it comes with.
        notices: A sentence without full stop on each thing that a user would not guess.
    """

    source: str
    parts: Mapping[PartName, SeriesOfPart]
    notices: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Have training series first."""
        assert next(iter(self.parts)) == "training"
