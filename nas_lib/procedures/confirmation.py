"""Confirmation: once nothing more is explored, the best are trained again with other seeds.

The best of many had luck besides. So the last replica that comes to an end trains the best again,
as rounds of its own: with the same records and fan-out, and nothing is learned from them. A record
settles who does it and with which children; a search that goes on with a larger budget has another
one at its next end, of what was not trained again before.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence
from itertools import product

from nas_lib.config import RoundsConfig
from nas_lib.errors import CorruptStateError
from nas_lib.open_search import OpenSearch
from nas_lib.procedures.budget import is_over
from nas_lib.procedures.proposals import ANY_DEPTH, confirming_child, proposed_child
from nas_lib.procedures.repeats import progress
from nas_lib.records import (
    Again,
    ChildId,
    ChildRow,
    Confirmation,
    Learned,
    Proposed,
    Rewarded,
)
from nas_lib.results import Measure
from nas_lib.results.standings import by_mean
from nas_lib.store import History, layout


def num_networks(search: OpenSearch, settings: RoundsConfig) -> int:
    """Return how many of the best are trained again; none whose scores are not noisy."""
    return settings.num_confirmed if search.config.children.noisy else 0


def confirmations(search: OpenSearch) -> list[Confirmation]:
    """Return what was settled, the oldest first.

    Raises:
        CorruptStateError: It is of a search with more or fewer replicas.
    """
    num = search.store.newest(layout.CONFIRMATIONS) or 0
    keys = [layout.confirmation(number + 1) for number in range(num)]
    return search.store.each(lambda key: _read(search, key), keys)


def _read(search: OpenSearch, key: str) -> Confirmation:
    found = search.store.read(Confirmation, key)
    num_replicas = search.config.search.replicas
    if len(found.numbers) != num_replicas:
        wrong = f"it has {len(found.numbers)} replicas of {num_replicas}"
        raise CorruptStateError.of_content(key, wrong)
    return found


def num_explored(
    settings: RoundsConfig, settled: Sequence[Confirmation], replica: int, number: int
) -> int:
    """Return how many of a replica's rounds before this one its controller proposed."""
    own = (each for each in settled if each.replica == replica and each.round < number)
    return number - sum(each.num_rounds(settings.children_per_round) for each in own)


def children_again(
    settings: RoundsConfig, settled: Sequence[Confirmation], replica: int, number: int
) -> tuple[Again, ...]:
    """Return whom a replica's round trains again, nobody where it is another round."""
    size = settings.children_per_round
    for each in settled:
        start = (number - each.round) * size
        if each.replica == replica and 0 <= start < len(each.children):
            return each.children[start : start + size]
    return ()


def may_begin_none(
    search: OpenSearch,
    settings: RoundsConfig,
    settled: Sequence[Confirmation],
    replica: int,
    number: int,
) -> bool:
    """Say whether a replica may not begin this round, neither to explore nor to train again."""
    if children_again(settings, settled, replica, number):
        return False
    explored = num_explored(settings, settled, replica, number)
    return is_over(search, settings, replica, number, explored=explored)


def is_due(search: OpenSearch, settings: RoundsConfig, settled: Sequence[Confirmation]) -> bool:
    """Say whether all replicas have come to an end that is not confirmed yet."""
    if not num_networks(search, settings):
        return False
    numbers = search.store.each(search.store.open_round, range(settings.replicas))
    return not is_settled(search, settings, settled, numbers) and all(
        _is_at_rest(search, settings, settled, replica, number)
        for replica, number in enumerate(numbers)
    )


def is_settled(
    search: OpenSearch,
    settings: RoundsConfig,
    settled: Sequence[Confirmation],
    numbers: Sequence[int],
) -> bool:
    """Say whether it is known who trains whom again, at these open rounds of the replicas."""
    num = num_networks(search, settings)
    if not num or settings.confirm is None:
        return True
    if not settled or settled[-1].asked != (num, settings.confirm.trainings):
        return False
    again = settled[-1].num_rounds(settings.children_per_round)
    return all(
        number <= then + (again if replica == settled[-1].replica else 0)
        for replica, (number, then) in enumerate(zip(numbers, settled[-1].numbers, strict=True))
    )


