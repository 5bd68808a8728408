"""The controller's shards in the store: pulled, pushed and pruned without a server.

A version is a create-only object. A push reads the newest version, applies the lesson there and
creates the next; whoever loses that race tries again. A version that no open round can refer to
any more is replaced by an empty object, a tombstone: were its number free again, a writer that
stood still since then could create it and take it for the newest.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Sequence
from typing import NamedTuple, TypeVar

from nas_lib.controllers import Lesson, Shard
from nas_lib.errors import CorruptStateError, NasError
from nas_lib.open_search import OpenSearch
from nas_lib.seeds import Stream, seed_for
from nas_lib.store import layout

T = TypeVar("T")
TOMBSTONE = b""

_MAX_DOUBLINGS = 6  # of the pause after a lost race


class PrunedError(NasError):
    """A version was replaced by its tombstone: no open round refers to it."""


class Pushed(NamedTuple):
    """What a push came to in one shard.

    Attributes:
        before: The version that the lesson was applied to; of a push made earlier, its own.
        shard: The version that it made.
        conflicts: Races against other writers that it lost.
    """

    before: Shard
    shard: Shard
    conflicts: int


def store_first_shards(search: OpenSearch) -> None:
    """Store version 0 of every shard, unless a controller is there already."""
    config = search.config
    if search.store.newest(layout.versions(config.search.shards - 1)) is not None:
        return
    shards = search.controller.init(
        seed=seed_for(config.seed, Stream.CONTROLLER), num_shards=config.search.shards
    )
    for shard in shards:
        search.store.objects.create(layout.shard(shard.index, shard.version), shard.to_bytes())


def pull(search: OpenSearch, *, known: Sequence[int] | None) -> tuple[Shard, ...]:
    """Return the newest version of every shard.

    Args:
        search: The search.
        known: A version of each shard that is known to have been there; nothing before it is
            listed. None for a replica that knows of none.

    Raises:
        CorruptStateError: There is none, or it is damaged.
    """
    return tuple(
        _each_shard(search, lambda index: _newest(search, index, known[index] if known else None))
    )


def pull_versions(search: OpenSearch, versions: Sequence[int]) -> tuple[Shard, ...]:
    """Return these versions of the shards.

    Raises:
        PrunedError: The round that was sampled there has been learned from.
    """
    return tuple(_each_shard(search, lambda index: read_shard(search, index, versions[index])))


def read_shard(search: OpenSearch, index: int, version: int) -> Shard:
    """Return one version of one shard.

    Raises:
        PrunedError: It is no longer needed by any open round.
        CorruptStateError: It is damaged.
    """
    made = search.made_shards.get(index)
    if made is not None and made.version == version:
        return made  # versions never change
    key = layout.shard(index, version)
    data = search.store.objects.get(key, at_most=max_bytes(search))
    if data == TOMBSTONE:
        raise PrunedError(f"stored object {key} is empty: it was pruned, or it is damaged")
    shard = Shard.from_bytes(data, key=key)
    if (shard.index, shard.version) != (index, version):
        raise CorruptStateError(
            f"stored object {key} is damaged: it holds version {shard.version} of shard "
            f"{shard.index}"
        )
    wrong = _misfit(search, shard)
    if wrong:
        raise CorruptStateError.of_content(key, wrong)
    return shard


def read_lesson(search: OpenSearch, key: str) -> Lesson:
    """Return a stored lesson.

    Raises:
        ObjectNotFoundError: There is none.
        CorruptStateError: It is damaged, or none of this controller's.
    """
    lesson = Lesson.from_bytes(search.store.objects.get(key, at_most=max_bytes(search)), key=key)
    wrong = search.controller.lesson_misfit(lesson)
    if wrong:
        raise CorruptStateError.of_content(key, wrong)
    return lesson


def max_bytes(search: OpenSearch) -> int:
    """Return what a shard or a lesson takes at most: four vectors of float32, and some text."""
    return 2**24 + 16 * search.controller.num_parameters


def _misfit(search: OpenSearch, shard: Shard) -> str:
    settings = search.config.search
    for replica, applied in shard.applied.items():
        if replica >= settings.replicas or not 0 < applied.version <= shard.version:
            return f"version {applied.version} cannot be replica {replica}'s last"
    return search.controller.misfit(shard, num_shards=settings.shards)


def push(
    search: OpenSearch, lesson: Lesson, *, replica: int, round: int, known: Sequence[int]
) -> Sequence[Pushed]:
    """Apply a round's lesson once to every shard.

    Args:
        search: The search.
        lesson: For all of them, the same in every attempt at this push.
        replica: Whose round it is.
        round: The replica's round.
        known: A version of each shard that is known to have been there.

    Returns:
        For each shard, what became of it.

    Raises:
        PrunedError: The replica is rounds further by now, in another run.
    """
    return _each_shard(
        search,
        lambda index: _push(search, index, lesson, replica, round, known[index]),
        first=replica,
    )


def prune(search: OpenSearch, pushed: Sequence[Pushed]) -> None:
    """Leave tombstones of the versions that a push made superfluous, once its round is learned."""
    num_replicas = search.config.search.replicas
    for before, after in ((each.before, each.shard) for each in pushed):
        for version in range(before.floor(num_replicas), after.floor(num_replicas)):
            search.store.objects.replace(layout.shard(after.index, version), TOMBSTONE)


def _push(
    search: OpenSearch, index: int, lesson: Lesson, replica: int, round: int, known: int
) -> Pushed:
    conflicts = 0
    while True:
        started_s = time.monotonic()
        shard = _newest(search, index, known)
        pushed = search.controller.apply(shard, lesson, replica=replica, round=round)
        if pushed is shard:
            made = _made_before(search, shard, replica, round)
            return Pushed(made, made, conflicts)
        key = layout.shard(index, pushed.version)
        if search.store.objects.create(key, pushed.to_bytes()):
            search.made_shards[index] = pushed
            return Pushed(shard, pushed, conflicts)
        known = pushed.version
        _pause(conflicts, time.monotonic() - started_s)
        conflicts += 1


def _pause(conflicts: int, attempt_s: float) -> None:
    """Wait for a random time, longer on average after each lost race.

    Writers that lost together would meet again; the unit is how long one attempt takes here.
    """
    time.sleep(random.uniform(0, attempt_s * 2 ** min(conflicts, _MAX_DOUBLINGS)))


def _made_before(search: OpenSearch, newest: Shard, replica: int, round: int) -> Shard:
    """Return the version that an earlier attempt at this push made."""
    applied = newest.applied[replica]
    if applied.round != round:
        raise PrunedError(f"round {round} of replica {replica} was learned from, and later ones")
    if applied.version == newest.version:
        return newest
    return read_shard(search, newest.index, applied.version)


def _newest(search: OpenSearch, index: int, known: int | None) -> Shard:
    row = layout.versions(index)
    seen = -1
    while True:
        version = search.store.newest(row, known=known)
        if version is None:
            raise CorruptStateError(
                f"{search.uri} has no version of {row.folder}, in its listing or under the key "
                f"{row.key(row.first)}: it was deleted"
            )
        try:
            return read_shard(search, index, version)
        except PrunedError as err:  # there must be a newer one
            if version == seen:
                raise CorruptStateError(
                    f"stored object {layout.shard(index, version)} is damaged: it is empty, and "
                    "there is no later version"
                ) from err
            seen = version


def _each_shard(search: OpenSearch, work: Callable[[int], T], *, first: int = 0) -> list[T]:
    """Return the work's result for each shard; several at a time where the store is far away.

    Replicas that begin with different shards get less into each other's way.
    """
    num = search.config.search.shards
    order = [(first + offset) % num for offset in range(num)]
    found = dict(zip(order, search.store.each(work, order), strict=True))
    return [found[index] for index in range(num)]
