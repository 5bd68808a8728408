"""Children in words, in tables for the terminal and for a page, and as JSON."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

from nas_lib.architecture import Architecture
from nas_lib.errors import one_line, plural
from nas_lib.records import ChildRow
from nas_lib.report.formatting import (
    NONE,
    count_text,
    duration_text,
    score_text,
    status_text,
    titled,
)
from nas_lib.report.markup import Number, table, tag
from nas_lib.results import Measure, SearchView, Standing
from nas_lib.results.intervals import Seeds
from nas_lib.results.ranking import by_time, score_of, status_counts

if TYPE_CHECKING:
    from rich.table import Table

_TOP = 25  # on the page's leaderboard
_MAX_BRIEF = 10_000  # characters of an architecture
_MAX_ROWS = 2000  # of all children: the page stays small


def child_score(view: SearchView, row: ChildRow | None) -> str:
    """Return a child's score, its status where its training failed, nothing for no child.

    What has learned the validation data too has no score on them that says anything.
    """
    if row is None or (row.status == "ok" and row.id == view.retrained):
        return NONE
    if row.status != "ok":
        return status_text(row.status)
    return score_text(view.measure, score_of(row))


def brief(view: SearchView, architecture: Architecture) -> str:
    """Return an architecture for a narrow column: sizes only, without connections."""
    plan = view.plan(architecture)
    return one_line(architecture.config if plan is None else plan.brief, _MAX_BRIEF)


def children_parts(view: SearchView) -> Iterator[str]:
    """Yield how many children there are, and which is the best, for a sentence."""
    counts = status_counts(view.rows).items()
    failed = [f"{count} {status_text(status)}" for status, count in counts if status != "ok"]
    total = f"{len(view.judged):,} of {plural(view.num_children, 'child', 'children')}"
    yield total + (f" ({', '.join(failed)})" if failed else "")
    if view.num_repeats:
        yield plural(view.num_repeats, "repeat")
    if view.num_again:
        yield f"{len(view.again):,} of {plural(view.num_again, 'training')} of the best again"
    yield _best_part(view)


def _best_part(view: SearchView) -> str:
    """Say which is the best, and how good it is."""
    best, name = view.best, view.measure.name
    if best is None:
        return "no best child yet"
    if not best.is_confirmed:
        return f"best {name} {child_score(view, best.row)} ({best.row.id})"
    text = seeds_text(view.measure, best.seeds)
    return (
        f"best mean {name} {text} of {plural(len(best.seeds.scores), 'training')} ({best.row.id})"
    )


def seeds_text(measure: Measure, seeds: Seeds) -> str:
    """Return the mean of some scores, with their standard deviation."""
    return score_text(measure, seeds.mean, error=seeds.spread)


def standing_score(view: SearchView, standing: Standing) -> str:
    """Return a score, of what was trained again the mean, its spread and how often it was."""
    if not standing.is_confirmed:
        return child_score(view, standing.row)
    return f"{seeds_text(view.measure, standing.seeds)} ({len(standing.seeds.scores)})"


def children_note(view: SearchView) -> str:
    """Return how many children there will be, and what became of those that there are."""
    counts = status_counts(view.rows).items()
    parts = [f"{count:,} {status_text(status)}" for status, count in counts]
    parts.append(f"{view.open_children:,} open")
    if view.num_repeats:
        parts.append(plural(view.num_repeats, "repeat"))
    if view.num_again:
        parts.append(f"{len(view.again):,} of {plural(view.num_again, 'training')} again")
    return f"of {view.num_children:,}: {', '.join(parts)}"


def terminal_leaderboard(
    view: SearchView, top: int, *, caption: str, shared: Mapping[str, str] | None = None
) -> Table:
    """Return the best children as a table for the terminal.

    Args:
        view: The search.
        top: So many of them.
        caption: Below the table.
        shared: Each child's score with shared weights, where there is one to show.
    """
    from rich import box
    from rich.table import Column, Table
    from rich.text import Text

    shared, best = shared or {}, view.standings[:top]
    is_short = not shared and not any(each.is_confirmed for each in best)
    names = ("Reward", "Param.", *(("Mult-adds",) if is_short else ()), "Time")  # room for 80
    found = Table(
        Column("#", justify="right"),
        Column("Child", no_wrap=True),
        Column(titled(view.measure.noun), justify="right", no_wrap=True),
        *(Column(name, justify="right", no_wrap=True) for name in ["Shared"][: len(shared)]),
        *(Column(name, justify="right") for name in names),
        Column("Architecture", no_wrap=True, overflow="ellipsis", ratio=1),
        caption=Text(caption),
        box=box.SIMPLE_HEAD,
        pad_edge=False,
        expand=True,
    )
    for rank, standing in enumerate(best, start=1):
        row = standing.row
        cells = (
            str(rank),
            row.id,
            standing_score(view, standing),
            *([shared[row.id]] if shared else ()),
            f"{row.reward:.4f}",
            count_text(row.num_parameters),
            *((count_text(row.num_multiply_adds),) if is_short else ()),
            duration_text(row.seconds),
            brief(view, row.architecture),
        )
        found.add_row(*map(Text, cells))  # as text: a bracket in it is no markup
    return found


def best_children(view: SearchView) -> Markup:
    """Return the page's leaderboard."""
    best = enumerate(view.standings[:_TOP], start=1)
    rows = (
        (Number(f"{rank}", rank), *_cells(view, each.row, standing_score(view, each)))
        for rank, each in best
    )
    return table((Number("#"), *_head(view)), rows, caption="The best children")