def trainings_left(
    search: OpenSearch,
    settings: RoundsConfig,
    settled: Sequence[Confirmation],
    numbers: Sequence[int],
) -> int:
    """Return how many trainings come on top of what is explored, at most.

    Args:
        search: The search.
        settings: Its settings.
        settled: What is known of them.
        numbers: The open rounds of the replicas.
    """
    left = 0
    for each in settled[-1:]:
        num_done = (numbers[each.replica] - each.round) * settings.children_per_round
        left = max(0, len(each.children) - num_done)
    return left + num_to_settle(search, settings, settled, numbers)


def num_to_settle(
    search: OpenSearch,
    settings: RoundsConfig,
    settled: Sequence[Confirmation],
    numbers: Sequence[int],
) -> int:
    """Return how many trainings will be settled at the next end, at most."""
    if is_settled(search, settings, settled, numbers) or settings.confirm is None:
        return 0
    return num_networks(search, settings) * settings.confirm.trainings


def _is_at_rest(
    search: OpenSearch,
    settings: RoundsConfig,
    settled: Sequence[Confirmation],
    replica: int,
    number: int,
) -> bool:
    key = layout.round_state(replica, number, "proposed")
    return not search.store.objects.has(key) and may_begin_none(
        search, settings, settled, replica, number
    )


def settle_confirmation(
    search: OpenSearch,
    settings: RoundsConfig,
    settled: Sequence[Confirmation],
    replica: int,
    *,
    run: str,
) -> Confirmation:
    """Settle who trains whom again, once all replicas have come to an end; whoever is first does.

    It may be nobody: none has a score, or all were trained again before.
    """
    assert settings.confirm is not None  # else it would not be due
    num, trainings = num_networks(search, settings), settings.confirm.trainings
    wanted = Confirmation(
        replica=replica,
        run=run,
        numbers=tuple(search.store.each(search.store.open_round, range(settings.replicas))),
        networks=num,
        trainings=trainings,
        children=_missing(_rows(search), settled, num, trainings, search.task.measure),
        created_s=time.time(),
    )
    return search.store.settle(layout.confirmation(len(settled) + 1), wanted)


def _rows(search: OpenSearch) -> list[ChildRow]:
    history = History(search.store, search.config.search.replicas)
    return [row for rewarded in history.read(Rewarded) for row in rewarded.rows]


def _missing(
    rows: Sequence[ChildRow],
    settled: Sequence[Confirmation],
    num: int,
    trainings: int,
    measure: Measure,
) -> tuple[Again, ...]:
    """Return which trainings the best still lack: of each the first one, then the next, ..."""
    architectures = {row.id: row.architecture.id for row in rows}
    before = Counter(architectures.get(again.child) for each in settled for again in each.children)
    best = by_mean(rows, higher_is_better=measure.higher_is_better)[:num]
    return tuple(
        Again(standing.first.id, number)
        for number, standing in product(range(1, trainings + 1), best)
        if number > before[standing.first.architecture.id]
    )


def propose_again(
    search: OpenSearch,
    again: Sequence[Again],
    replica: int,
    number: int,
    *,
    versions: Sequence[int] | None,
    run: str,
) -> Proposed:
    """Return the round in which these are trained again; it is not stored yet.

    Args:
        search: The search.
        again: Whom.
        replica: Who trains them.
        number: The replica's round.
        versions: What its last push made of the shards, None before the first.
        run: This run.
    """
    before = progress(search, replica, number)
    firsts = search.store.each(lambda each: proposed_child(search, each.child), again)
    children = tuple(
        confirming_child(search, str(ChildId(replica, number, index)), first, each.training)
        for index, (first, each) in enumerate(zip(firsts, again, strict=True))
    )
    return Proposed(
        replica,
        number,
        run,
        ANY_DEPTH,
        tuple(versions or [0] * search.config.search.shards),
        children,
        created_s=time.time(),
        num_before=before.num_judged,
        idle_before=before.num_idle,
    )


def nothing_learned(proposed: Proposed, *, run: str) -> Learned:
    """Return the end of a round in which some were trained again: the controller is as it was."""
    return Learned(
        replica=proposed.replica,
        round=proposed.round,
        run=run,
        versions=proposed.versions,
        staleness=(0,) * len(proposed.versions),
        metrics={},
        created_s=time.time(),
    )
