"""What training the best again has changed, in words."""

from __future__ import annotations

from collections.abc import Iterator

from nas_lib.errors import plural
from nas_lib.report.children import seeds_text
from nas_lib.report.formatting import score_text
from nas_lib.results import Measure, SearchView, Standing, score_of, winner


def confirmation_lines(view: SearchView) -> Iterator[str]:
    """Yield which networks were trained again, and what that says of the first ranking's winner."""
    confirmed = [each for each in view.standings if each.is_confirmed]
    if not confirmed:
        return
    yield (
        f"The best {len(confirmed)} were trained again with other seeds, "
        f"{plural(len(view.again), 'training')} in all."
    )
    first = winner(view.judged)
    again = [each for each in confirmed if first in each.trainings]
    if again and view.finished:
        yield _first_winner(view, again[0])


def _first_winner(view: SearchView, standing: Standing) -> str:
    """Say how much of the score was luck by which a network was the best at first."""
    measure, first = view.measure, winner(view.judged)
    assert first is not None
    score, mean = score_of(first), standing.seeds.mean
    assert score is not None
    assert mean is not None
    num = plural(len(standing.seeds.scores), "training")
    luck = score - mean if measure.higher_is_better else mean - score
    says = (
        f"{first.id}, the best at first with {score_text(measure, score)}, comes to "
        f"{seeds_text(measure, standing.seeds)} in {num}"
        + (f": {_difference_text(measure, luck)} of it was luck" if luck > 0 else "")
    )
    best = view.best
    if best is None or best == standing:
        return f"{says}; it is the best still."
    return f"{says}; the best is {best.first.id}, with {seeds_text(measure, best.seeds)}."


def _difference_text(measure: Measure, difference: float) -> str:
    """Return how far two scores lie apart: accuracies in points of a percent."""
    return f"{100 * difference:.2f} points" if measure.is_fraction else f"{difference:.3g}"
