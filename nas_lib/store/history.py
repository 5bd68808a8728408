"""History: what all rounds of a search have come to, for reports."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

from nas_lib.records import ChildResult, ChildRow, Learned, Proposed, Rewarded
from nas_lib.store import layout
from nas_lib.store.read_cache import read_immutable
from nas_lib.store.row import Row
from nas_lib.store.search_store import MAX_RECORD, SearchStore

T = TypeVar("T")
_STATES: dict[type, layout.State] = {
    Proposed: "proposed",
    Rewarded: "rewarded",
    Learned: "learned",
}


@dataclass(frozen=True)
class OpenRound:
    """A round that was proposed and is not learned from.

    Attributes:
        replica: The controller replica.
        rows: Its finished children; none where its `Rewarded` has them already.
        num_left: Its children without a result, without repeats.
    """

    replica: int
    rows: tuple[ChildRow, ...]
    num_left: int


class History:
    """Every replica's rounds at one moment: they are listed once, and a search has thousands.

    A listing may be late, so what is newest in it is confirmed; what it lacks is read by its key.
    """

    def __init__(self, store: SearchStore, num_replicas: int) -> None:
        self._store = store
        self._replicas = range(num_replicas)
        self._infos = {info.key: info for info in store.objects.list(layout.ROUNDS)}
        rows = [
            layout.rounds(replica, state)
            for replica in self._replicas
            for state in _STATES.values()
        ]
        listed = self._last_listed(rows)
        last = store.each(lambda row: store.newest_from(row, listed[row]), rows)
        self._keys = {
            row: [row.key(number) for number in range(end + 1)]
            for row, end in zip(rows, last, strict=True)
        }

    def read(self, kind: type[T]) -> Iterator[T]:
        """Yield every `Rewarded`, or `Learned`, by replica and round."""
        state = _STATES[kind]
        rows = (layout.rounds(replica, state) for replica in self._replicas)
        return self._read(kind, [key for row in rows for key in self._keys[row]])

    def open_rounds(self, *, closed_by: layout.State = "learned") -> list[OpenRound]:
        """Return the rounds that have not come to this state, at most one of each replica."""
        rounds = list(self._read(Proposed, list(self._unclosed(closed_by))))
        return self._store.each(self._open_round, rounds)

    def _last_listed(self, rows: Sequence[Row]) -> dict[Row, int]:
        """Return the last number of each row in the listing, or the one before its first."""
        keys: dict[str, list[str]] = defaultdict(list)
        for key in self._infos:
            keys[key.rpartition("/")[0]].append(key)
        found = {row: [row.number(key) for key in keys[row.folder]] for row in rows}
        return {
            row: max([row.first - 1, *(number for number in numbers if number is not None)])
            for row, numbers in found.items()
        }

    def _read(self, kind: type[T], keys: Sequence[str]) -> Iterator[T]:
        for key, data in zip(keys, self._blobs(keys), strict=True):
            yield self._store.parse(kind, data, key=key)

    def _blobs(self, keys: Sequence[str]) -> Iterator[bytes]:
        listed = [self._infos[key] for key in keys if key in self._infos]
        others = [key for key in keys if key not in self._infos]
        found = dict(
            zip(others, self._store.objects.get_many(others, at_most=MAX_RECORD), strict=True)
        )
        blobs = read_immutable(self._store.objects, listed, at_most=MAX_RECORD)
        found |= {info.key: data for info, data in zip(listed, blobs, strict=True)}
        return (found[key] for key in keys)

    def _unclosed(self, closed_by: layout.State) -> Iterator[str]:
        for replica in self._replicas:
            num_closed = len(self._keys[layout.rounds(replica, closed_by)])
            yield from self._keys[layout.rounds(replica, "proposed")][num_closed:]

    def _open_round(self, proposed: Proposed) -> OpenRound:
        rewarded = layout.round_state(proposed.replica, proposed.round, "rewarded")
        if rewarded in self._keys[layout.rounds(proposed.replica, "rewarded")]:
            return OpenRound(proposed.replica, (), num_left=0)
        results = [
            self._store.find(ChildResult, layout.child_result(child.id))
            for child in proposed.children
        ]
        rows = tuple(
            result.row(child)
            for child, result in zip(proposed.children, results, strict=True)
            if result is not None
        )
        num_left = sum(
            result is None and child.repeat_of is None
            for child, result in zip(proposed.children, results, strict=True)
        )
        return OpenRound(proposed.replica, rows, num_left)
