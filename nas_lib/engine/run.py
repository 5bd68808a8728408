"""One run on this machine: whatever becomes of it, the search says so."""

from __future__ import annotations

from collections.abc import Callable

from nas_lib import steps
from nas_lib.errors import InterruptedSearchError, NasError, SearchHeldError
from nas_lib.report import SearchView
from nas_lib.steps import OpenSearch


def reported(search: OpenSearch, run: str, work: Callable[[], None]) -> SearchView:
    """Do the work, and write the report on the search.

    Raises:
        InterruptedSearchError: Ctrl-C, or SIGTERM where the command turns it into that.
        Exception: Whatever the work raised; it is noted in the search where that can be reached.
    """
    try:
        work()
    except KeyboardInterrupt as err:
        steps.write_report(search, run=run)
        raise InterruptedSearchError(
            f"stopped; everything finished is in {search.uri}, and the same command continues there"
        ) from err
    except Exception as err:
        _note(
            search, run, str(err) if isinstance(err, NasError) else f"{type(err).__name__}: {err}"
        )
        raise
    return steps.write_report(search, run=run)


def refuse_held(search: OpenSearch, plan: steps.Plan) -> None:
    """Raise `SearchHeldError` where another run is at work."""
    if plan.holder:
        raise SearchHeldError(f"{plan.holder} is working on {search.uri}: wait, or end it")


def _note(search: OpenSearch, run: str, message: str) -> None:
    try:
        search.store.note_problem(run=run, step="search", message=message)
    except NasError:
        return
