"""Replicas, throughput and staleness in the words and tables of the terminal."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from nas_lib.report.document import Number
from nas_lib.report.replicas import ReplicaSummary, Staleness, replica_summaries, slowest
from nas_lib.report.shared_course import course_line, shared_course
from nas_lib.report.throughput import children_per_hour, updates_per_s
from nas_lib.report.view import SearchView
from nas_lib.report.wording import NONE, duration_text, plural, rate_text

if TYPE_CHECKING:
    from rich.table import Table

FIGURES = ("Replica", "Rounds", "Children", "Left", "Quiet for", "Reward", "Stale", "Max", "Races")
"""The columns of `replica_figures`; beside them stands who is at work."""

_MAX_REPLICAS = 8  # that are all shown
_NUM_SLOWEST = 5  # of more


def pace_line(view: SearchView) -> str:
    """Return throughput and staleness in one line; of shared weights, what they took."""
    course = shared_course(view)
    if course is not None:
        return course_line(course)
    pace = updates_per_s(view.learned)
    staleness = Staleness.of(view.learned)
    if pace is None or staleness is None:
        return "Throughput: not known before a run's second round."
    children = rate_text(children_per_hour(pace, view.config.search))
    return (
        f"Throughput: {children} children/h ({rate_text(60 * pace)} updates/min). "
        f"Staleness: mean {staleness.mean:.1f}, max {staleness.max:,}; "
        f"{plural(staleness.conflicts, 'lost race')}."
    )


def replicas_line(view: SearchView, summaries: Sequence[ReplicaSummary]) -> str:
    """Return where the replicas stand in one line."""
    rounds = [each.rounds for each in summaries]
    at_work = sum(bool(each.holder) for each in summaries)
    return (
        f"{plural(len(summaries), 'replica')}, {at_work:,} at work; "
        f"rounds {min(rounds):,} to {max(rounds):,} of {view.config.search.rounds:,}"
    )


def replicas_table(view: SearchView) -> Table:
    """Return the replicas as a table for the terminal, where there are many the slowest ones."""
    from rich import box
    from rich.table import Column, Table
    from rich.text import Text

    summaries = replica_summaries(view)
    caption = replicas_line(view, summaries)
    shown = summaries
    if len(summaries) > _MAX_REPLICAS:
        shown = slowest(summaries)[:_NUM_SLOWEST]
        caption += f"; shown are the {_NUM_SLOWEST} slowest"
    table = Table(
        *(Column(name, justify="right", no_wrap=True) for name in FIGURES),
        Column("At work", no_wrap=True, overflow="ellipsis", ratio=1),
        caption=Text(caption),
        box=box.SIMPLE_HEAD,
        padding=(0, 1, 0, 0),  # nine columns should have room in 80
        pad_edge=False,
        expand=True,
    )
    for each in shown:
        figures = (figure.text for figure in replica_figures(each))
        table.add_row(*figures, Text(each.holder or NONE))  # a host is no markup
    return table


def replica_figures(each: ReplicaSummary) -> tuple[Number, ...]:
    """Return one replica's figures."""
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
