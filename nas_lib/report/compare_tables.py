"""The comparison of searches as a table for the terminal, and as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from pydantic import TypeAdapter

from nas_lib.report.compare import Comparison, Curve
from nas_lib.report.compare_shared import SharedComparison
from nas_lib.report.compare_shared_tables import shared_compare_table
from nas_lib.report.curves import TOPS
from nas_lib.report.wording import NONE, plural

if TYPE_CHECKING:
    from rich.console import Group
    from rich.table import Table


def compare_json(comparison: Comparison | SharedComparison) -> dict[str, Any]:
    """Return the comparison as plain data."""
    kind = TypeAdapter(type(comparison))
    plain: dict[str, Any] = kind.dump_python(comparison, mode="json")
    return plain


def compare_table(comparison: Comparison | SharedComparison) -> Table | Group:
    """Return the searches, and the groups of several, as tables for the terminal."""
    if isinstance(comparison, SharedComparison):
        return shared_compare_table(comparison)
    from rich import box
    from rich.table import Column, Table
    from rich.text import Text

    names = ("Children", "Best", *(f"Top {k}" for k in TOPS))
    table = Table(
        Column("Search"),
        Column("Controller"),
        *(Column(name, justify="right") for name in names),
        box=box.SIMPLE_HEAD,
        pad_edge=False,
        caption=Text(" ".join([caption(comparison), *comparison.warnings])),
    )
    for entry in comparison.entries:
        best = comparison.measure.text(entry.best)
        cells = (entry.name, entry.group, f"{entry.num_children:,}", best)
        table.add_row(*map(Text, (*cells, *final_texts(entry.curves, comparison))))
    for group in comparison.groups:
        if group.num_searches > 1:
            cells = (f"mean of {group.num_searches}", group.label, f"{comparison.budget:,}", "")
            table.add_row(*map(Text, (*cells, *final_texts(group.curves, comparison))))
    return table


def caption(comparison: Comparison) -> str:
    """Return in a sentence what the columns of tops are."""
    if not comparison.budget:
        return "Nothing can be compared before every search has a counted child."
    return (
        f"Top k: the mean of the best k scores among each search's first "
        f"{plural(comparison.budget, 'counted child', 'counted children')}."
    )


def final_texts(members: Sequence[Curve], comparison: Comparison) -> list[str]:
    """Return each curve's value at the whole budget, with its standard error if there is one."""
    return [_final_text(curve, comparison) for curve in members]


def _final_text(curve: Curve, comparison: Comparison) -> str:
    if not curve.values:  # the budget is 0
        return NONE
    score, error = curve.values[-1], curve.standard_error[-1]
    return comparison.measure.text(score, error=error)
