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
        measure: What a score is.
        score: The score of a mean cross-entropy in nats.
        perplexity: The perplexity of a score: how many equally likely tokens would be as hard to
            tell the next one from. Infinite where that is too large for a number.
    """

    token: str
    measure: Measure
    score: Callable[[float], float]
    perplexity: Callable[[float], float]


def bits(loss: float) -> float:
    """Return a mean cross-entropy in nats as bits."""
    return loss / math.log(2)


def _of_bits(score: float) -> float:
    return perplexity(score * math.log(2))


SCORINGS: dict[TextLevel, Scoring] = {
    "words": Scoring("word", PERPLEXITY, perplexity, float),
    "characters": Scoring("character", BITS, bits, _of_bits),
}
"""By `task.level`."""
