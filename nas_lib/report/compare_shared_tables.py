"""The comparison of searches by shared weights: for the terminal, and what its numbers mean."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from nas_lib.report.compare_shared import QUANTITIES, Mean, SharedComparison
from nas_lib.report.measure import Measure
from nas_lib.report.wording import NONE, duration_text

if TYPE_CHECKING:
    from rich.console import Group
    from rich.table import Table

EQUAL_BUDGET = (
    "Equal budget: every search trains its shared weights for the same epochs. A controller that "
    "learns judges architectures after each of them; random search instead scores more samples in "
    "the end, as many as those steps would have cost."
)


def shared_compare_table(comparison: SharedComparison) -> Group:
    """Return two tables for the terminal: what the searches took, and what they found."""
    from rich.console import Group
    from rich.text import Text

    return Group(
        _table(comparison, "What they took", is_result=False),
        _table(comparison, "What they found", is_result=True),
        Text(" ".join([EQUAL_BUDGET, direction(comparison), *comparison.warnings])),
    )


def direction(comparison: SharedComparison) -> str:
    """Say which sign of a difference is good."""
    better = "above" if comparison.measure.higher_is_better else "below"
    return f"Differences of scores are good for the controller where they are {better} 0."


def _table(comparison: SharedComparison, title: str, *, is_result: bool) -> Table:
    from rich import box
    from rich.table import Column, Table
    from rich.text import Text

    shown = {name: each for name, each in QUANTITIES.items() if each.is_result == is_result}
    table = Table(
        Column("Search"),
        Column("Controller"),
        *(Column(quantity.title, justify="right") for quantity in shown.values()),
        box=box.SIMPLE_HEAD,
        pad_edge=False,
        padding=(0, 1, 0, 0),
        title=title,
    )
    for head, means in _lines(comparison, is_result=is_result):
        texts = (quantity_text(name, means[name], comparison.measure) for name in shown)
        table.add_row(*map(Text, (*head, *texts)))
    return table


def _lines(
    comparison: SharedComparison, *, is_result: bool
) -> Iterator[tuple[tuple[str, str], Mapping[str, Mean]]]:
    """Yield the beginning of each line, and the figures that follow."""
    for entry in comparison.entries:
        means = {name: Mean(value) for name, value in entry.values.items()}
        yield (entry.name, entry.group), means
    for group in comparison.groups:
        if group.num_searches > 1:
            yield (f"mean of {group.num_searches}", group.label), group.means
    for difference in comparison.differences if is_result else ():
        yield ("difference", difference.label), difference.means


def quantity_text(name: str, mean: Mean, measure: Measure) -> str:
    """Return a figure, or a mean with its standard error where that is of interest."""
    value, error = mean.value, mean.standard_error
    if value is None:
        return NONE
    match QUANTITIES[name].kind:
        case "count":
            return f"{value:,.0f}"
        case "seconds":
            return duration_text(value)
        case "score":
            return measure.text(value, error=error)
        case "tau":
            return f"{value:.2f}" + ("" if error is None else f" \N{PLUS-MINUS SIGN} {error:.2f}")
