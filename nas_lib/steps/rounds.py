"""plan_rounds and sample_architectures: what is to be done next."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from nas_lib.config import SearchConfig
from nas_lib.errors import ConfigError
from nas_lib.records import Child, ChildId, ChildResult, ChildRow, Learned, Proposed, Rewarded
from nas_lib.report.measure import measure_of
from nas_lib.steps.open_search import OpenSearch
from nas_lib.steps.shards import pull
from nas_lib.store import layout, lease

_PROPOSE, _CHILD = 1, 2  # streams of randomness; 0 initialises the controller


@dataclass(frozen=True)
class Plan:
    """What a run may do.

    Attributes:
        ticks: One per round, numbered from 0; empty if there is nothing to do. With shared weights
            one for each stretch of their training at most, and one at least to derive and judge
            what they tell.
        holder: Who is at work on this replica, empty if nobody else is.
    """

    ticks: tuple[int, ...]
    holder: str = ""


def plan_rounds(
    search: str | OpenSearch, *, replica: int, run: str, rounds_per_run: int | None = None
) -> Plan:
    """Take the replica's lease and say how many rounds this run may still do.

    Args:
        search: The search or its URI.
        replica: The controller replica.
        run: This run.
        rounds_per_run: At most so many; None for all that are left.

    Raises:
        ConfigError: There is no such replica, or the number of rounds is below 1.
    """
    (plan,) = plan_replicas(search, replicas=[replica], run=run, rounds_per_run=rounds_per_run)
    return plan


def plan_replicas(
    search: str | OpenSearch,
    *,
    replicas: Sequence[int],
    run: str,
    rounds_per_run: int | None = None,
) -> list[Plan]:
    """Plan the rounds of several replicas; whoever may hold their leases is waited for once."""
    search = OpenSearch.of(search)
    loop = search.config.search
    for replica in replicas:
        if not 0 <= replica < loop.replicas:
            raise ConfigError(f"replica should be from 0 to {loop.replicas - 1}, got {replica}")
    if rounds_per_run is not None and rounds_per_run < 1:
        raise ConfigError(f"rounds_per_run should be at least 1, got {rounds_per_run}")
    wanted = [
        replica
        for replica in replicas
        if not is_finished(search, replica, search.store.open_round(replica))
    ]
    holders = lease.take(search.store, wanted, run, lease_s=loop.lease_s)
    plans = dict.fromkeys(replicas, Plan(()))
    for replica in wanted:
        if replica in holders:
            plans[replica] = Plan((), str(holders[replica]))
        else:
            left = _ticks_left(search, replica)
            plans[replica] = Plan(tuple(range(min(left, rounds_per_run or left))))
    return [plans[replica] for replica in replicas]


def _ticks_left(search: OpenSearch, replica: int) -> int:
    """Return how many ticks may be needed at most: rounds, or epochs of shared weights."""
    if search.config.shared is not None:
        epoch = search.store.newest(layout.SHARED_EPOCHS, ".json") or 0
        return max(1, search.config.shared.epochs - epoch)
    return max(1, search.config.search.rounds - search.store.open_round(replica))


def sample_architectures(search: str | OpenSearch, *, replica: int, run: str) -> list[str]:
    """Let the controller propose the round's children, and return those that have no result.

    An open round is gone on with. At least one child is returned, whose training is a no-op where
    all have a result: a Kubeflow loop must not be empty.

    Raises:
        ConfigError: Children of this search come from shared weights.
    """
    search = OpenSearch.of(search)
    if search.config.shared is not None:
        raise ConfigError(
            f"the children of {search.uri} come from shared weights, and are not sampled: "
            "the pipeline for it is enas-search"
        )
    search.show_life(replica, run)
    number = search.store.open_round(replica)
    if is_finished(search, replica, number):
        number -= 1
    key = layout.round_state(replica, number, "proposed")
    proposed = search.store.find(Proposed, key)
    if proposed is None:
        fresh = _propose(search, replica, number, run)
        proposed = search.store.settle(key, fresh)
        if proposed is fresh:
            return [child.id for child in fresh.children]
    return unfinished(search, proposed)


def unfinished(search: OpenSearch, proposed: Proposed) -> list[str]:
    """Return the round's children that have no result, or its first one where all have."""
    ids = [child.id for child in proposed.children]
    left = [
        child for child in ids if not search.store.find(ChildResult, layout.child_result(child))
    ]
    return left or ids[:1]


def is_finished(search: OpenSearch, replica: int, number: int) -> bool:
    """Say whether the replica's round `number` is not proposed, and may not be.

    Args:
        search: The search.
        replica: The controller replica.
        number: Its first round that is not learned from.
    """
    loop = search.config.search
    if search.config.shared is not None:  # its only round has nothing to teach
        return search.store.find(Rewarded, layout.round_state(replica, 0, "rewarded")) is not None
    if search.store.find(Proposed, layout.round_state(replica, number, "proposed")):
        return False
    if number >= loop.rounds:
        return True
    return loop.stop_at_score is not None and is_good_enough(
        search.config, search.store.best(loop.replicas)
    )


def is_good_enough(config: SearchConfig, best: Iterable[ChildRow]) -> bool:
    """Say whether one of these children meets the stop rule, if there is one."""
    target = config.search.stop_at_score
    scores = [row.score for row in best if row.score is not None]
    if target is None or not scores:
        return False
    measure = measure_of(config)
    return measure.best(scores) == measure.best([*scores, target])


def _propose(search: OpenSearch, replica: int, number: int, run: str) -> Proposed:
    config = search.config
    loop = config.search
    depth = search.space.depth(number * loop.children_per_round * loop.replicas)
    shards = pull(search, known=_own_versions(search, replica, number))
    sequences = search.controller.propose(
        shards,
        decisions=search.space.decisions(depth),
        num=loop.children_per_round,
        seed=[config.seed, _PROPOSE, replica, number],
    )
    children = tuple(
        Child(
            id=str(ChildId(replica, number, index)),
            architecture=search.space.decode(tokens),
            seed=child_seed(config.seed, replica, number, index),
        )
        for index, tokens in enumerate(sequences)
    )
    versions = tuple(shard.version for shard in shards)
    return Proposed(replica, number, run, depth, versions, children, created_s=time.time())


def _own_versions(search: OpenSearch, replica: int, number: int) -> tuple[int, ...] | None:
    """Return the versions that the replica's last push made: pruning leaves those and newer ones.

    None before its first.
    """
    if number == 0:
        return None
    last = search.store.read(Learned, layout.round_state(replica, number - 1, "learned"))
    return last.versions


def child_seed(seed: int, replica: int, number: int, index: int) -> int:
    """Return the seed of a child of replica, round and index."""
    sequence = np.random.SeedSequence([seed, _CHILD, replica, number, index])
    return int(sequence.generate_state(1, np.uint64)[0] >> 1)
