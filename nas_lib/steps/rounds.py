"""plan_rounds and sample_architectures: what is to be done next."""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np

from nas_lib.errors import ConfigError
from nas_lib.records import Child, ChildId, ChildResult, Proposed
from nas_lib.steps.open_search import OpenSearch
from nas_lib.steps.shards import newest_shard
from nas_lib.store import layout, lease

_PROPOSE, _CHILD = 1, 2  # streams of randomness; 0 initialises the controller


@dataclass(frozen=True)
class Plan:
    """What a run may do.

    Attributes:
        ticks: One per round, numbered from 0; empty if there is nothing to do.
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
    search = OpenSearch.of(search)
    num_replicas = search.config.search.replicas
    if not 0 <= replica < num_replicas:
        raise ConfigError(f"replica should be from 0 to {num_replicas - 1}, got {replica}")
    if rounds_per_run is not None and rounds_per_run < 1:
        raise ConfigError(f"rounds_per_run should be at least 1, got {rounds_per_run}")
    if is_finished(search, replica, search.store.open_round(replica)):
        return Plan(())
    lease_s = search.config.search.lease_s
    holder = lease.take(search.store, replica, run, lease_s=lease_s)
    if holder is not None:
        return Plan((), str(holder))
    left = search.config.search.rounds - search.store.open_round(replica)
    num_ticks = max(1, left) if rounds_per_run is None else min(max(1, left), rounds_per_run)
    return Plan(tuple(range(num_ticks)))


def sample_architectures(search: str | OpenSearch, *, replica: int, run: str) -> list[str]:
    """Let the controller propose the round's children, and return those that have no result.

    An open round is gone on with. At least one child is returned, whose training is a no-op where
    all have a result: a Kubeflow loop must not be empty.
    """
    search = OpenSearch.of(search)
    lease.renew(search.store, replica, run, lease_s=search.config.search.lease_s)
    number = search.store.open_round(replica)
    if is_finished(search, replica, number):
        number -= 1
    key = layout.round_state(replica, number, "proposed")
    proposed = search.store.find(Proposed, key)
    if proposed is None:
        proposed = search.store.settle(key, _propose(search, replica, number, run))
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
    if search.store.find(Proposed, layout.round_state(replica, number, "proposed")):
        return False
    return number >= loop.rounds or _target_reached(search)


def _target_reached(search: OpenSearch) -> bool:
    target = search.config.search.stop_at_score
    if target is None:
        return False
    rewarded = map(search.store.newest_rewarded, range(search.config.search.replicas))
    scores = (row.score for last in rewarded if last is not None for row in last.best)
    return any(score is not None and score >= target for score in scores)


def _propose(search: OpenSearch, replica: int, number: int, run: str) -> Proposed:
    config = search.config
    loop = config.search
    depth = search.space.depth(number * loop.children_per_round * loop.replicas)
    newest = [newest_shard(search, index) for index in range(loop.shards)]
    sequences = search.controller.propose(
        [shard for _, shard in newest],
        decisions=search.space.decisions(depth),
        num=loop.children_per_round,
        seed=[config.seed, _PROPOSE, replica, number],
    )
    children = tuple(
        Child(
            id=str(ChildId(replica, number, index)),
            architecture=search.space.decode(tokens),
            seed=_child_seed(config.seed, replica, number, index),
        )
        for index, tokens in enumerate(sequences)
    )
    if number > 0:  # a kill may have left it there
        search.store.objects.delete(layout.round_gradient(replica, number - 1))
    versions = tuple(version for version, _ in newest)
    return Proposed(replica, number, run, depth, versions, children, created_s=time.time())


def _child_seed(seed: int, replica: int, number: int, index: int) -> int:
    sequence = np.random.SeedSequence([seed, _CHILD, replica, number, index])
    return int(sequence.generate_state(1, np.uint64)[0] >> 1)
