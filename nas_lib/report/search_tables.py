"""The tables on the page of one search."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from nas_lib.records import ChildRow, Problem
from nas_lib.report import curves
from nas_lib.report.document import Number, fold, paragraph, section, table
from nas_lib.report.markup import Markup, join, tag
from nas_lib.report.replica_tables import (
    FIGURES,
    pace_line,
    replica_figures,
    replicas_line,
)
from nas_lib.report.replicas import replica_summaries
from nas_lib.report.tables import child_score
from nas_lib.report.view import SearchView
from nas_lib.report.wording import (
    NONE,
    count_text,
    duration_text,
    short_config,
    status_text,
    time_text,
)

TOP = 25
"""Children on the leaderboard."""

_MAX_ROWS = 2000  # of all children: the page stays small
_MAX_PROBLEMS = 100
_MAX_REPLICAS = 25  # that are not folded away


def leaderboard_section(view: SearchView) -> Markup:
    """Return the best children."""
    best = enumerate(curves.leaderboard(view.rows, TOP), start=1)
    rows = ((Number(f"{rank}", rank), *_cells(view, row)) for rank, row in best)
    return section("The best children", table((Number("#"), *_head(view)), rows))


def all_children(view: SearchView) -> Markup:
    """Return every child, or the latest where there are very many, folded away."""
    rows = curves.by_time(view.rows)
    shown = rows[-_MAX_ROWS:]
    which = "All" if len(shown) == len(rows) else f"The last {len(shown):,} of"
    return fold(
        f"{which} {len(rows):,} children",
        table(_head(view), (_cells(view, row) for row in shown)),
    )


def _head(view: SearchView) -> tuple[object, ...]:
    measures = (view.measure.name.capitalize(), "Reward", "Parameters", "Multiply-adds", "Time")
    return ("Child", *map(Number, measures), "Architecture")


def _cells(view: SearchView, row: ChildRow) -> tuple[object, ...]:
    return (
        _child_id(row),
        Number(child_score(view, row), curves.score_of(row)),
        Number(f"{row.reward:.4f}", row.reward),
        Number(count_text(row.num_parameters), row.num_parameters),
        Number(count_text(row.num_multiply_adds), row.num_multiply_adds),
        Number(duration_text(row.seconds), row.seconds),
        tag("code", short_config(row.architecture)),
    )


def _child_id(row: ChildRow) -> Markup:
    return tag("span", row.id, class_="id")


def replicas_section(view: SearchView) -> Markup:
    """Return where each replica stands, nothing where there is one only."""
    if view.config.search.replicas == 1:
        return Markup()
    summaries = replica_summaries(view)
    rows = ((*replica_figures(each), each.holder or NONE) for each in summaries)
    replicas = table((*map(Number, FIGURES), "At work"), rows)
    if len(summaries) > _MAX_REPLICAS:
        replicas = fold(f"All {len(summaries):,} replicas", replicas)
    words = f"{replicas_line(view, summaries)}. {pace_line(view)}"
    key = (
        "Left: children of the open round that have no result yet. Quiet for: since the last "
        "update. Reward: mean of the latest rounds. Stale and max: updates by others between "
        "reading the parameters and writing them, on average and at most."
    )
    return section("Replicas", paragraph(words), replicas, paragraph(key, class_="soft"))


def trouble_section(view: SearchView) -> Markup:
    """Return what went wrong, nothing where nothing did."""
    failed = [row for row in view.rows if row.status != "ok"]
    if not failed and not view.problems:
        return Markup()
    return section("What went wrong", _failures(failed), problems_table(view.problems))


def _failures(failed: Sequence[ChildRow]) -> Markup:
    if not failed:
        return Markup()
    counts = Counter((row.status, row.message) for row in failed)
    examples = {(row.status, row.message): row for row in failed}
    rows = [
        (
            status_text(kind[0]),
            kind[1] or NONE,
            Number(f"{count:,}", count),
            _child_id(examples[kind]),
        )
        for kind, count in counts.most_common(_MAX_PROBLEMS)
    ]
    return table(("What happened", "Message", Number("How many"), "For example"), rows)


def problems_table(problems: Sequence[Problem]) -> Markup:
    """Return what runs could not do, nothing where they could do all."""
    if not problems:
        return Markup()
    rows = [
        (time_text(problem.created_s), problem.run, problem.step, problem.message)
        for problem in problems[-_MAX_PROBLEMS:]
    ]
    title = tag("h3", "Steps that could not do their work")
    return join(title, table(("When", "Run", "Step", "Message"), rows))
