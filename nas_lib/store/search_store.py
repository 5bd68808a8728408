"""SearchStore: the state of one search, as typed records over an object store.

State is create-only. `settle` is the one way to write it: whoever comes first wins, and everybody
goes on with what the winner wrote. An answer that was lost on the way does no harm either: the
repeated create finds its own object.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext, suppress
from functools import cached_property
from typing import Any, TypeVar, cast, get_args

from pydantic.dataclasses import dataclass as checked_dataclass

from nas_lib.config import FORMAT_VERSION, SearchConfig
from nas_lib.config_file import differences
from nas_lib.errors import ConfigError, CorruptStateError, ObjectNotFoundError, one_line
from nas_lib.records import (
    STRICT,
    ChildId,
    ChildResult,
    ChildRow,
    FinalTraining,
    Learned,
    Problem,
    Proposed,
    Rewarded,
    from_json,
    to_json,
)
from nas_lib.store import create_only, layout
from nas_lib.store.objects import ObjectStore
from nas_lib.store.open import open_store
from nas_lib.store.patience import at_once
from nas_lib.store.record_checks import misfit
from nas_lib.store.row import Row

A = TypeVar("A")
MAX_RECORD = 64 * 2**20
"""Bytes of a record: many times what 10,000 children of a round take."""
T = TypeVar("T")

_STATES = (Proposed, Rewarded, Learned)
_FRESH_S = 60.0
"""How long nothing is listed after the newest of a row was seen: only what is old for long is ever
deleted, and a folder of many takes long to list."""
_MOST_LET_GO = 20_000  # some MB
_NUM_MADE = 2  # of each state of a replica's rounds: the newest, and the one before


@checked_dataclass(frozen=True, config=STRICT)
class StoredSearch:
    """What `search.json` says; written once.

    Attributes:
        format_version: Of all that the search stores.
        identity: Hash of what makes it what it is.
        data_hash: Of the prepared data; of the space where there are none.
        config: As it was begun.
        is_within: Whether it is a final training within another search, whose data it learns.
    """

    format_version: int
    identity: str
    data_hash: str
    config: SearchConfig
    is_within: bool = False

    def as_begun(self, config: SearchConfig) -> SearchConfig:
        """Return a configuration with what this search was before there was a setting for it."""
        changes: dict[str, Any] = {"search": config.search.as_begun(self.config.search)}
        if config.controller.kind == self.config.controller.kind == "auto":
            changes["controller"] = self.config.controller  # what it is was chosen at the begin
        return config.model_copy(update=changes)


class SearchStore:
    """One search's state."""

    def __init__(self, objects: ObjectStore) -> None:
        self.objects = objects
        self._is_create_only = False  # as far as we know
        self._newest: dict[
            Row, tuple[int, float]
        ] = {}  # numbers only grow; and when they were seen
        self._made: dict[tuple[type, str], dict[str, object]] = {}  # here; they never change
        self._held: dict[str, ChildResult] = {}  # not stored yet
        self._let_go: dict[str, ChildResult] = {}  # of closed rounds, by child

    @classmethod
    def open(cls, uri: str) -> SearchStore:
        """Return the search at this URI, as `open_store` reads it; there may be none yet."""
        return cls(open_store(uri))

    @cached_property
    def data(self) -> SearchStore:
        """Where the prepared data lie: here, or in the search whose final training this is."""
        stored = self.find_search()
        is_within = stored is not None and stored.is_within
        return SearchStore.open(layout.around(self.objects.uri)) if is_within else self

    def require_create_only(self) -> None:
        """Refuse a store that cannot hold a search; the answer is remembered here.

        Whoever is about to write asks: who creates a search, and who takes a lease.

        Raises:
            StoreError: It lets two writers create the same object.
        """
        if not self._is_create_only:
            create_only.require_create_only(self.objects)
            self._is_create_only = True

    # --- records ---------------------------------------------------------------------------

    def read(self, kind: type[T], key: str) -> T:
        """Return a stored record.

        Raises:
            ObjectNotFoundError: There is none.
            CorruptStateError: It is damaged.
        """
        known = self._known(kind, key)
        if known is not None:
            return known
        return self.parse(kind, self.objects.get(key, at_most=MAX_RECORD), key=key)

    def _known(self, kind: type[T], key: str) -> T | None:
        return cast("T | None", self._held.get(key)) or self.made(kind, key)

    def together(self) -> AbstractContextManager[None]:
        """Create what is created in here at once, where that saves time; see `FolderStore`.

        Raises:
            LostRaceError: Another writer was first; see `forget_made`.
        """
        together = getattr(self.objects, "together", nullcontext)
        return cast(AbstractContextManager[None], together())

    def forget_made(self) -> None:
        """Forget what was made here: some of it may not be what counts."""
        self._made.clear()
        self._let_go.clear()
        self._newest.clear()

    def made(self, kind: type[T], key: str) -> T | None:
        """Return a state of a round if it was made here, a moment ago: it needs no checking."""
        if kind not in _STATES:
            return None
        return cast("T | None", self._made.get((kind, _folder(key)), {}).get(key))

    def _note_made(self, key: str, record: object) -> None:
        if type(record) in _STATES:
            newest = self._made.setdefault((type(record), _folder(key)), {})
            newest[key] = record
            if len(newest) > _NUM_MADE:
                del newest[min(newest)]

    def parse(self, kind: type[T], data: bytes, *, key: str) -> T:
        """Return the record that these bytes are, which lie under this key.

        Raises:
            CorruptStateError: They are damaged, or no such record.
        """
        record = from_json(kind, data, key=key)
        wrong = misfit(record, key)
        if wrong:
            raise CorruptStateError.of_content(key, wrong)
        return record

    def find(self, kind: type[T], key: str) -> T | None:
        """Return a stored record, or None where there is none yet."""
        known = self._known(kind, key)
        if known is not None:
            return known
        if self.objects.concurrency == 1 and not self.objects.has(key):
            return None  # of a store that is near it takes a tenth of what an error takes
        try:
            return self.read(kind, key)
        except ObjectNotFoundError:
            return None

    def find_note(self, kind: type[T], key: str) -> T | None:
        """Return a record on which nothing rests, or None where there is none or it is damaged."""
        try:
            return self.find(kind, key)
        except CorruptStateError:
            return None

    def settle(self, key: str, record: T) -> T:
        """Store this record unless somebody was first; return the one that counts."""
        if self.objects.create(key, to_json(record)):
            self._note_made(key, record)
            return record
        return self.read(type(record), key)

    def add_note(self, key_of: Callable[[int], str], record: object) -> str:
        """Store a record under the first number that is free, and return its key."""
        data, number = to_json(record), 1
        while not self._is_created(key_of(number), data):
            number += 1
        return key_of(number)

    def append(self, row: Row, record: object) -> int:
        """Store a record as the newest of a row, and return its number."""
        data, number = to_json(record), (self.newest(row) or 0) + 1
        while not self._is_created(row.key(number), data):
            number += 1
        return number

    def _is_created(self, key: str, data: bytes) -> bool:
        """Store an object; say whether it is ours, perhaps by a try whose answer was lost."""
        if self.objects.create(key, data):
            return True
        with suppress(ObjectNotFoundError):  # another's, who has just deleted it
            return self.objects.get(key, at_most=MAX_RECORD) == data
        return False

    def numbers(self, row: Row) -> list[int]:
        """Return the numbers of a row's objects that are listed, ascending; new ones may lack."""
        return sorted(self._listed(row))

    def newest(self, row: Row, *, known: int | None = None) -> int | None:
        """Return the highest number of a row, None where there is none; a late listing is no harm.

        Args:
            row: Which objects.
            known: One that is known to have been there.
        """
        seen, seen_s = self._newest.get(row, (-1, -math.inf))
        number = max(row.first - 1 if known is None else known, seen)
        if row.loses_old and time.monotonic() - seen_s > _FRESH_S:
            # the next one may be gone, and later ones there
            after = row.key(number) if number >= row.first else ""
            number = max([number, *self._listed(row, after=after)])
        number = self.newest_from(row, number)
        if number < row.first:
            return None
        if not row.starts_anew:
            self._newest[row] = number, time.monotonic()
        return number

    def newest_from(self, row: Row, number: int) -> int:
        """Return the highest number of a row from this one on, which is there, by asking."""
        step = 1
        while self.objects.has(row.key(number + step)):
            number, step = number + step, 2 * step
        while step > 1:  # the number is there, and the one a step further is not
            step //= 2
            if self.objects.has(row.key(number + step)):
                number += step
        return number

    def _listed(self, row: Row, *, after: str = "") -> Iterator[int]:
        for key in self.objects.keys(row.folder, after=after):
            number = row.number(key)
            if number is not None:
                yield number

    def each(self, work: Callable[[A], T], items: Sequence[A]) -> list[T]:
        """Return the work's results in the order of the items.

        Where the store is far away several are done at the same time.
        """
        concurrency = min(len(items), self.objects.concurrency)
        if concurrency <= 1:
            return [work(item) for item in items]
        return at_once(work, items, num=concurrency)

    def delete_attempts(self, child: str) -> None:
        """Delete what is noted of attempts at a child, the last one first."""
        for number in range(self.newest(layout.attempts(child)) or 0, 0, -1):
            for end in get_args(layout.AttemptEnd):
                self.objects.delete(layout.attempt(child, number, end=end))

    def delete_checkpoints(self, folder: str) -> None:
        """Delete the checkpoints of this prefix, and what was set aside of them."""
        rows = layout.checkpoints(folder), layout.damaged_checkpoints(folder)
        for key in self.objects.keys(folder):
            if any(row.number(key) is not None for row in rows):
                self.objects.delete(key)

    # --- the search --------------------------------------------------------------------------

    def find_search(self) -> StoredSearch | None:
        """Return what the search was created as, None where nothing was.

        Raises:
            CorruptStateError: It is in the format of another release, or it is damaged.
        """
        try:
            data = self.objects.get(layout.SEARCH, at_most=MAX_RECORD)
        except ObjectNotFoundError:
            return None
        self._check_format(from_json(dict[str, Any], data, key=layout.SEARCH).get("format_version"))
        return from_json(StoredSearch, data, key=layout.SEARCH)

    def _check_format(self, version: object) -> None:
        if not isinstance(version, int) or version == FORMAT_VERSION:
            return  # what is no number is damaged, and reading it says so
        shown = one_line(version, 20)
        written = f"{self.objects.uri} was written in format {shown}, this release of kfp-nas"
        if version > FORMAT_VERSION:
            raise CorruptStateError(f"{written} reads up to {FORMAT_VERSION}: use a newer one")
        raise CorruptStateError(
            f"{written} reads format {FORMAT_VERSION}: finish it with the release that began it, "
            "or start anew in another folder"
        )

    def config(self) -> SearchConfig:
        """Return the search's configuration, with all that may change as it is newest.

        Raises:
            ConfigError: There is no search here.
        """
        stored = self.find_search()
        if stored is None:
            raise ConfigError(f"there is no search at {self.objects.uri}")
        number = self.newest(layout.SETTINGS)
        if number is None:
            return stored.as_begun(stored.config)
        newest = self.read(SearchConfig, layout.settings(number))
        if others := differences(stored.as_begun(stored.config), stored.as_begun(newest)):
            raise CorruptStateError(
                f"stored object {layout.settings(number)} is of another search than "
                f"{layout.SEARCH}: {others[0]}"
            )
        return stored.as_begun(newest)

    def change_settings(self, config: SearchConfig) -> None:
        """Let this configuration count from now on; its identity is that of the search."""
        while self.config() != config:
            newest = self.newest(layout.SETTINGS) or 0
            self.settle(layout.settings(newest + 1), config)

    # --- results of children ----------------------------------------------------------------

    def find_result(self, child: str) -> ChildResult | None:
        """Return what became of a child, None where nobody knows yet.

        It has an object of its own, or else is in what its round came to.
        """
        result = self._let_go.get(child) or self.find(ChildResult, layout.child_result(child))
        if result is not None:
            return result
        which = ChildId.parse(child)
        key = layout.round_state(which.replica, which.round, "rewarded")
        rewarded = self.find(Rewarded, key)
        rows = rewarded.rows[which.index : which.index + 1] if rewarded else ()
        return rows[0].result() if rows else None

    def hold(self, result: ChildResult) -> None:
        """Keep a result in mind: reading finds it here, and nobody else does.

        For one that took no time. `settle_held` stores it, unless its round is closed before.
        """
        self._held[layout.child_result(result.id)] = result

    def settle_like(self, key: str, result: ChildResult) -> None:
        """Store a result if that of this key has an object of its own; else keep it in mind, too.

        What neither has is in what the rounds of both come to.
        """
        is_here = key in self._held or key.split("/")[1] in self._let_go
        if not is_here and self.objects.has(key):
            self.settle(layout.child_result(result.id), result)
        else:
            self.hold(result)

    def settle_held(self) -> None:
        """Store the results that are only kept in mind."""
        while self._held:
            key, result = next(iter(self._held.items()))
            self.objects.create(key, to_json(result))  # where somebody was first, theirs counts
            del self._held[key]

    def let_go(self, rewarded: Rewarded) -> None:
        """Forget results that are kept in mind, as what their round came to has them."""
        key = layout.round_state(rewarded.replica, rewarded.round, "rewarded")
        counts = self.made(Rewarded, key) is rewarded
        for row in rewarded.rows:
            result = self._held.pop(layout.child_result(row.id), None)
            if result is not None and counts:  # the next one of its architecture asks for it
                self._let_go[row.id] = result
        while len(self._let_go) > _MOST_LET_GO:
            del self._let_go[next(iter(self._let_go))]

    # --- rounds --------------------------------------------------------------------------------

    def open_round(self, replica: int, *, closed_by: layout.State = "learned") -> int:
        """Return the replica's first round that has not come to this state yet."""
        newest = self.newest(layout.rounds(replica, closed_by))
        return 0 if newest is None else newest + 1

    def proposed(self, child: str) -> Proposed:
        """Return the round in which this child was proposed."""
        which = ChildId.parse(child)
        return self.read(Proposed, layout.round_state(which.replica, which.round, "proposed"))

    def newest_rewarded(self, replica: int) -> Rewarded | None:
        """Return the replica's last round whose results are in, None before the first."""
        number = self.newest(layout.rounds(replica, "rewarded"))
        if number is None:
            return None
        return self.read(Rewarded, layout.round_state(replica, number, "rewarded"))

    def best(self, num_replicas: int) -> list[ChildRow]:
        """Return the best children so far of each replica, those of one replica best first."""
        newest = self.each(self.newest_rewarded, range(num_replicas))
        return [row for rewarded in newest if rewarded is not None for row in rewarded.best]

    def finals(self) -> list[FinalTraining]:
        """Return which final trainings there are, the oldest first."""
        num = self.newest(layout.FINALS) or 0
        keys = [layout.final_training(number + 1) for number in range(num)]
        found: dict[str, FinalTraining] = {}
        for final in self.each(lambda key: self.read(FinalTraining, key), keys):
            found.setdefault(final.key, final)  # two runs that began at once both noted it
        return list(found.values())

    def models(self) -> list[str]:
        """Return the ids of the models that there are."""
        return list(filter(None, map(layout.model_of, self.objects.keys(layout.MODELS))))

    # --- what went wrong -------------------------------------------------------------------------

    def note_problem(self, *, run: str, step: str, message: str) -> None:
        """Note in one sentence what a step of this run could not do."""
        problem = Problem(run, step, message=one_line(message), created_s=time.time())
        self.add_note(lambda number: layout.problem(run, step, number), problem)

    def problems(self) -> list[Problem]:
        """Return what runs noted, in order of time."""
        keys = list(filter(layout.is_problem, self.objects.keys(layout.RUNS)))
        blobs = zip(keys, self.objects.get_many(keys, at_most=MAX_RECORD), strict=True)
        found = [self.parse(Problem, data, key=key) for key, data in blobs]
        return sorted(found, key=lambda problem: problem.created_s)


def _folder(key: str) -> str:
    return key.rpartition("/")[0]
