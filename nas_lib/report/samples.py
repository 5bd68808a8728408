"""What a network made of some examples of the test, beside what would have been right."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from markupsafe import Markup

from nas_lib.records import TestReading
from nas_lib.report.markup import table

if TYPE_CHECKING:
    from rich.table import Table

_HEAD: Final = ("Given", "Found", "Wanted")
_FEW: Final = 3  # in the terminal


def page_samples(reading: TestReading | None) -> Markup:
    """Return them as a table of a page, nothing where there is none."""
    if reading is None or not reading.samples:
        return Markup()
    rows = ((each.given, each.found, each.wanted) for each in reading.samples)
    return table(_HEAD, rows, caption="Some examples of the test")


def terminal_samples(reading: TestReading | None) -> Iterator[Table]:
    """Yield some of them as a table for the terminal, where there are any."""
    from rich import box
    from rich.table import Column, Table
    from rich.text import Text

    if reading is None or not reading.samples:
        return
    columns = (Column(name, overflow="fold", ratio=1) for name in _HEAD)
    found = Table(*columns, box=box.SIMPLE_HEAD, pad_edge=False)
    for each in reading.samples[:_FEW]:
        found.add_row(*map(Text, (each.given, each.found, each.wanted)))
    yield found
