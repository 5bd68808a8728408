"""Reports of a transfer: which networks there are, and where they come from."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, cast

from nas_lib.config import TransferConfig
from nas_lib.errors import plural
from nas_lib.records import ChildRow
from nas_lib.report.markup import Figure, Number, table, tag
from nas_lib.report.reporter import Reporter
from nas_lib.report.rounds import RoundsReporter
from nas_lib.results import SearchView

if TYPE_CHECKING:
    from rich.table import Table


class TransferReporter(Reporter):
    """What reports say of networks that were found elsewhere."""

    template = "transfer.html"
    comparison = RoundsReporter.comparison

    def __init__(self, view: SearchView) -> None:
        super().__init__(view)
        self._search = cast(TransferConfig, view.config.search)  # a reporter is chosen by its kind

    def best(self) -> ChildRow | None:
        """Return None: the best of them is the final training's, which says so."""
        return None

    def work_of_run(self, run: str) -> str:
        """Say that nothing was searched."""
        return "had nothing to search"

    def headline_parts(self) -> Iterator[str]:
        """Yield what is transferred, and from where."""
        source = self._search.source
        what = plural(len(self._search.networks), "network")
        yield f"{what} of {source}" if source else what

    def pace_line(self) -> str:
        """Say that nothing is searched."""
        return "Nothing is searched here: these networks were found elsewhere."

    def leaderboard(self, top: int) -> Table:
        """Return the networks."""
        from rich import box
        from rich.table import Column, Table
        from rich.text import Text

        found = Table(
            Column("#", justify="right"),
            Column("Found as", overflow="fold"),
            Column("Architecture", overflow="fold", ratio=1),
            caption=Text(self.headline()),
            box=box.SIMPLE_HEAD,
            pad_edge=False,
            expand=True,
        )
        for number, *texts in self._networks()[:top]:
            found.add_row(str(number), *map(Text, texts))
        return found

    def key_figures(self) -> Iterator[Figure]:
        """Yield how many networks there are."""
        yield Figure("Networks", f"{len(self._search.networks):,}", self._search.source)

    def page_parts(self) -> dict[str, Any]:
        """Return the networks."""
        rows = [
            (Number(str(number), number), origin, tag("code", text))
            for number, origin, text in self._networks()
        ]
        networks = table((Number("#"), "Found as", "Architecture"), rows, caption="The networks")
        return {"search": self._search, "networks": networks}

    def time_left_s(self) -> float | None:
        """Return None: there is nothing to wait for."""
        return None

    def summary(self) -> dict[str, Any]:
        """Return where the networks come from."""
        return {"source": self._search.source}

    def details(self) -> dict[str, Any]:
        """Return the networks."""
        return {
            "networks": [
                {"origin": origin, "architecture": text} for _, origin, text in self._networks()
            ]
        }

    def _networks(self) -> list[tuple[int, str, str]]:
        """Return each with its number from 1, and what it was called."""
        found = enumerate(self._search.named, start=1)
        return [(number, origin, text) for number, (text, origin) in found]
