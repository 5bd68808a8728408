"""Reports of a final training: its networks, their seeds, and how they learned."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from nas_lib.config.final import points
from nas_lib.errors import plural
from nas_lib.records import ChildRow, TestReading
from nas_lib.report.contenders import (
    full_name,
    learning_curves,
    outcome_json,
    page_table,
    seed_curves,
    seeds_text,
    terminal_measures,
    terminal_table,
)
from nas_lib.report.formatting import duration_text
from nas_lib.report.markup import Figure, join
from nas_lib.report.model import final_lines, final_table
from nas_lib.report.reporter import Reporter
from nas_lib.report.rounds import RoundsReporter
from nas_lib.report.samples import page_samples, terminal_samples
from nas_lib.results import SearchView, winner
from nas_lib.results.final import outcome

if TYPE_CHECKING:
    from rich.table import Table


class FinalReporter(Reporter):
    """What reports say of a final training."""

    template = "final.html"
    comparison = RoundsReporter.comparison
    is_of_search = False

    def __init__(self, view: SearchView) -> None:
        super().__init__(view)
        self._outcome = outcome(view)
        self._search = self._outcome.settings
        self._lines = final_table(self._outcome)

    def best(self) -> ChildRow | None:
        """Return the best seed of the best network."""
        return winner(row for each in self._outcome.ranked[:1] for row in each.rows)

    def final_reading(self) -> TestReading | None:
        """Return that of the network that is handed on."""
        return self._outcome.score_handed_on

    def work_of_run(self, run: str) -> str:
        """Say how many trainings are done: by which run, nobody writes down."""
        return f"left {self._done()} done"

    def headline_parts(self) -> Iterator[str]:
        """Yield how many trainings are done, and which network is the best."""
        view = self.view
        yield self._done()
        for best in self._outcome.ranked[:1]:
            mean = seeds_text(view.measure, best.valid)
            yield f"best mean {view.measure.name} {mean} ({full_name(best)})"

    def _done(self) -> str:
        return f"{len(self.view.rows):,} of {plural(self.view.num_children, 'training')}"

    def pace_line(self) -> str:
        """Return how long the trainings took."""
        return f"Trainings: {duration_text(sum(row.seconds for row in self.view.rows))} in all."

    def findings(self) -> Iterator[str]:
        """Yield who won, and what to expect of it."""
        yield from final_lines(self._outcome)

    def leaderboard(self, top: int) -> Table:
        """Return the networks, the best first, each with all its seeds."""
        return terminal_table(self._lines[:top], caption=self.headline())

    def tables(self, top: int) -> Iterator[Table]:
        """Yield the networks, by all measures, and some examples of what one made."""
        yield self.leaderboard(top)
        yield from terminal_measures(self._lines[:top])
        yield from terminal_samples(self.final_reading())

    def key_figures(self) -> Iterator[Figure]:
        """Yield what is trained how often."""
        search = self._search
        yield Figure(
            "Networks", f"{len(search.networks):,}", f"with {plural(search.seeds, 'seed')} each"
        )
        num_points = len(points(search.grid))
        if num_points > 1:
            yield Figure("Points of the grid", f"{num_points:,}", "of each network")

    def page_parts(self) -> dict[str, Any]:
        """Return all networks with their seeds, and the curves."""
        return {
            "search": self._search,
            "contenders": page_table(self._lines, caption="Every network") if self._lines else "",
            "curves": join(
                learning_curves(self._lines, title="Learning curves"),
                *(seed_curves(line, title="Seed by seed") for line in self._lines[:1]),
            ),
            "samples": page_samples(self.final_reading()),
            "sentences": list(self.findings()),
        }

    def time_left_s(self) -> float | None:
        """Return None: a few long trainings have no pace."""
        return None

    def summary(self) -> dict[str, Any]:
        """Return nothing but what every search has."""
        return {}

    def details(self) -> dict[str, Any]:
        """Return every network with its seeds."""
        return {"final": outcome_json(self._outcome)}
