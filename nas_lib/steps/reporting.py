"""write_report: what the search has come to, for people."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, TypeVar

from nas_lib.config import FinalsConfig
from nas_lib.open_search import OpenSearch
from nas_lib.procedures import procedure_of
from nas_lib.procedures.proposals import proposed_child
from nas_lib.records import (
    ChildResult,
    ChildRow,
    EpochMetrics,
    Learned,
    Proposed,
    Rewarded,
    RunPlan,
    Speed,
    TestReading,
)
from nas_lib.report import search_page
from nas_lib.results import DataSummary, SearchView
from nas_lib.results.curves import with_curve
from nas_lib.results.succession import FreshStart, Succession
from nas_lib.steps.lost_runs import lost_runs
from nas_lib.store import History, layout, lease
from nas_lib.store.patience import at_once

T = TypeVar("T")

REPORT = "report.html"


def write_report(search: OpenSearch, *, run: str) -> SearchView:
    """Store one self-contained HTML page on the search; once it is finished, test the winner.

    Returns:
        What the page shows. It lies under `reports/<run>/report.html`.
    """
    view = view_search(search, run=run)
    if view.finished and _test_winners(search, view):
        view = view_search(search, run=run)
    view = view_for_page(search, view)
    search.store.objects.replace(layout.report(run, REPORT), search_page(view).encode())
    return view


def view_search(search: OpenSearch, *, run: str = "") -> SearchView:
    """Return all that reports and tables show of a search, to this run if one asks."""
    history = History(search.store, search.config.search.replicas)
    procedure = procedure_of(search.config)
    rows: list[ChildRow] = []
    ever_best: dict[str, None] = {}  # in order
    kept: dict[int, frozenset[str]] = {}  # by replica
    for rewarded in history.read(Rewarded):  # one at a time: each repeats the best so far
        rows.extend(rewarded.rows)
        ever_best.update((row.id, None) for row in rewarded.best)
        kept[rewarded.replica] = frozenset(row.id for row in rewarded.best)
    opened = history.open_rounds(closed_by=procedure.round_ends_with)
    rows.extend(row for each in opened for row in each.rows)
    holders = lease.holders(search.store, search.config.search.replicas)
    view = SearchView(
        uri=search.uri,
        config=search.config,
        measure=search.task.measure,
        rows=tuple(rows),
        kept=frozenset().union(*kept.values()),
        learned=tuple(history.read(Learned)),
        open_rounds={each.replica: each.num_left for each in opened},
        holders={replica: str(holder) for replica, holder in holders.items()},
        test=_readings(search, ever_best),
        problems=tuple(search.store.problems()),
        data=_data(search),
        about_scores=search.task.about_scores(),
        lost_runs=tuple(
            lost_runs(search.store, but=[run, *(each.run for each in holders.values())])
        ),
        run_plan=search.store.find_note(RunPlan, layout.run_plan(run)) if run else None,
        run=run,
    )
    view = replace(view, **_of_final(search, view), **_of_search_around(search))
    return procedure.complete_view(view, search)


def _of_search_around(search: OpenSearch) -> dict[str, Any]:
    """Return what only a search has that trains its best networks once more."""
    return {
        "finals": tuple(map(view_search, search.finals())),
        "models": tuple(search.store.models()),
        "fresh": search.store.find(FreshStart, layout.FRESH),
        "succession": search.store.find(Succession, layout.SUCCESSION),
    }


def _of_final(search: OpenSearch, view: SearchView) -> dict[str, Any]:
    """Return what only a final training has: how each of its few children learned, and is fast."""
    if not isinstance(search.config.search, FinalsConfig):
        return {}
    find, children = search.store.find, [row.id for row in view.rows]
    results = (find(ChildResult, layout.child_result(child)) for child in children)
    speeds = (find(Speed, layout.child_speed(child)) for child in children)
    return {
        "curves": {each.id: each.epochs for each in results if each is not None},
        "speeds": {each.child: each for each in speeds if each is not None},
    }


def view_for_page(search: OpenSearch, view: SearchView) -> SearchView:
    """Return the view with what only pages show: how children learned, when runs began."""
    curves = _curves(search, view) if search.task.trains else {}
    return replace(view, curves={**view.curves, **curves}, began_s=_began(search, view))


def _curves(search: OpenSearch, view: SearchView) -> dict[str, tuple[EpochMetrics, ...]]:
    """Return the epochs of children that a page shows and nobody has read yet."""
    keys = [layout.child_result(child) for child in with_curve(view) if child not in view.curves]
    results = _found(search, ChildResult, keys)
    return {each.id: each.epochs for each in results if each.epochs}


def _began(search: OpenSearch, view: SearchView) -> dict[tuple[int, int], float]:
    """Return when each replica's first round in a run began, where that run proposed it."""
    first: dict[tuple[str, int], Learned] = {}
    for entry in sorted(view.learned, key=lambda each: each.created_s):
        first.setdefault((entry.run, entry.replica), entry)
    keys = [layout.round_state(each.replica, each.round, "proposed") for each in first.values()]
    rounds = {(run, replica, each.round) for (run, replica), each in first.items()}
    return {
        (each.replica, each.round): each.created_s
        for each in _found(search, Proposed, keys)
        if (each.run, each.replica, each.round) in rounds
    }


def _found(search: OpenSearch, kind: type[T], keys: Sequence[str]) -> list[T]:
    """Return what there is of these records."""
    if not keys:
        return []
    find = partial(search.store.find, kind)
    found = at_once(find, keys, num=search.store.objects.concurrency)
    return [each for each in found if each is not None]


def _data(search: OpenSearch) -> DataSummary | None:
    manifest = search.task.find_manifest(search.store)
    if manifest is None:
        return None
    sentence = search.task.describe(manifest)
    return DataSummary(
        manifest.content_hash,
        sentence,
        search.task.example,
        dtype=getattr(manifest, "dtype", ""),
        class_names=getattr(manifest, "class_names", ()),
        notices=manifest.notices,
    )


def _readings(search: OpenSearch, children: Iterable[str]) -> tuple[TestReading, ...]:
    """Return what was read of the test set, for these children."""
    found = (search.store.find(TestReading, layout.child_test(child)) for child in children)
    readings = (reading for reading in found if reading is not None)
    return tuple(sorted(readings, key=lambda reading: reading.created_s))


def _test_winners(search: OpenSearch, view: SearchView) -> bool:
    """Read the tests that are due, if nobody has; return whether one was new."""
    if not search.task.reads_test():
        return False
    news = [_test(search, child) for child in procedure_of(search.config).to_test(search, view)]
    return any(news)


def _test(search: OpenSearch, child: str) -> bool:
    """Read a child's test score if nobody has; return whether that was new."""
    key = layout.child_test(child)
    if search.store.find(TestReading, key) is not None:
        return False
    task = procedure_of(search.config).task_for(search, proposed_child(search, child))
    search.store.settle(key, task.read_test(child, search.space, search.store))
    return True
