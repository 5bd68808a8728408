"""The interface of what differs between procedures in reports."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from nas_lib.config.procedures import PROCEDURES
from nas_lib.errors import plural
from nas_lib.named_objects import imported
from nas_lib.records import ChildRow, RunPlan, TestReading
from nas_lib.report.children import children_parts, terminal_leaderboard
from nas_lib.report.markup import Figure
from nas_lib.results import SearchView
from nas_lib.results.rivals import found_by

if TYPE_CHECKING:
    from rich.table import Table


@dataclass(frozen=True)
class ComparisonStyle:
    """How searches of a procedure are shown beside each other.

    Attributes:
        template: Of the page.
        budget: Says what the equal budget is, from how much of it there is.
        unit: What the budget is counted in.
        x_label: The same, on charts.
        charts: Title and explanation of each curve's chart, by the curve's name.
        table_titles: In the terminal, of a table of what the searches took and one of what they
            found; empty for one table of both.
    """

    template: str
    budget: Callable[[int], str]
    unit: str
    x_label: str
    charts: Mapping[str, tuple[str, str]]
    table_titles: tuple[str, ...] = ()


class Reporter(ABC):
    """What reports say of one search as its procedure has it, and of no other.

    Attributes:
        template: Of the search's page.
        comparison: How several such searches are compared.
        time_left_of: What the time left is of, where it is not the whole search.
        is_of_search: Whether it chose a child, and a model may come of that.
        view: The search.
    """

    template: ClassVar[str]
    comparison: ClassVar[ComparisonStyle]
    time_left_of: ClassVar[str] = ""
    is_of_search: ClassVar[bool] = True

    def __init__(self, view: SearchView) -> None:
        self.view = view

    def best(self) -> ChildRow | None:
        """Return the child that stands for what was found."""
        best = self.view.best
        return None if best is None else best.row

    def final_reading(self) -> TestReading | None:
        """Return the test score of the network that is handed on in the end, if there is one."""
        final = found_by(self.view).final
        return None if final is None else final.score_handed_on

    # --- in words --------------------------------------------------------------------------------

    @abstractmethod
    def work_of_run(self, run: str) -> str:
        """Say what a run has done, after its name."""

    def plan_of_run(self, plan: RunPlan) -> str:
        """Say what a run planned."""
        return plural(plan.num_ticks, "round")

    def run_sentence(self) -> str:
        """Say what the run that asks has done, and what it planned."""
        view, plan = self.view, self.view.run_plan
        work = self.work_of_run(view.run)
        if plan is not None:
            work += f" (planned: {self.plan_of_run(plan)})"
        num_problems = len(view.run_problems)
        problems = plural(num_problems, "problem") if num_problems else "no problem"
        return f"This run, {view.run}, {work}; {problems} noted."

    def lost_run_sentence(self, plan: RunPlan) -> str:
        """Say what a run had done that ended before it could report."""
        return (
            f"Run {plan.run} was ended before it could report (cancelled, terminated or lost): "
            f"it {self.work_of_run(plan.run)} (planned: {self.plan_of_run(plan)})."
        )

    @abstractmethod
    def pace_line(self) -> str:
        """Return what the search takes, in one line."""

    def headline(self) -> str:
        """Return the state of the search in one sentence."""
        state = "finished" if self.view.finished else "not finished"
        return f"{self.view.config.name}: {', '.join([*self.headline_parts(), state])}"

    def headline_parts(self) -> Iterator[str]:
        """Yield how far the search is, for that sentence."""
        yield from children_parts(self.view)

    def findings(self) -> Iterator[str]:
        """Yield in lines of text what was found besides the winner."""
        yield from ()

    # --- in the terminal -------------------------------------------------------------------------

    def leaderboard(self, top: int) -> Table:
        """Return the best children, or what there is before them."""
        return terminal_leaderboard(self.view, top, caption=self.headline())

    def tables(self, top: int) -> Iterator[Table]:
        """Yield the tables that `nas top` shows."""
        yield self.leaderboard(top)

    # --- on the page -----------------------------------------------------------------------------

    @abstractmethod
    def key_figures(self) -> Iterator[Figure]:
        """Yield the procedure's own."""

    @abstractmethod
    def page_parts(self) -> dict[str, Any]:
        """Return what the template needs besides what every search has, by name."""

    def child_facts(self, child: str) -> Iterator[tuple[str, object]]:
        """Yield what is known of a child besides its training."""
        yield from ()

    # --- as numbers ------------------------------------------------------------------------------

    @abstractmethod
    def time_left_s(self) -> float | None:
        """Return the expected seconds that are left, None where nobody knows."""

    @abstractmethod
    def summary(self) -> dict[str, Any]:
        """Return facts on the whole search as plain data, by name."""

    @abstractmethod
    def details(self) -> dict[str, Any]:
        """Return what else there is as plain data, by name."""


def reporter_for(kind: str) -> type[Reporter]:
    """Return what reports on searches of a kind of procedure."""
    reporter: type[Reporter] = imported(PROCEDURES[kind].reporter)
    return reporter


def reporter_of(view: SearchView) -> Reporter:
    """Return the reporter of a search."""
    return reporter_for(view.config.search.kind)(view)
