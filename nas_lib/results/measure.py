"""What a score measures: its name and its direction."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Measure:
    """A kind of score.

    Attributes:
        noun: What it is called, such as `accuracy`.
        higher_is_better: Whether the best score is the highest one.
        is_fraction: Whether it lies in [0, 1] and is written in percent.
        is_share: Whether it is the share of examples that are right, one counting as the other: by
            their number alone it is known how sure it is.
        is_held_out: Whether it is taken on validation data; a user's own measure is what it is.
        overflows_at: Scores from here on are those of numbers that overflowed, or nearly.
    """

    noun: str
    higher_is_better: bool = True
    is_fraction: bool = False
    is_share: bool = False
    is_held_out: bool = True
    overflows_at: float = math.inf

    @property
    def name(self) -> str:
        """What a child's score is called, such as `validation accuracy`."""
        return f"validation {self.noun}" if self.is_held_out else self.noun

    @property
    def test_name(self) -> str:
        """What was read on the test data, such as `test accuracy`."""
        return f"test {self.noun}"

    @property
    def scale(self) -> float:
        """What a score is multiplied by on a chart."""
        return 100.0 if self.is_fraction else 1.0

    @property
    def label(self) -> str:
        """Name and unit, for the axis of a chart."""
        return f"{self.name}, %" if self.is_fraction else self.name

    def best(self, scores: Iterable[float]) -> float:
        """Return the best of some scores."""
        return max(scores) if self.higher_is_better else min(scores)

    def is_better(self, score: float, other: float) -> bool:
        """Say whether a score is better than another."""
        return score > other if self.higher_is_better else score < other

    def can_be(self, score: float) -> bool:
        """Say whether a score is one of this measure; of a user's own nothing is known."""
        return not self.is_held_out or (score >= 0 and (score <= 1 or not self.is_fraction))

    def on_chart(self, score: float | None) -> float | None:
        """Return where a score stands on a chart, None where it would leave no room for others."""
        if score is None or score >= self.overflows_at:
            return None
        return self.scale * score


ACCURACY = Measure("accuracy", is_fraction=True, is_share=True)
BALANCED_ACCURACY = Measure("balanced accuracy", is_fraction=True)
MACRO_F1 = Measure("macro F1", is_fraction=True)
TOP_5 = Measure("top-5 accuracy", is_fraction=True, is_share=True)
AUC = Measure("AUC", is_fraction=True)
MEAN_AVERAGE_PRECISION = Measure("mean average precision", is_fraction=True)
MICRO_F1 = Measure("micro F1", is_fraction=True)
EXACT_MATCH = Measure("exact match", is_fraction=True, is_share=True)
RELATIVE_MSE = Measure("relative MSE", higher_is_better=False, overflows_at=1e3)
"""Mean squared error over the variance of the training data: 1 for telling their mean."""
PERPLEXITY = Measure("perplexity", higher_is_better=False, overflows_at=1e6)
BITS = Measure("bits per character", higher_is_better=False, overflows_at=20.0)  # 2^20, about 1e6
BLEU = Measure("greedy BLEU")  # from 0 to 100; a test has BLEU by beam search besides
OWN = Measure("score", is_held_out=False)
"""A user's own: nothing is known of it but that more is better."""

_FRACTIONS = {
    each.noun: each
    for each in (
        *(ACCURACY, BALANCED_ACCURACY, MACRO_F1, TOP_5, AUC),
        *(MEAN_AVERAGE_PRECISION, MICRO_F1, EXACT_MATCH),
    )
}


def measure_named(noun: str) -> Measure:
    """Return the measure that a metric is of, which says how its values are written."""
    return _FRACTIONS.get(noun) or Measure(noun)


def perplexity(loss: float) -> float:
    """Return exp(loss) of a loss in nats, infinite where that is too large for a number."""
    try:
        return math.exp(loss)
    except OverflowError:
        return math.inf
