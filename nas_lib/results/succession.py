"""Searches one after the other on data that change: what each is, and whose model is in use.

Names are those of searches below a common address, so that it may be copied or moved with them.
"""

from __future__ import annotations

from statistics import fmean
from typing import Literal

from pydantic.dataclasses import dataclass as checked_dataclass

from nas_lib.records import STRICT, Count, Seconds

Reason = Literal["first", "better", "not_better", "unreadable", "too_few", "no_model"]
_REPLACING: tuple[Reason, ...] = ("first", "better", "unreadable")
FEWEST = 30
"""Validation images that a model in use must not have learned; on fewer nothing is compared."""


@checked_dataclass(frozen=True, config=STRICT)
class FreshStart:
    """That a search is one of several on data that change, and what it begins with.

    Attributes:
        begins_with: The name of the search whose best architectures are its first children; empty
            where it begins with none.
        created_s: Seconds since 1970.
    """

    begins_with: str
    created_s: Seconds


@checked_dataclass(frozen=True, config=STRICT)
class Begun:
    """A search was begun below the common address."""

    name: str
    created_s: Seconds


@checked_dataclass(frozen=True, config=STRICT)
class Succession:
    """Whether a search's model took the place of the one in use, and by what.

    Both are compared on the search's own validation images that the model in use has not learned.

    Attributes:
        reason: Why it did (`first`, `better`, or the one in use cannot read the new images), or why
            not (`not_better`, `too_few` images to compare by, or the search made no model).
        model: The id of its model; empty where there is none.
        scores: What its network comes to by each of its seeds, which learned the training data
            alone.
        other: The name of the search whose model was in use; empty where none was.
        other_model: The id of that model.
        other_scores: What that comes to: one score as it is in use; or where it has learned nearly
            all of these images, those of the same network's seeds before it learned validation
            data.
        is_by_seeds: Whether they are those of its seeds.
        num_examples: Images that both were compared on.
        num_learned: Validation images that were left out, as the other one has learned them; None
            where what it learned is not known any more.
        new_classes: Which the model in use does not know; it is wrong on each image of these.
        gone_classes: Which it knows, and the data have no more.
        created_s: Seconds since 1970.
    """

    reason: Reason
    model: str
    created_s: Seconds
    scores: tuple[float, ...] = ()
    other: str = ""
    other_model: str = ""
    other_scores: tuple[float, ...] = ()
    is_by_seeds: bool = False
    num_examples: Count = 0
    num_learned: Count | None = 0
    new_classes: tuple[str, ...] = ()
    gone_classes: tuple[str, ...] = ()

    @property
    def replaces(self) -> bool:
        """Whether the model is in use from now on."""
        return self.reason in _REPLACING

    @property
    def score(self) -> float | None:
        """The mean over its seeds, None where nothing was compared."""
        return fmean(self.scores) if self.scores else None

    @property
    def other_score(self) -> float | None:
        """Likewise of the model in use."""
        return fmean(self.other_scores) if self.other_scores else None


@checked_dataclass(frozen=True, config=STRICT)
class InUse:
    """From now on the model of this search is the one in use.

    Attributes:
        search: The search's name.
        verdict: By what it took the other one's place.
    """

    search: str
    verdict: Succession
