"""History: what all rounds of a search have come to, for reports."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeVar

from nas_lib.records import ChildResult, ChildRow, Proposed, from_json
from nas_lib.store import layout
from nas_lib.store.read_cache import read_immutable
from nas_lib.store.search_store import SearchStore

T = TypeVar("T")


class History:
    """Every replica's rounds at one moment: they are listed once, and a search has thousands."""

    def __init__(self, store: SearchStore) -> None:
        self._store = store
        self._infos = {info.key: info for info in store.objects.list(layout.ROUNDS)}

    def read(self, kind: type[T]) -> Iterator[T]:
        """Yield every `Rewarded`, or `Learned`, by replica and round."""
        suffix = f".{kind.__name__.lower()}.json"
        infos = [info for key, info in self._infos.items() if key.endswith(suffix)]
        blobs = read_immutable(self._store.objects, infos)
        for info, data in zip(infos, blobs, strict=True):
            yield from_json(kind, data, key=info.key)

    def open_rows(self) -> tuple[list[ChildRow], int]:
        """Return the finished children of rounds that are not rewarded, and how many are left."""
        rows: list[ChildRow] = []
        left = 0
        for key in self._unrewarded():
            for child in self._store.read(Proposed, key).children:
                result = self._store.find(ChildResult, layout.child_result(child.id))
                if result is None:
                    left += 1
                else:
                    rows.append(result.row(child.architecture))
        return rows, left

    def _unrewarded(self) -> Iterator[str]:
        for key in self._infos:
            stem, _, state = key.partition(".")
            if state == "proposed.json" and f"{stem}.rewarded.json" not in self._infos:
                yield key
