"""Replicas in words and tables."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from markupsafe import Markup

from nas_lib.errors import plural
from nas_lib.report.formatting import NONE, duration_text
from nas_lib.report.markup import Number, table
from nas_lib.results import ReplicaSummary
from nas_lib.results.replicas import slowest

if TYPE_CHECKING:
    from rich.table import Table

_FIGURES = ("Replica", "Rounds", "Children", "Left", "Quiet for", "Reward", "Stale", "Max", "Races")
"""The columns of `_figures`; beside them stands who is at work."""

_MAX_REPLICAS = 8  # that are all shown
_NUM_SLOWEST = 5  # of more


def replicas_line(summaries: Sequence[ReplicaSummary], num_rounds: int) -> str:
    """Return where the replicas stand in one line."""
    rounds = [each.rounds for each in summaries]
    at_work = sum(bool(each.holder) for each in summaries)
    return (
        f"{plural(len(summaries), 'replica')}, {at_work:,} at work; "
        f"rounds {min(rounds):,} to {max(rounds):,} of {num_rounds:,}"
    )


def page_replicas(summaries: Sequence[ReplicaSummary]) -> Markup:
    """Return the replicas as a table for the page."""
    rows = ((*_figures(each), each.holder or NONE) for each in summaries)
    return table((*map(Number, _FIGURES), "At work"), rows, caption="The replicas")


def terminal_replicas(summaries: Sequence[ReplicaSummary], num_rounds: int) -> Table:
    """Return the replicas as a table for the terminal, where there are many the slowest ones."""
    from rich import box
    from rich.table import Column, Table
    from rich.text import Text

    caption = replicas_line(summaries, num_rounds)
    shown = summaries
    if len(summaries) > _MAX_REPLICAS:
        shown = slowest(summaries)[:_NUM_SLOWEST]
        caption += f"; shown are the {_NUM_SLOWEST} slowest"
    found = Table(
        *(Column(name, justify="right", no_wrap=True) for name in _FIGURES),
        Column("At work", no_wrap=True, overflow="ellipsis", ratio=1),
        caption=Text(caption),
        box=box.SIMPLE_HEAD,
        padding=(0, 1, 0, 0),  # nine columns should have room in 80
        pad_edge=False,
        expand=True,
    )
    for each in shown:
        figures = (figure.text for figure in _figures(each))
        found.add_row(*figures, Text(each.holder or NONE))  # a host is no markup
    return found


def _figures(each: ReplicaSummary) -> tuple[Number, ...]:
    stale = each.staleness
    return (
        Number(str(each.replica), each.replica),
        _number(each.rounds, _count),
        _number(each.children, _count),
        _number(each.children_left, _count),
        _number(each.quiet_s, duration_text),
        _number(each.recent_reward, "{:.4f}".format),
        _number(stale.mean if stale else None, "{:.1f}".format),
        _number(stale.max if stale else None, _count),
        _number(stale.conflicts if stale else None, _count),
    )


_count = "{:,}".format


def _number(value: float | None, text: Callable[[float], str]) -> Number:
    return Number(NONE if value is None else text(value), value)