def all_children(view: SearchView) -> tuple[str, Markup]:
    """Return every child, or the latest where there are very many, and which they are."""
    rows = by_time(view.rows)
    shown = rows[-_MAX_ROWS:]
    which = "All" if len(shown) == len(rows) else f"The last {len(shown):,} of"
    title = f"{which} {len(rows):,} children"
    cells = (_cells(view, row, child_score(view, row)) for row in shown)
    return title, table(_head(view), cells, caption=title)


def _head(view: SearchView) -> tuple[object, ...]:
    measures = (titled(view.measure.name), "Reward", "Parameters", "Multiply-adds", "Time")
    return ("Child", *map(Number, measures), "Architecture")


def _cells(view: SearchView, row: ChildRow, score: str) -> tuple[object, ...]:
    return (
        _child(view, row),
        Number(score, score_of(row)),
        Number(f"{row.reward:.4f}", row.reward),
        Number(count_text(row.num_parameters), row.num_parameters),
        Number(count_text(row.num_multiply_adds), row.num_multiply_adds),
        Number(duration_text(row.seconds), row.seconds),
        tag("code", brief(view, row.architecture)),
    )


def child_id(child: str) -> Markup:
    """Return a child's id, which is not broken into lines."""
    return tag("span", child, class_="id")


def _child(view: SearchView, row: ChildRow) -> Markup:
    """Return a child's id, and whom it repeats or trains again, or whether it was known."""
    if row.repeat_of is not None:
        return Markup("{} = {}").format(child_id(row.id), child_id(row.repeat_of))
    if row.confirms is not None:
        return Markup("{}, {} again").format(child_id(row.id), child_id(row.confirms))
    return Markup("{} known").format(child_id(row.id)) if row.id in view.known else child_id(row.id)


def child_json(standing: Standing, rank: int) -> dict[str, Any]:
    """Return a child of the leaderboard as plain data, with the scores of its architecture."""
    row, seeds = standing.row, standing.seeds
    return {
        "rank": rank,
        "child": row.id,
        "status": row.status,
        "score": score_of(row),
        "reward": row.reward,
        "mean_score": seeds.mean,
        "spread": seeds.spread,
        "trainings": len(seeds.scores),
        "num_parameters": row.num_parameters,
        "num_multiply_adds": row.num_multiply_adds,
        "seconds": row.seconds,
        "space": row.architecture.space,
        "architecture_id": row.architecture.id,
        "config": row.architecture.config,
    }
