"""Known networks beside the one that was found: who is better, and what that can be due to."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import reduce
from operator import getitem
from typing import Any, Literal

from nas_lib.config.final import at_point, axes
from nas_lib.results.final import Contender, Outcome, outcome
from nas_lib.results.intervals import Interval, of_difference
from nas_lib.results.measure import Measure
from nas_lib.results.view import SearchView

Verdict = Literal["better", "worse", "not told apart", "too few seeds"]
"""On one network beside another."""


@dataclass(frozen=True)
class Rival:
    """A known network beside the one that was found.

    Attributes:
        contender: The network at its best point of the grid.
        is_tested: Whether they are compared by test scores, and not by validation scores.
        difference: Of the mean scores, its own less that of the found one: Welch's interval at
            95 %, None where nothing is known of how the seeds of either spread.
        verdict: Whether it is better or worse than the found one.
    """

    contender: Contender
    is_tested: bool
    difference: Interval | None
    verdict: Verdict


def rivals(found: Contender, references: Iterable[Contender], measure: Measure) -> list[Rival]:
    """Return known networks beside the found one, in the order in which they are given."""
    return [_rival(found, reference, measure) for reference in references]


def _rival(found: Contender, reference: Contender, measure: Measure) -> Rival:
    """Compare two networks by their test scores, by validation scores until these are read."""
    both = (reference, found)
    is_tested = all(0 < len(each.valid.scores) == len(each.test) for each in both)
    theirs, ours = ((each.tested if is_tested else each.valid).scores for each in both)
    difference = of_difference(theirs, ours)
    if min(len(theirs), len(ours)) < 2:
        return Rival(reference, is_tested, None, "too few seeds")
    return Rival(reference, is_tested, difference, _verdict(difference, measure))


def _verdict(difference: Interval | None, measure: Measure) -> Verdict:
    if difference is None or difference.holds(0.0):
        return "not told apart"
    return "better" if measure.is_better(difference.low, 0.0) else "worse"


@dataclass(frozen=True)
class Found:
    """What a search has to show in the end.

    Attributes:
        final: Its newest final training that came to a winner, else the newest one; None where it
            has none.
        references: Likewise, of known networks.
        newer: Those begun since then that have come to no winner, or not yet.
        rivals: Those beside the network that won, the best first; none before there is a winner.
        trained_otherwise: Of these networks, those that were trained by other settings than the one
            that was found.
    """

    final: Outcome | None
    references: Outcome | None
    newer: tuple[Outcome, ...]
    rivals: tuple[Rival, ...] = ()
    trained_otherwise: tuple[Contender, ...] = ()


def found_by(view: SearchView) -> Found:
    """Return what a search has to show in the end."""
    kinds = [
        [outcome(final) for final in view.finals if final.is_of_references == which]
        for which in (False, True)
    ]
    final, references = (_newest(each) for each in kinds)
    newest = [each[-1] for each in kinds if each]
    newer = tuple(each for each in newest if each is not final and each is not references)
    if final is None or references is None or final.winner is None:
        return Found(final, references, newer)
    known, ours = references.best_of_each, _trained_by(final, final.winner)
    return Found(
        final,
        references,
        newer,
        tuple(rivals(final.winner, known, view.measure)),
        tuple(each for each in known if _trained_by(references, each) != ours),
    )


def _newest(outcomes: Sequence[Outcome]) -> Outcome | None:
    """Return the newest that came to a winner, which one that was only begun does not hide."""
    return next(
        (each for each in reversed(outcomes) if each.winner), next(reversed(outcomes), None)
    )


def _trained_by(trained: Outcome, contender: Contender) -> dict[str, Any]:
    """Return what made its training what it was, and the points that it won at one of.

    Settings for cells are none of it: other networks have none.
    """
    recipe = trained.settings.settings_of(contender.network, {})
    children = at_point(trained.view.config.children, recipe)
    plain = children.model_dump(mode="json")
    names = {*axes(type(children))} - {*getattr(children, "for_cells", ())}
    found = {name: reduce(getitem, name.split("."), plain) for name in names}
    return {**found, "grid": trained.settings.grid}
