"""Reports of a final training."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from nas_lib.report.children import best_children
from nas_lib.report.formatting import plural
from nas_lib.report.markup import Figure
from nas_lib.report.reporter import ComparisonStyle, Reporter


class FinalReporter(Reporter):
    """What reports say of a final training."""

    template = "final.html"
    comparison = ComparisonStyle(
        template="compare_rounds.html", budget=lambda _: "", x_label="trainings", charts={}
    )

    def work_of_run(self, run: str) -> str:
        """Say how many trainings there are."""
        return f"knows of {plural(len(self.view.rows), 'training')}"

    def pace_line(self) -> str:
        """Return nothing: trainings are few."""
        return ""

    def key_figures(self) -> Iterator[Figure]:
        """Yield none."""
        yield from ()

    def page_parts(self) -> dict[str, Any]:
        """Return the table of all trainings."""
        return {"best_children": best_children(self.view)}

    def time_left_s(self) -> float | None:
        """Return None: nobody knows."""
        return None

    def summary(self) -> dict[str, Any]:
        """Return nothing."""
        return {}

    def details(self) -> dict[str, Any]:
        """Return nothing."""
        return {}
