"""A search's report, live: rendered anew where the search has changed, and sent to who looks on."""

from __future__ import annotations

import asyncio
import ipaddress
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import suppress
from importlib import resources
from threading import Event, Thread
from typing import Any, Final
from urllib.parse import urlsplit

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

from nas_lib.errors import NasError
from nas_lib.open_search import OpenSearch
from nas_lib.records import Proposed
from nas_lib.report import search_page, waiting_page
from nas_lib.steps import view_for_page, view_search
from nas_lib.store import SearchStore, layout

LOOK_S: Final = 2.0
"""How often the store is asked whether there is anything new."""

_ALIVE_S = 15.0  # so often is something sent, that who has gone away is noticed
_STEP_S = 0.25
_HEADERS: Final = {
    "Content-Security-Policy": (
        "default-src 'none'; connect-src 'self'; img-src data:; font-src data:; "
        "script-src 'unsafe-inline'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
    ),
    "Cache-Control": "no-store",
}


class Watched:
    """A search that is looked at again and again, in a thread of its own.

    Attributes:
        page: Its report as it is now.
        number: Of that page, which counts on with each new one.
    """

    def __init__(self, uri: str, *, look_s: float = LOOK_S) -> None:
        self.page = waiting_page(uri)
        self.number = 0
        self._uri = uri
        self._store = SearchStore.open(uri)
        self._look_s = look_s
        self._seen: object = None
        self._over = Event()
        self._thread = Thread(target=self._look_on, daemon=True, name="watch")

    def __enter__(self) -> Watched:
        """Look for the first time, and begin to look on."""
        self.look()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Look no more."""
        self._over.set()
        self._thread.join(self._look_s)

    def look(self) -> None:
        """Render the page anew if anything has changed."""
        seen = self._marks()
        if seen != self._seen:
            search = OpenSearch(self._uri)
            self.page = search_page(view_for_page(search, view_search(search)))
            self.number, self._seen = self.number + 1, seen

    def _look_on(self) -> None:
        while not self._over.wait(self._look_s):
            with suppress(NasError):  # the store is away, or a search is just being created
                self.look()

    def _marks(self) -> object:
        """Return what is another thing once the search has gone on; little is read for it."""
        if self._store.find_search() is None:
            return None
        stores = [self._store]
        stores += [
            SearchStore.open(layout.within(self._store.objects.uri, final.key))
            for final in self._store.finals()
        ]
        return [mark for store in stores if store.find_search() for mark in _marks_of(store)]


def _marks_of(store: SearchStore) -> Iterator[object]:
    for row in (layout.SETTINGS, layout.FINALS, layout.CONFIRMATIONS, layout.SHARED_EPOCHS):
        yield store.newest(row)
    for folder in (layout.RUNS, layout.REPORTS, layout.MODELS):
        yield tuple(store.objects.keys(folder))
    for replica in range(store.config().search.replicas):
        newest = store.newest(layout.rounds(replica, "proposed"))
        yield newest
        yield store.newest(layout.rounds(replica, "learned"))
        if newest is not None:
            yield _finished(store, replica, newest)


def _finished(store: SearchStore, replica: int, number: int) -> object:
    """Return which children of a round have their results, all of them where it is over."""
    if store.objects.has(layout.round_state(replica, number, "rewarded")):
        return "rewarded"
    proposed = store.read(Proposed, layout.round_state(replica, number, "proposed"))
    return [store.objects.has(layout.child_result(child.id)) for child in proposed.children]


def watching(watched: Watched, *, host: str, is_ending: Callable[[], bool]) -> Starlette:
    """Return the application that shows it.

    Args:
        watched: The search.
        host: The address that it listens at, which requests may name.
        is_ending: Says whether the server ends: who looks on is let go then.
    """
    script = resources.files("nas_lib.serving").joinpath("watch.js").read_text("utf-8")

    async def show(_: Request) -> Response:
        number, page = watched.number, watched.page
        live = f'<script data-watch="{number}">{script}</script>'
        return HTMLResponse(f"{page}{live}", headers=_HEADERS)  # a sum would escape the script

    async def events(request: Request) -> Response:
        return StreamingResponse(
            _numbers(watched, is_ending), media_type="text/event-stream", headers=_HEADERS
        )

    routes = [Route("/", show), Route("/events", events)]
    return Starlette(routes=[_guarded(route, host) for route in routes])


async def _numbers(watched: Watched, is_ending: Callable[[], bool]) -> AsyncIterator[str]:
    """Yield the number of each page, as events."""
    told, silent_s = -1, 0.0
    while not is_ending():
        if watched.number != told or silent_s >= _ALIVE_S:
            told, silent_s = watched.number, 0.0
            yield f"data: {told}\n\n"
        await asyncio.sleep(_STEP_S)
        silent_s += _STEP_S


def _guarded(route: Route, host: str) -> Route:
    """Return a route for those who name this machine; a page from elsewhere names its own."""
    show = route.endpoint

    async def guarded(request: Request) -> Any:
        if not _is_ours(request.headers.get("Host", ""), host):
            return PlainTextResponse("expected this machine's own address as Host\n", 421)
        return await show(request)

    return Route(route.path, guarded)


def _is_ours(header: str, host: str) -> bool:
    """Say whether a Host header is an address, or a name that was given: no name of another's."""
    try:
        name = urlsplit(f"//{header}").hostname or ""
        ipaddress.ip_address(name)
    except ValueError:
        return bool(name := header.rpartition(":")[0] or header) and name in ("localhost", host)
    return True
