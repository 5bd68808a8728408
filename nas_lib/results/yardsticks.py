"""Yardsticks: what searches of a procedure are compared by, and at which equal budget.

Of rounds, the budget is trained children, and the mean of the best 1, 5 and 15 tells what was found
(Zoph & Le 2017, section 4.2, figure 6). Of shared weights, the budget is their epochs: a controller
that learns judges architectures after each; random search scores more of them in the end, as many
as cost the same.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from nas_lib.config.procedures import PROCEDURES
from nas_lib.named_objects import imported
from nas_lib.records import ChildRow
from nas_lib.results.agreement import Correlation, best_kept, derivation
from nas_lib.results.ranking import TOPS, by_time, score_of, top_k_mean, winner
from nas_lib.results.rivals import found_by
from nas_lib.results.shared_progress import shared_progress
from nas_lib.results.view import SearchView

Values = Mapping[str, float | None]
Curves = Mapping[str, Sequence[float | None]]


@dataclass(frozen=True)
class Quantity:
    """A figure that every search has.

    Attributes:
        title: In a column's head.
        kind: What sort of number it is.
        is_result: Whether it tells what was found at the equal budget, so that its difference from
            random search means something.
    """

    title: str
    kind: Literal["count", "seconds", "score", "tau"]
    is_result: bool = False


@dataclass(frozen=True)
class Yardstick:
    """What searches of a procedure are compared by.

    Attributes:
        quantities: Their figures, by their names in JSON.
        budget: Returns how much of it a search has used.
        values: Returns a search's figures, without those that are the end of a curve.
        curves: Returns what a search comes to along its budget, one value for each unit of that. A
            figure of the same name is where the curve ends at the equal budget.
        num_checkpoints: How often curves are read, None for at each unit of the budget.
        conditions: Parts of the settings that searches should have in common, besides those that
            all should.
        left_out: What is not compared where other searches have another procedure.
    """

    quantities: Mapping[str, Quantity]
    budget: Callable[[SearchView], int]
    values: Callable[[SearchView], Values]
    curves: Callable[[SearchView], Curves]
    num_checkpoints: int | None = None
    conditions: tuple[str, ...] = ()
    left_out: str = ""


def _num_counted(view: SearchView) -> int:
    return sum(row.counts and row.is_explored for row in view.rows)


def _values_of_children(view: SearchView) -> Values:
    return {"children": _num_counted(view), "best": _score(winner(view.rows))}


def _tops(view: SearchView) -> Curves:
    rows = by_time(row for row in view.rows if row.is_explored)
    higher = view.measure.higher_is_better
    return {f"top_{k}": top_k_mean(rows, k, higher_is_better=higher) for k in TOPS}


def _values_of_epochs(view: SearchView) -> Values:
    progress, derived = shared_progress(view), derivation(view)
    values: dict[str, float | None] = {
        "epochs": progress.epochs,
        "training_s": progress.training_s,
        "controller_s": progress.controller_s,
        "judged": progress.num_judged,
        "deriving_s": progress.deriving_s,
        "best": _score(winner(view.rows)),
        "test": _test_score(view, best_kept(view)),
    }
    if derived is not None:
        values |= {
            "best_shared": derived.rows[0].shared_score,
            "best_kept": None if derived.kept_sample is None else derived.kept_sample.best,
            "tau_running": _tau(derived.all.running),
            "tau": _tau(derived.all.own),
        }
    return values


def _mean_scores(view: SearchView) -> Curves:
    return {"mean_score": [each.mean_score for each in view.shared_epochs]}


def _score(row: ChildRow | None) -> float | None:
    return None if row is None else score_of(row)


def _tau(correlation: Correlation | None) -> float | None:
    return None if correlation is None else correlation.tau


def _test_score(view: SearchView, chosen: ChildRow | None) -> float | None:
    """Return what was read for the best kept network: luck has no part in how it was chosen."""
    for reading in view.test:
        if chosen is not None and reading.child == chosen.id:
            return reading.score
    return None


CHILDREN = Yardstick(
    quantities={
        "children": Quantity("Children", "count"),
        "best": Quantity("Best of all", "score"),  # children: not at the equal budget
        **{f"top_{k}": Quantity(f"Top {k}", "score", is_result=True) for k in TOPS},
    },
    budget=_num_counted,
    values=_values_of_children,
    curves=_tops,
    num_checkpoints=20,
)
EPOCHS = Yardstick(
    quantities={
        "epochs": Quantity("Epochs", "count"),
        "training_s": Quantity("Training", "seconds"),
        "controller_s": Quantity("Steps", "seconds"),
        "judged": Quantity("Judged", "count"),
        "deriving_s": Quantity("Deriving", "seconds"),
        "best_shared": Quantity("Best shared", "score", is_result=True),
        "best_kept": Quantity("Best kept", "score", is_result=True),
        "best": Quantity("Best of all", "score", is_result=True),
        "test": Quantity("Test", "score", is_result=True),
        "tau_running": Quantity("Tau before", "tau", is_result=True),
        "tau": Quantity("Tau", "tau", is_result=True),
    },
    budget=lambda view: len(view.shared_epochs),
    values=_values_of_epochs,
    curves=_mean_scores,
    conditions=("search.",),
    left_out="Some of the searches have shared weights and others none: at equal numbers of "
    "children, what training the shared weights took is left out.",
)


def with_later(yardstick: Yardstick, views: Sequence[SearchView], *, is_equal: bool) -> Yardstick:
    """Return the same with what comes after the budget, as far as all of the searches have it.

    Args:
        yardstick: What they are compared by before that.
        views: The searches.
        is_equal: Whether all have used the same budget, so that differences mean something.
    """
    found = {
        name: later
        for name, later in LATER.items()
        if all(later.value(view) is not None for view in views)
    }

    def values(view: SearchView) -> Values:
        return {
            **yardstick.values(view),
            **{name: later.value(view) for name, later in found.items()},
        }

    quantities = {
        name: Quantity(later.title, "score", is_result=is_equal) for name, later in found.items()
    }
    return replace(yardstick, quantities={**yardstick.quantities, **quantities}, values=values)


def confirmed_mean(view: SearchView) -> float | None:
    """Return the mean over all trainings of the best that was trained again."""
    best = next(iter(view.standings), None)
    return best.seeds.mean if best is not None and best.is_confirmed else None


def final_test(view: SearchView) -> float | None:
    """Return the mean test score over the seeds of the network that won the final training."""
    final = found_by(view).final
    winner = None if final is None else final.winner
    return None if winner is None else winner.tested.mean


@dataclass(frozen=True)
class Later:
    """A figure of what a search does once its budget is used.

    Attributes:
        title: In a column's head.
        value: Returns it, None where the search has none.
    """

    title: str
    value: Callable[[SearchView], float | None]


LATER = {
    "confirmed": Later("Confirmed", confirmed_mean),
    "final": Later("Final test", final_test),
}
"""By their names in JSON."""

COMMON = "rounds"
"""Whose yardstick is that of searches of several procedures: all of them train children."""


def yardstick_of(kind: str) -> Yardstick:
    """Return what searches of a kind of procedure are compared by."""
    yardstick: Yardstick = imported(PROCEDURES[kind].yardstick)
    return yardstick
