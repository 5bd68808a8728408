"""History: what all rounds of a search have come to, for reports."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

from nas_lib.records import ChildResult, ChildRow, Proposed, from_json
from nas_lib.store import layout
from nas_lib.store.objects import ObjectInfo
from nas_lib.store.read_cache import read_immutable
from nas_lib.store.search_store import SearchStore

T = TypeVar("T")


@dataclass(frozen=True)
class OpenRound:
    """A round that was proposed and is not learned from.

    Attributes:
        replica: The controller replica.
        rows: Its finished children; none where its `Rewarded` has them already.
        num_left: Its children without a result.
    """

    replica: int
    rows: tuple[ChildRow, ...]
    num_left: int


class History:
    """Every replica's rounds at one moment: they are listed once, and a search has thousands."""

    def __init__(self, store: SearchStore) -> None:
        self._store = store
        self._infos = {info.key: info for info in store.objects.list(layout.ROUNDS)}

    def read(self, kind: type[T]) -> Iterator[T]:
        """Yield every `Rewarded`, or `Learned`, by replica and round."""
        suffix = f".{kind.__name__.lower()}.json"
        return self._read(kind, [info for key, info in self._infos.items() if key.endswith(suffix)])

    def open_rounds(self, *, closed_by: layout.State = "learned") -> list[OpenRound]:
        """Return the rounds that have not come to this state, at most one of each replica."""
        rounds = list(self._read(Proposed, list(self._unclosed(closed_by))))
        return self._store.each(self._open_round, rounds)

    def _read(self, kind: type[T], infos: Sequence[ObjectInfo]) -> Iterator[T]:
        blobs = read_immutable(self._store.objects, infos)
        for info, data in zip(infos, blobs, strict=True):
            yield from_json(kind, data, key=info.key)

    def _unclosed(self, closed_by: layout.State) -> Iterator[ObjectInfo]:
        for key, info in self._infos.items():
            stem, _, state = key.partition(".")
            if state == "proposed.json" and f"{stem}.{closed_by}.json" not in self._infos:
                yield info

    def _open_round(self, proposed: Proposed) -> OpenRound:
        rewarded = layout.round_state(proposed.replica, proposed.round, "rewarded")
        if rewarded in self._infos:
            return OpenRound(proposed.replica, (), num_left=0)
        results = [
            self._store.find(ChildResult, layout.child_result(child.id))
            for child in proposed.children
        ]
        rows = tuple(
            result.row(child.architecture)
            for child, result in zip(proposed.children, results, strict=True)
            if result is not None
        )
        return OpenRound(proposed.replica, rows, num_left=results.count(None))
