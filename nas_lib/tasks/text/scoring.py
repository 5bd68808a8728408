"""What a score of a text is, of its words or of its characters: nobody else asks which of them.

The loss is the same, in nats: the mean cross-entropy of what comes next. So each score has a
perplexity, which rewards go by.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from nas_lib.config import TextLevel
from nas_lib.results.measure import BITS, PERPLEXITY, Measure, perplexity


@dataclass(frozen=True)
class Scoring:
    """How well a text can be told, each of its words or characters from those before it.

    Attributes:
        token: What is told: `word` or `character`.
        about: Sentences on what a score is.
        measure: What a score is.
        score: The score of a mean cross-entropy in nats.
        perplexity: The perplexity of a score: how many equally likely tokens would be as hard to
            tell the next one from. Infinite where that is too large for a number.
    """

    token: str
    about: str
    measure: Measure
    score: Callable[[float], float]
    perplexity: Callable[[float], float]

    @property
    def columns(self) -> tuple[str, str, str]:
        """What is said of a text: how long it is, how much of it is unknown, its score."""
        return f"{self.token}s", "unknown", self.measure.noun.replace(" ", "_")


def bits(loss: float) -> float:
    """Return a mean cross-entropy in nats as bits, infinite where its perplexity is."""
    return loss / math.log(2) if math.isfinite(perplexity(loss)) else math.inf


def _of_bits(score: float) -> float:
    return perplexity(score * math.log(2))


SCORINGS: dict[TextLevel, Scoring] = {
    "words": Scoring(
        "word",
        "Perplexity is how many equally likely words would be as hard to tell the next one from: "
        "the lower, the better.",
        PERPLEXITY,
        perplexity,
        float,
    ),
    "characters": Scoring(
        "character",
        "Bits per character are what it takes on average to tell the next one, blanks and ends of "
        "lines included: the lower, the better. Perplexity, 2 to the power of them, is how many "
        "equally likely characters would be as hard to tell it from.",
        BITS,
        bits,
        _of_bits,
    ),
}
"""By `task.level`."""
