"""Whom a run in pods tells: a tracking server of each round, and who waits for the search's end."""

from __future__ import annotations

from contextlib import AbstractContextManager
from functools import partial
from typing import Any

from nas_lib.config import SearchConfig
from nas_lib.open_search import OpenSearch
from nas_lib.pods.log import say
from nas_lib.procedures import procedure_of
from nas_lib.results import SearchView
from nas_lib.steps import view_search
from nas_lib.tracking import (
    STEPS,
    Closing,
    Tracker,
    closing_of,
    end_told,
    is_over,
    tell_failed,
    tell_finished,
)

_GOES_ON = Closing("")


def beginning_told(
    search: OpenSearch, config: SearchConfig, *, run: str
) -> AbstractContextManager[Any]:
    """Return within what a search begins: that it cannot, no later step of the run could tell."""
    return end_told(search, config, run, say=say, view_of=partial(view_search, search, run=run))


def tell_round(search: OpenSearch, replica: int, closing: Closing = _GOES_ON, *, run: str) -> None:
    """Tell a tracking server of all children of a replica that it has not been told of."""
    tracker = Tracker(search, run, say)
    tracker.begin([replica])
    tracker.end(closing)


def tell_end(search: OpenSearch, view: SearchView, *, replica: int, run: str) -> None:
    """Tell how the search stands after this run: it is finished, or the run has failed.

    Where neither is so, others go on, or a later run: then nobody is waiting for an end.
    """
    failure = "" if is_over(view) else _failure(search, view)
    tell_round(search, replica, closing_of(view, failed=bool(failure)), run=run)
    tell_finished(search, view, say=say)
    if failure:
        tell_failed(search, view, message=failure, say=say)


def _failure(search: OpenSearch, view: SearchView) -> str:
    """Say what kept the run from what it set out to do; empty where nothing did."""
    problems = [each.message for each in view.run_problems if each.step not in STEPS]
    plan = view.run_plan
    if plan is not None and not view.finished:
        is_behind = procedure_of(search.config).is_behind(search, plan)
        return (problems or ["it did less than it planned"])[-1] if is_behind else ""
    return problems[-1] if problems else ""
