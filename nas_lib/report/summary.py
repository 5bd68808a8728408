"""A search in a few lines, in the terminal, and as JSON (the command's `--json`)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from nas_lib.errors import one_line, plural
from nas_lib.records import ChildRow, TestReading
from nas_lib.report.children import brief, child_json, standing_score
from nas_lib.report.contenders import numbers
from nas_lib.report.formatting import score_text, titled
from nas_lib.report.model import model_json, model_lines, terminal_final
from nas_lib.report.reporter import Reporter, reporter_of
from nas_lib.results import SearchView, best_kept, score_of
from nas_lib.results.ranking import repeated_architectures, status_counts
from nas_lib.results.rivals import found_by

if TYPE_CHECKING:
    from rich.table import Table

_BRIEF = 60  # characters of an architecture where there is little room
_MOST_LOST = 3  # runs: what is older says little of how a search stands


def winner_lines(view: SearchView) -> list[str]:
    """Return the winner in a line, and what shared weights chose where it is none of that."""
    best, chosen = view.best.row if view.best else None, best_kept(view)
    if best is None:
        return []
    if chosen is None or chosen == best:
        return [f"Winner {best.id}: {_whole(best)}"]
    return [
        f"Winner {best.id}, drawn at random: {_whole(best)}",
        f"Best that the search chose, {chosen.id}: {_whole(chosen)}",
    ]


def _whole(row: ChildRow) -> str:
    return one_line(row.architecture.config, max_chars=10**6)


def test_lines(view: SearchView) -> list[str]:
    """Return what was read of the test set, a sentence each."""
    of = "of" if view.measure.is_share else "on"
    return [
        f"{titled(view.measure.test_name)} of {reading.child}: "
        f"{score_text(view.measure, reading.score)} {of} {reading_size(view, reading)} that the "
        "search never saw"
        + "".join(f"; {name} {number.text}" for name, number in numbers(reading).items())
        for reading in view.test
    ]


def reading_size(view: SearchView, reading: TestReading) -> str:
    """Return how many examples were read."""
    return plural(reading.num_examples, "example" if view.data is None else view.data.example)


def summary_lines(view: SearchView) -> list[str]:
    """Return what a run has to say in the end: the search's state, its own work, the best."""
    reporter = reporter_of(view)
    return [
        reporter.headline(),
        reporter.run_sentence(),
        *reporter.findings(),
        *_chosen_lines(view, reporter),
        *_model_lines(view, reporter),
    ]


def _chosen_lines(view: SearchView, reporter: Reporter) -> list[str]:
    """Return what a search chose and read of the test, nothing of what it chose nothing in."""
    return [*winner_lines(view), *test_lines(view)] if reporter.is_of_search else []


def _model_lines(view: SearchView, reporter: Reporter) -> list[str]:
    """Return what came of a search's best networks in the end."""
    return list(model_lines(found_by(view))) if reporter.is_of_search else []


def leaderboard_text(view: SearchView, top: int) -> str:
    """Return the best children in columns of plain text, empty where there is none."""
    rows = [
        (
            str(rank),
            each.row.id,
            standing_score(view, each),
            brief(view, each.row.architecture)[:_BRIEF],
        )
        for rank, each in enumerate(view.standings[:top], start=1)
    ]
    if not rows:
        return ""
    lines = [("#", "child", view.measure.noun, "architecture"), *rows]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    padded = (map(str.ljust, line, widths) for line in lines)
    return "\n".join("  ".join(line).rstrip() for line in padded)


def lost_run_lines(view: SearchView) -> list[str]:
    """Return the newest runs that ended before they could report, a sentence each."""
    reporter = reporter_of(view)
    return [reporter.lost_run_sentence(plan) for plan in view.lost_runs[-_MOST_LOST:]]


def terminal_parts(view: SearchView, top: int) -> Iterator[Table | str]:
    """Yield the tables and lines that `nas top` shows, in order."""
    reporter = reporter_of(view)
    yield from reporter.tables(top)
    yield reporter.pace_line()
    yield from (*reporter.findings(), *_chosen_lines(view, reporter))
    if reporter.is_of_search:
        yield from terminal_final(view)
    yield from lost_run_lines(view)


def leaderboard_json(view: SearchView, top: int | None) -> dict[str, Any]:
    """Return the best children and all that is known of the search as plain data."""
    best = enumerate(view.standings[:top], start=1)
    return {
        "search": summary_json(view),
        "leaderboard": [child_json(each, rank) for rank, each in best],
        **reporter_of(view).details(),
        **({"model": model_json(view)} if view.finals or view.models else {}),
    }


def summary_json(view: SearchView) -> dict[str, Any]:
    """Return the state of the search as plain data."""
    best = reporter_of(view).best()
    return {
        "name": view.config.name,
        "uri": view.uri,
        "procedure": view.config.search.kind,
        "controller": view.config.controller.kind,
        "seed": view.config.seed,
        "finished": view.finished,
        "ended_early": view.ended_early,
        "max_children": view.num_children,
        "children": len(view.judged),
        "repeats": view.num_repeats,
        "trained_again": len(view.again),
        "open_children": view.open_children,
        "lost_runs": [plan.run for plan in view.lost_runs],
        "counts": dict(status_counts(view.rows)),
        "repeated_architectures": len(repeated_architectures(view.judged)),
        **reporter_of(view).summary(),
        "child_seconds": sum(row.seconds for row in view.rows),
        "time_left_s": time_left_s(view),
        "best": None if best is None else best.id,
        "best_score": None if best is None else score_of(best),
        "measure": {"name": view.measure.name, **asdict(view.measure)},
        "test_scores": {reading.child: reading.score for reading in view.test},
        "test_metrics": {
            reading.child: [asdict(each) for each in reading.metrics]
            for reading in view.test
            if reading.metrics
        },
    }


def time_left_s(view: SearchView) -> float | None:
    """Return the expected seconds until the search is finished, None where it is not known."""
    return 0.0 if view.finished else reporter_of(view).time_left_s()
