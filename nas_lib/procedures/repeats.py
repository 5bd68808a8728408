"""Repeats: an architecture that was judged before is not judged again.

A repeat is a child of its own, which has the first one's verdict: the controller learns from it, no
worker trains it, and it is none of the budget. What counts as judged is what a round learned from,
of any replica; replicas that propose the same at the same time do not know of each other.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import partial

from nas_lib.config import RoundsConfig
from nas_lib.open_search import OpenSearch
from nas_lib.procedures.firsts import find_first, firsts_of, note_first
from nas_lib.records import Child, ChildId, ChildResult, ChildRow, Proposed, Rewarded
from nas_lib.store import layout

MOST_IDLE_ROUNDS = 20
"""A replica that proposes nothing new so often in a row has no more to propose."""


@dataclass(frozen=True)
class Progress:
    """How much of its share of the budget a replica has used.

    Attributes:
        num_judged: Children of its rounds that are no repeats.
        num_idle: Its latest rounds, in a row, that had nothing but repeats.
    """

    num_judged: int = 0
    num_idle: int = 0

    @classmethod
    def after(cls, proposed: Proposed | None) -> Progress:
        """Return how far a replica is after this round, None for before its first."""
        if proposed is None:
            return cls()
        if any(child.confirms for child in proposed.children):
            return cls(proposed.num_before, proposed.idle_before)
        num_new = sum(child.repeat_of is None for child in proposed.children)
        return cls(proposed.num_before + num_new, 0 if num_new else proposed.idle_before + 1)

    @classmethod
    def of(cls, rounds: Iterable[Iterable[ChildRow]]) -> Progress:
        """Return how far a replica is after these rounds, in order."""
        num_judged = num_idle = 0
        for rows in rounds:
            num_new = sum(not row.is_repeat for row in rows)
            num_judged, num_idle = num_judged + num_new, 0 if num_new else num_idle + 1
        return cls(num_judged, num_idle)

    def is_over(self, share: int) -> bool:
        """Say whether this share of the budget is used, or nothing new is proposed any more."""
        return self.num_judged >= share or self.num_idle >= MOST_IDLE_ROUNDS


def rounds_by_replica(rows: Iterable[ChildRow]) -> dict[int, list[list[ChildRow]]]:
    """Return each replica's rounds in order, which are closed: all their children are there."""
    rounds: dict[int, dict[int, list[ChildRow]]] = {}
    for row in rows:
        child = ChildId.parse(row.id)
        rounds.setdefault(child.replica, {}).setdefault(child.round, []).append(row)
    return {
        replica: [found[number] for number in sorted(found)] for replica, found in rounds.items()
    }


def progress(search: OpenSearch, replica: int, number: int) -> Progress:
    """Return how far a replica is before this round."""
    if number == 0:
        return Progress()
    key = layout.round_state(replica, number - 1, "proposed")
    return Progress.after(search.store.read(Proposed, key))


def with_repeats(search: OpenSearch, proposed: Proposed, *, share: int) -> Proposed:
    """Mark a fresh round's repeats, and end it before the child that would be one too many.

    Args:
        search: The search.
        proposed: The round; it is not stored yet.
        share: The replica's share of the budget, which is not used yet.
    """
    before = progress(search, proposed.replica, proposed.round)
    firsts = _firsts(search, {child.architecture.id for child in proposed.children})
    num_left = share - before.num_judged
    children: list[Child] = []
    for child in proposed.children:
        first = firsts.setdefault(child.architecture.id, child.id)
        if first != child.id:
            children.append(replace(child, repeat_of=first))
        elif num_left:
            children.append(child)
            num_left -= 1
        else:
            break
    return replace(
        proposed,
        children=tuple(children),
        num_before=before.num_judged,
        idle_before=before.num_idle,
    )


def _firsts(search: OpenSearch, architectures: set[str]) -> dict[str, str]:
    """Return by which child each of these architectures was judged, without those that were not."""
    ids = sorted(architectures)
    found = search.store.each(partial(find_first, search.store), ids)
    return {each: first for each, first in zip(ids, found, strict=True) if first is not None}


def settle_repeats(search: OpenSearch, proposed: Proposed) -> None:
    """Give the round's repeats the results of those that they repeat, as far as there are any.

    Raises:
        ObjectNotFoundError: One of an earlier round has none any more.
    """
    firsts = {child.id for child in proposed.children if child.repeat_of is None}
    wait = {child.id: child.repeat_of for child in proposed.children if child.repeat_of is not None}

    def settle(child: str) -> None:
        key = layout.child_result(wait[child])
        first = search.store.find_result(wait[child])
        if first is None and wait[child] not in firsts:
            # of this round it may be missing yet, of another one it would be missing for ever
            first = search.store.read(ChildResult, key)
        if first is not None:
            search.store.settle_like(key, first.repeated(child))

    search.store.each(settle, list(wait))


def note_judged(search: OpenSearch, rewarded: Rewarded) -> None:
    """Note which architectures a round has judged: none of them is judged again.

    A child that crashed or went missing says nothing of its architecture.
    """
    search.store.each(partial(note_first, search.store, rewarded), firsts_of(rewarded))


def all_are_judged(
    search: OpenSearch, settings: RoundsConfig, number: int, judged: Iterable[str] | None = None
) -> bool:
    """Say whether the space has nothing that is not judged, as of a replica's round.

    Args:
        search: The search.
        settings: Its settings.
        number: The round, which has a depth.
        judged: Ids of the architectures that are judged; None for what the store says.
    """
    if depth_of(search, settings, number) < search.space.max_depth:
        return False
    every = search.every_architecture
    if every is None:
        return False
    if judged is None:
        if _num_judged(search, settings.replicas) < len(every):
            return False  # and nothing is listed, which takes the longer the more there is
        prefix = f"{layout.JUDGED}/"
        judged = (
            key.removeprefix(prefix).removesuffix(".json")
            for key in search.store.objects.keys(layout.JUDGED)
        )
    return every <= {*judged}


def _num_judged(search: OpenSearch, num_replicas: int) -> int:
    """Return how many children all replicas had judged before their open rounds."""
    numbers = search.store.each(search.store.open_round, range(num_replicas))
    found = search.store.each(lambda each: progress(search, *each), list(enumerate(numbers)))
    return sum(each.num_judged for each in found)


def depth_of(search: OpenSearch, settings: RoundsConfig, number: int) -> int:
    """Return the depth of the space in a round."""
    return search.space.depth(number * settings.children_per_round * settings.replicas)
