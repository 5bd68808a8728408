"""What a score measures: its name, its direction, and how it is written."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from nas_lib.config import SearchConfig
from nas_lib.report.wording import score_text

_OVERFLOWED = 1e6  # a perplexity of a network whose numbers overflowed, or nearly


@dataclass(frozen=True)
class Measure:
    """A kind of score.

    Attributes:
        name: What it is called, such as `validation accuracy`.
        short: In the head of a narrow column.
        higher_is_better: Whether the best score is the highest one.
        is_fraction: Whether it lies in [0, 1] and is written in percent.
    """

    name: str
    short: str
    higher_is_better: bool = True
    is_fraction: bool = False

    def text(self, score: float | None, *, error: float | None = None) -> str:
        """Return a score as a reader wants to see it, with its standard error if there is one."""
        return score_text(score, is_accuracy=self.is_fraction, error=error)

    def best(self, scores: Iterable[float]) -> float:
        """Return the best of some scores."""
        return max(scores) if self.higher_is_better else min(scores)

    def on_chart(self, score: float | None) -> float | None:
        """Return where a score stands on a chart, None where it would leave no room for others."""
        if score is None or score >= _OVERFLOWED:
            return None
        return self.scale * score

    @property
    def scale(self) -> float:
        """What a score is multiplied by on a chart."""
        return 100.0 if self.is_fraction else 1.0

    @property
    def label(self) -> str:
        """Name and unit, for the axis of a chart."""
        return f"{self.name}, %" if self.is_fraction else self.name


ACCURACY = Measure("validation accuracy", "Accuracy", is_fraction=True)
PERPLEXITY = Measure("validation perplexity", "Perplexity", higher_is_better=False)
OWN = Measure("score", "Score")
"""A user's own measure: nothing is known of it but that more is better."""


def measure_of(config: SearchConfig) -> Measure:
    """Return what a search's scores measure."""
    if config.children.evaluate:
        return OWN
    return PERPLEXITY if config.is_text else ACCURACY
