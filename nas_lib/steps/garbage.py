"""collect_garbage: what a search has stored and nobody needs any more.

Rounds clean up after themselves. What is left is what killed runs left, what the slowest replica
or one that was never started still held, and the small objects that keep numbers from being used
again. It is safe beside running engines: candidates are listed first, and what refers to them is
read afterwards.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

from nas_lib.controllers import Shard
from nas_lib.open_search import OpenSearch
from nas_lib.procedures import procedure_of
from nas_lib.procedures.proposals import find_round
from nas_lib.procedures.shards import TOMBSTONE, pull
from nas_lib.records import ChildId, Proposed
from nas_lib.store import ObjectInfo, layout
from nas_lib.store.row import Row

DAY_S = 24 * 3600.0

Kind = Literal[
    "shard versions",
    "tombstones",
    "leases",
    "lessons",
    "heartbeats",
    "checkpoints",
    "weights",
    "leftovers",
]
WHY: dict[Kind, str] = {
    "shard versions": "no open round was sampled there",
    "tombstones": "of versions pruned long ago",
    "leases": "renewed since",
    "lessons": "of rounds that are learned from",
    "heartbeats": "of rounds that have their results",
    "checkpoints": "of what is finished",
    "weights": "of children that are not among the best",
    "leftovers": "half-written when their writer was killed",
}


@dataclass(frozen=True)
class Garbage:
    """Superfluous objects of one kind."""

    kind: Kind
    infos: tuple[ObjectInfo, ...]

    @property
    def num_bytes(self) -> int:
        """What they take together."""
        return sum(info.size for info in self.infos)


def collect_garbage(
    search: OpenSearch, *, older_than_s: float = DAY_S, delete: bool = False
) -> tuple[Garbage, ...]:
    """Find what is superfluous, and remove it if told to.

    Args:
        search: The search.
        older_than_s: Versions, tombstones, leases and leftovers younger than this stay: a writer
            that stood still may yet come back to them. Nothing guards one that stands still longer.
        delete: Remove it. Versions become tombstones, which a later call deletes.

    Returns:
        What was found, one entry per kind; with that of its final trainings.
    """
    searches = [search, *search.finals()]
    found = [_collect(each, older_than_s=older_than_s, delete=delete) for each in searches]
    return tuple(
        Garbage(each[0].kind, tuple(info for part in each for info in part.infos))
        for each in zip(*found, strict=True)
    )


def _collect(search: OpenSearch, *, older_than_s: float, delete: bool) -> tuple[Garbage, ...]:
    """Find what is superfluous in one search, and remove it if told to."""
    objects = search.store.objects
    before_s = time.time() - older_than_s
    candidates = _Candidates(list(objects.list("")), before_s)
    shards = pull(search, known=None) if candidates.has_shards else ()
    opened = list(_open_rounds(search))
    kept = _kept(search)
    leftovers = [info for info in objects.leftovers() if info.modified_s < before_s]
    found: dict[Kind, Iterable[ObjectInfo]] = {
        "shard versions": candidates.versions(shards, opened),
        "tombstones": candidates.tombstones(shards),
        "leases": candidates.leases(search.config.search.replicas),
        "lessons": candidates.lessons(search.config.search.replicas),
        "heartbeats": candidates.heartbeats(search.config.search.replicas),
        "checkpoints": candidates.checkpoints(),
        "weights": candidates.weights(kept),
        "leftovers": leftovers,
    }
    garbage = tuple(Garbage(kind, tuple(infos)) for kind, infos in found.items())
    if delete:
        for each in garbage:
            _remove(search, each)
    return garbage


def _remove(search: OpenSearch, garbage: Garbage) -> None:
    for info in garbage.infos:
        if garbage.kind == "shard versions":
            search.store.objects.replace(info.key, TOMBSTONE)
        else:
            search.store.objects.delete(info.key)


def _kept(search: OpenSearch) -> frozenset[str]:
    """Return the children whose weights are of use."""
    rows = search.store.best(search.config.search.replicas)
    return procedure_of(search.config).kept(search, rows)


def _open_rounds(search: OpenSearch) -> Iterator[Proposed]:
    for replica in range(search.config.search.replicas):
        number = search.store.open_round(replica)
        proposed = find_round(search, replica, number)
        if proposed is not None:
            yield proposed


class _Candidates:
    """All objects of a search at one moment, and which of them may go."""

    def __init__(self, infos: list[ObjectInfo], before_s: float) -> None:
        self._infos = {info.key: info for info in infos}
        self._folders: dict[str, list[ObjectInfo]] = defaultdict(list)
        for info in infos:
            self._folders[info.key.rpartition("/")[0]].append(info)
        self._before_s = before_s

    @property
    def has_shards(self) -> bool:
        """Whether a controller has any: where nothing is proposed by one, it has none."""
        return any(key.startswith(f"{layout.CONTROLLER}/") for key in self._infos)

    def versions(self, shards: Iterable[Shard], opened: list[Proposed]) -> Iterator[ObjectInfo]:
        """Yield versions that no round refers to and that were not the newest for long.

        The last one listed stays, even if it has a successor by now: a replica may have pulled it
        and be about to propose.
        """
        for shard in shards:
            needed = {each.versions[shard.index] for each in opened if each.versions}
            needed |= {applied.version for applied in shard.applied.values()}
            keys = {layout.shard(shard.index, version) for version in needed}
            for info, after in pairwise(self._in(layout.versions(shard.index))):
                if info.size and info.key not in keys and self._old(after):
                    yield info

    def tombstones(self, shards: Iterable[Shard]) -> Iterator[ObjectInfo]:
        """Yield the old ones."""
        for shard in shards:
            for info in self._in(layout.versions(shard.index))[:-1]:
                if not info.size and self._old(info):
                    yield info

    def leases(self, num_replicas: int) -> Iterator[ObjectInfo]:
        """Yield all but each replica's newest."""
        for replica in range(num_replicas):
            yield from filter(self._old, self._in(layout.leases(replica))[:-1])

    def lessons(self, num_replicas: int) -> Iterator[ObjectInfo]:
        """Yield those of learned rounds."""
        for replica in range(num_replicas):
            yield from self._of_rounds(layout.lessons(replica), layout.rounds(replica, "learned"))

    def heartbeats(self, num_replicas: int) -> Iterator[ObjectInfo]:
        """Yield those of rounds that are closed: whoever waited for their Jobs was ended."""
        for replica in range(num_replicas):
            yield from self._of_rounds(
                layout.heartbeats(replica), layout.rounds(replica, "rewarded")
            )

    def checkpoints(self) -> Iterator[ObjectInfo]:
        """Yield those of children that have a result, and of shared weights that told theirs."""
        if layout.DERIVED in self._infos:
            yield from self._checkpoints_in(layout.SHARED_CHECKPOINTS)
        for child in self._children_below(layout.CHECKPOINTS):
            if layout.child_result(child) in self._infos:
                yield from self._checkpoints_in(layout.checkpoints_folder(child))

    def weights(self, kept: frozenset[str]) -> Iterator[ObjectInfo]:
        """Yield those of children in rewarded rounds that are neither kept nor tested."""
        for child in self._children_below(layout.CHILDREN):
            info = self._infos.get(layout.child_weights(child))
            which = ChildId.parse(child)
            state = layout.round_state(which.replica, which.round, "rewarded")
            if (
                info is not None
                and child not in kept
                and state in self._infos
                and layout.child_test(child) not in self._infos
            ):
                yield info

    def _in(self, row: Row) -> list[ObjectInfo]:
        """Return a row's objects; what else lies in its folder is not ours."""
        return [info for info in self._folders[row.folder] if row.number(info.key) is not None]

    def _of_rounds(self, row: Row, ended: Row) -> Iterator[ObjectInfo]:
        """Yield those of a row whose rounds have ended: they have an object in the other one."""
        for info in self._in(row):
            number = row.number(info.key)
            if number is not None and ended.key(number) in self._infos:
                yield info

    def _checkpoints_in(self, folder: str) -> list[ObjectInfo]:
        return self._in(layout.checkpoints(folder)) + self._in(layout.damaged_checkpoints(folder))

    def _children_below(self, folder: str) -> list[str]:
        """Return the children that have anything below this prefix."""
        names = (key.split("/")[1] for key in self._infos if key.startswith(f"{folder}/"))
        return [name for name in dict.fromkeys(names) if ChildId.matches(name)]

    def _old(self, info: ObjectInfo) -> bool:
        return info.modified_s < self._before_s
