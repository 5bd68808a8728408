"""At the end of a run: what its tracking server is told, and who waits for the search."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from typing import Final

from nas_lib.blame import sentence_of
from nas_lib.config import SearchConfig
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
    config: SearchConfig,
    run: str,
    *,
    say: Callable[[str], None],
    view_of: Callable[[], SearchView],
) -> Iterator[Callable[[SearchView], None]]:
    """Tell who waits how the run in here ended; where the search only goes on later, nobody.

    Args:
        search: The search, which need not have been created yet.
        config: As it is wanted now.
        run: The run.
        say: Is told where that could not be done.
        view_of: Reads how the search stands, after a run that failed or was stopped.

    Yields:
        What takes the search as it stands, where the run did not fail.
    """
    views: list[SearchView] = []
    tell = partial(_tell, search, config, run=run, say=say)
    try:
        yield views.append
    except SearchHeldError:  # refused: nothing became of the search
        raise
    except (KeyboardInterrupt, InterruptedSearchError):
        tell("stopped", view_of, message="it was stopped", within_s=AFTER_STOP_S)
        raise
    except Exception as err:
        tell("failed", view_of, message=sentence_of(err))
        raise
    for view in views:
        tell_finished(search, view, say=say)


def tell_finished(search: OpenSearch, view: SearchView, *, say: Callable[[str], None]) -> None:
    """Tell who waits that the search is finished, if it is."""
    if is_over(view):
        _tell(search, search.config, "finished", lambda: view, run=view.run, say=say)


def tell_failed(
    search: OpenSearch, view: SearchView, *, message: str, say: Callable[[str], None]
) -> None:
    """Tell who waits that a run failed."""
    _tell(search, search.config, "failed", lambda: view, run=view.run, say=say, message=message)


def _tell(
    search: OpenSearch,
    config: SearchConfig,
    event: Event,
    view_of: Callable[[], SearchView],
    *,
    run: str,
    say: Callable[[str], None],
    message: str = "",
    within_s: float = WITHIN_S,
) -> None:
    """Tell of an event that nobody was told of; what goes wrong is said and noted, and no more."""
    if config.notify.webhook is None:
        return
    store, view = search.store, None
    try:
        with suppress(NasError):  # the store itself may be what is wrong, or there is no search
            view = view_of()
        end = End(event, run, view, config.name, search.uri, message)
        if not store.objects.has(layout.told(end.key)):
            post(config.notify.webhook, end.document(), within_s=within_s)
            store.settle(layout.told(end.key), Told(run, created_s=time.time()))
    except Exception as err:  # whatever it is: the search has ended as it has
        sentence = sentence_of(err)
        say(sentence)
        with suppress(NasError):
            store.note_problem(run=run, step=STEP, message=sentence)
