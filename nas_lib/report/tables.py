"""Tables for the terminal, and the same facts as JSON (the command's `--json`)."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from nas_lib.records import ChildRow
from nas_lib.report import curves
from nas_lib.report.derivation import derivation
from nas_lib.report.replicas import Staleness, replica_summaries
from nas_lib.report.shared_course import shared_course
from nas_lib.report.shared_tables import epochs_table, shared_json
from nas_lib.report.throughput import children_per_hour, updates_per_s
from nas_lib.report.view import SearchView
from nas_lib.report.wording import (
    NONE,
    count_text,
    duration_text,
    plural,
    short_config,
    status_text,
)

if TYPE_CHECKING:
    from rich.table import Table


def child_score(view: SearchView, row: ChildRow | None) -> str:
    """Return a child's score, its status where its training failed, nothing for no child."""
    if row is None:
        return NONE
    if row.status != "ok":
        return status_text(row.status)
    return view.measure.text(curves.score_of(row))


def headline(view: SearchView) -> str:
    """Return the state of the search in one sentence."""
    state = "finished" if view.finished else "not finished"
    course = shared_course(view)
    begin = f"{view.config.name}: "
    if course is not None:
        begin += f"epoch {course.epochs:,} of {course.num_epochs:,} of shared weights, "
        if view.derived is None:
            return f"{begin}{_mean_score(view)}{state}"
    counts = curves.status_counts(view.rows).items()
    failed = [f"{count} {status_text(status)}" for status, count in counts if status != "ok"]
    total = f"{len(view.rows):,} of {plural(view.num_children, 'child', 'children')}"
    trouble = f" ({', '.join(failed)})" if failed else ""
    best = curves.winner(view.rows)
    best_text = (
        f"best {view.measure.name} {child_score(view, best)} ({best.id})"
        if best
        else "no best child yet"
    )
    return f"{begin}{total}{trouble}, {best_text}, {state}"


def _mean_score(view: SearchView) -> str:
    """Return how good the latest architectures are with shared weights, for the headline."""
    if not view.shared_epochs:
        return ""
    return f"mean {view.measure.name} {view.measure.text(view.shared_epochs[-1].mean_score)}, "


def leaderboard_table(view: SearchView, top: int) -> Table:
    """Return the best children as a table for the terminal; epochs before there are children."""
    if view.config.shared is not None and not view.rows:
        return epochs_table(view, top, caption=headline(view))
    from rich import box
    from rich.table import Column, Table
    from rich.text import Text

    shared = _shared_scores(view)
    names = ("Reward", "Param.", *(() if shared else ("Mult-adds",)), "Time")  # room for 80
    table = Table(
        Column("#", justify="right"),
        Column("Child", no_wrap=True),
        Column(view.measure.short, justify="right", no_wrap=True),
        *(Column(name, justify="right", no_wrap=True) for name in ["Shared"][: len(shared)]),
        *(Column(name, justify="right") for name in names),
        Column("Architecture", no_wrap=True, overflow="ellipsis", ratio=1),
        caption=Text(headline(view)),
        box=box.SIMPLE_HEAD,
        pad_edge=False,
        expand=True,
    )
    for rank, row in enumerate(curves.leaderboard(view.rows, top), start=1):
        cells = (
            str(rank),
            row.id,
            child_score(view, row),
            *([shared[row.id]] if shared else ()),
            f"{row.reward:.4f}",
            count_text(row.num_parameters),
            *(() if shared else (count_text(row.num_multiply_adds),)),
            duration_text(row.seconds),
            short_config(row.architecture),
        )
        table.add_row(*map(Text, cells))  # as text: a bracket in it is no markup
    return table


def _shared_scores(view: SearchView) -> dict[str, str]:
    """Return what shared weights told about each child; nothing in a search without them."""
    derived = derivation(view)
    rows = () if derived is None else derived.rows
    return {row.child: view.measure.text(row.shared_score) for row in rows}


def leaderboard_json(view: SearchView, top: int | None) -> dict[str, Any]:
    """Return the best children, the replicas and the state of the search as plain data.

    Args:
        view: The search.
        top: How many children, all if None.
    """
    best = enumerate(curves.leaderboard(view.rows, top), start=1)
    return {
        "search": summary_json(view),
        "shared": shared_json(view),
        "leaderboard": [_child(row, rank) for rank, row in best],
        "replicas": [asdict(each) for each in replica_summaries(view)],
    }


def summary_json(view: SearchView) -> dict[str, Any]:
    """Return the state of the search as plain data."""
    best = curves.winner(view.rows)
    pace = updates_per_s(view.learned)
    staleness = Staleness.of(view.learned)
    return {
        "name": view.config.name,
        "uri": view.uri,
        "controller": view.config.controller.kind,
        "seed": view.config.seed,
        "finished": view.finished,
        "max_children": view.num_children,
        "children": len(view.rows),
        "open_children": view.open_children,
        "counts": dict(curves.status_counts(view.rows)),
        "repeated_architectures": len(curves.repeated_architectures(view.rows)),
        "rounds_learned": len(view.learned),
        "child_seconds": sum(row.seconds for row in view.rows),
        "time_left_s": time_left_s(view),
        "children_per_hour": None if pace is None else children_per_hour(pace, view.config.search),
        "updates_per_minute": None if pace is None else 60 * pace,
        "staleness": None if staleness is None else asdict(staleness),
        "best": None if best is None else best.id,
        "best_score": None if best is None else curves.score_of(best),
        "measure": asdict(view.measure),
        "test_accuracy": {
            each.child: each.accuracy for each in view.test if each.accuracy is not None
        },
        "test_perplexity": {
            each.child: each.perplexity for each in view.test if each.perplexity is not None
        },
    }


def time_left_s(view: SearchView) -> float | None:
    """Return the expected seconds until the search is finished, None where it is not known."""
    if view.finished:
        return 0.0
    course = shared_course(view)
    if course is not None:
        return course.time_left_s
    return curves.time_left_s(view.learned, view.config.search)


def _child(row: ChildRow, rank: int) -> dict[str, Any]:
    return {
        "rank": rank,
        "child": row.id,
        "status": row.status,
        "score": curves.score_of(row),
        "reward": row.reward,
        "num_parameters": row.num_parameters,
        "num_multiply_adds": row.num_multiply_adds,
        "seconds": row.seconds,
        "space": row.architecture.space,
        "architecture_id": row.architecture.id,
        "config": row.architecture.config,
    }
