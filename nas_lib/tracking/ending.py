"""At the end of a run: what its tracking server is told, and who waits for the search."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Final

from nas_lib.blame import sentence_of
from nas_lib.errors import InterruptedSearchError, NasError, SearchHeldError
from nas_lib.open_search import OpenSearch
from nas_lib.results import SearchView
from nas_lib.store import layout
from nas_lib.tracking import work
from nas_lib.tracking.outcome import End, Event, numbers_of, tests_of
from nas_lib.tracking.records import Told
from nas_lib.tracking.webhook import WITHIN_S, post
from nas_lib.tracking.work import Closing

STEP: Final = "webhook"
"""By which problems are noted."""

STEPS: Final = (STEP, work.STEP)
"""By which it is noted that somebody was not told: no failure of a run."""

AFTER_STOP_S: Final = 5.0
"""Who stops a run by hand waits no longer for anybody to be told."""


def closing_of(view: SearchView, *, failed: bool = False) -> Closing:
    """Return what a tracking server is told of how a search stands after a run."""
    status = "FINISHED" if view.finished else "FAILED" if failed else "SCHEDULED"
    return Closing(status, dict(numbers_of(view)), tests_of(view))


def is_over(view: SearchView) -> bool:
    """Say whether a search is finished, with the final training that follows it, if one does."""
    if view.config.final.follows and not view.finals:
        return False
    return view.finished and all(each.finished for each in view.finals)


@contextmanager
def end_told(
    search: OpenSearch,
    *,
    run: str,
    say: Callable[[str], None],
    view_of: Callable[[], SearchView],
) -> Iterator[Callable[[SearchView], None]]:
    """Tell who waits how the run in here ended; where the search only goes on later, nobody.

    Args:
        search: The search.
        run: The run; where a view says one, that one.
        say: Is told where that could not be done.
        view_of: Reads how the search stands, after a run that failed or was stopped.

    Yields:
        What takes the search as it stands, where the run did not fail.
    """
    views: list[SearchView] = []
    try:
        yield views.append
    except SearchHeldError:  # refused: nothing became of the search
        raise
    except (KeyboardInterrupt, InterruptedSearchError):
        _tell(search, _end(search, "stopped", run, view_of, "it was stopped"), say, AFTER_STOP_S)
        raise
    except Exception as err:
        _tell(search, _end(search, "failed", run, view_of, sentence_of(err)), say)
        raise
    for view in views:
        tell_finished(search, view, say=say)


def tell_finished(search: OpenSearch, view: SearchView, *, say: Callable[[str], None]) -> None:
    """Tell who waits that the search is finished, if it is."""
    if is_over(view):
        _tell(search, End("finished", view.run, view, search.config.name, search.uri), say)


def tell_failed(
    search: OpenSearch, view: SearchView, *, message: str, say: Callable[[str], None]
) -> None:
    """Tell who waits that a run failed."""
    _tell(search, End("failed", view.run, view, search.config.name, search.uri, message), say)


def _end(
    search: OpenSearch, event: Event, run: str, view_of: Callable[[], SearchView], message: str
) -> End:
    view = None
    if search.config.notify.webhook is not None:
        with suppress(NasError):  # the store itself may be what is wrong
            view = view_of()
    return End(event, run, view, search.config.name, search.uri, message)


def _tell(
    search: OpenSearch, end: End, say: Callable[[str], None], within_s: float = WITHIN_S
) -> None:
    address, store = search.config.notify.webhook, search.store
    if address is None:
        return
    try:
        if not store.objects.has(layout.told(end.key)):
            post(address, end.document(), within_s=within_s)
            store.settle(layout.told(end.key), Told(end.run, created_s=time.time()))
    except Exception as err:  # whatever it is: the search has ended as it has
        sentence = sentence_of(err)
        say(sentence)
        with suppress(NasError):
            store.note_problem(run=end.run, step=STEP, message=sentence)
