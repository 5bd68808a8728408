"""Mirror: a tracking server is told of all that the store has and it has not.

How far it is, the search notes: in each batch there are some rounds, and the note of a batch is
written once the server has all of it. What a killed run has told of the next batch, the server
itself says. So each child is one run there, however often that is tried.
"""

from __future__ import annotations

import hashlib
import secrets
import time
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from typing import Final, NamedTuple

from nas_lib.config import SearchConfig
from nas_lib.records import Child, ChildResult, Proposed, Rewarded
from nas_lib.store import SearchStore, layout
from nas_lib.tracking.entries import Entry, child_entry, search_params
from nas_lib.tracking.records import TrackedRounds, TrackedRun, TrackedSearch
from nas_lib.tracking.server import Known, Server

_BATCH: Final = 100  # children: so many are looked for on the server after a kill
_AT_ONCE: Final = 4  # requests: most of the time is spent waiting for answers


class _Finished(NamedTuple):
    proposed: Proposed
    child: Child
    result: ChildResult


class Mirror:
    """One search, or final training, on one tracking server."""

    def __init__(self, uri: str, server: Server) -> None:
        """Take the search at this URI, which has been created."""
        self._store = SearchStore.open(uri)
        self._uri = uri
        self._server = server
        self._config = self._store.config()
        self._folder = server_key(self._config)
        self._known = self._token()
        self._batches: dict[int, tuple[int, int]] = {}  # by replica: number, first round
        self._is_begun = False

    def _token(self) -> TrackedSearch:
        fresh = TrackedSearch(secrets.token_hex(8), created_s=time.time())
        return self._store.settle(layout.tracked_search(self._folder), fresh)

    @cached_property
    def run(self) -> str:
        """The search's own run on the server, which is created unless it is there."""
        key = layout.tracked_run(self._folder)
        noted = self._store.find(TrackedRun, key)
        if noted is not None:
            return noted.run
        run = self._server.find_search(self._known.token) or self._created()
        self._server.tell_params(run, search_params(self._config))
        noted = self._store.settle(key, TrackedRun(run, created_s=time.time()))
        if noted.run != run:  # another replica's was first
            self._server.forget(run)
        return noted.run

    def _created(self) -> str:
        key = layout.final_key(self._uri)
        name = self._config.name
        entry = Entry(
            name=f"{name} final {key}" if key else name,
            tags={"nas.search": self._uri},
            start_ms=round(self._known.created_s * 1000),
        )
        around = Mirror(layout.around(self._uri), self._server).run if key else None
        return self._server.begin_search(entry, token=self._known.token, around=around)

    def advance(self, replicas: Iterable[int]) -> int:
        """Tell of one batch of each replica's rounds that are over; return of how many children."""
        if not self._is_begun:
            self._server.go_on(self.run)
            self._is_begun = True
        return sum(self._advance(replica) for replica in replicas)

    def close(self, status: str, numbers: Mapping[str, float], tests: Mapping[str, float]) -> None:
        """Tell how the search stands, and the test scores that were read."""
        for child, score in tests.items():
            known = self._server.child(self._known.token, child)
            if known is not None and not known.has_test:
                self._server.tell_test(known, score)
        self._server.close_search(self.run, status, numbers, round(time.time() * 1000))

    def _advance(self, replica: int) -> int:
        row = layout.tracked_rounds(self._folder, replica)
        told = self._batches.pop(replica, None)  # it is back once the next one is whole
        number, first = told or self._begun(replica)
        batch = f"r{replica:03d}-{number:08d}"
        children, next_round = self._over(replica, first)
        if next_round > first:
            # nobody has told a part of a batch that comes after one which was told here
            known = {} if told else self._server.children(self._known.token, batch)
            self._tell(children, batch, known)
            self._store.settle(row.key(number), TrackedRounds(next_round, created_s=time.time()))
            number, first = number + 1, next_round
        self._batches[replica] = number, first
        return len(children)

    def _begun(self, replica: int) -> tuple[int, int]:
        row = layout.tracked_rounds(self._folder, replica)
        last = self._store.newest(row)
        if last is None:
            return row.first, 0
        return last + 1, self._store.read(TrackedRounds, row.key(last)).next_round

    def _over(self, replica: int, first: int) -> tuple[list[_Finished], int]:
        """Return the children of the next rounds that are over, and the round after those."""
        children: list[_Finished] = []
        number = first
        newest = self._store.newest(layout.rounds(replica, "rewarded"))
        while newest is not None and number <= newest and len(children) < _BATCH:
            children.extend(self._finished(replica, number))
            number += 1
        return children, number

    def _finished(self, replica: int, number: int) -> Iterator[_Finished]:
        proposed = self._store.read(Proposed, layout.round_state(replica, number, "proposed"))
        rewarded = self._store.read(Rewarded, layout.round_state(replica, number, "rewarded"))
        for child, row in zip(proposed.children, rewarded.rows, strict=True):
            found = self._store.find(ChildResult, layout.child_result(row.id))
            yield _Finished(proposed, child, found or row.result())

    def _tell(self, children: list[_Finished], batch: str, known: Mapping[str, Known]) -> None:
        def tell(one: _Finished) -> None:
            before = known.get(one.child.id)
            if before is not None and before.is_whole:
                return
            if before is not None:
                self._server.forget(before.run)
            entry = child_entry(self._config, one.proposed, one.child, one.result)
            self._server.tell_child(entry, token=self._known.token, batch=batch, around=self.run)

        with ThreadPoolExecutor(_AT_ONCE, "mlflow") as pool:
            list(pool.map(tell, children))


def server_key(config: SearchConfig) -> str:
    """Return by what a search calls an experiment on a server: another one is told all anew."""
    text = f"{config.notify.mlflow.uri}\n{experiment_of(config)}"
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def experiment_of(config: SearchConfig) -> str:
    """Return the experiment's name."""
    return config.notify.mlflow.experiment or config.name
