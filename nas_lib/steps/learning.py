"""aggregate_rewards and update_controller: what a round came to, and what it teaches."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

from nas_lib.controllers import Gradient, Shard
from nas_lib.errors import ObjectNotFoundError
from nas_lib.records import ChildId, ChildResult, ChildRow, Learned, Proposed, Rewarded
from nas_lib.report import leaderboard
from nas_lib.steps.open_search import OpenSearch
from nas_lib.steps.shards import newest_shard, shard_at
from nas_lib.store import layout, lease


@dataclass(frozen=True)
class RoundSummary:
    """Where a round stands.

    Attributes:
        replica: The controller replica.
        round: Its round, from 0.
        num_missing: Children without a result; the round stays open while there are any.
        rewarded: The results, None while the round is open.
    """

    replica: int
    round: int
    num_missing: int
    rewarded: Rewarded | None


def aggregate_rewards(
    search: str | OpenSearch, *, children: Sequence[str], run: str
) -> RoundSummary:
    """Collect the results of the round to which these children belong.

    Args:
        search: The search or its URI.
        children: Some of the round's children; its other members come from the store.
        run: This run.
    """
    search = OpenSearch.of(search)
    store = search.store
    which = ChildId.parse(children[0])
    lease.renew(store, which.replica, run, lease_s=search.config.search.lease_s)
    key = layout.round_state(which.replica, which.round, "rewarded")
    rewarded = store.find(Rewarded, key)
    if rewarded is None:
        rows = _rows(search, store.proposed(children[0]))
        missing = rows.count(None)
        if missing:
            return RoundSummary(which.replica, which.round, missing, None)
        found = tuple(row for row in rows if row is not None)
        best = _best(search, which.replica, found)
        fresh = Rewarded(which.replica, which.round, run, found, best, created_s=time.time())
        rewarded = store.settle(key, fresh)
    _clean_up(search, rewarded)
    return RoundSummary(which.replica, which.round, 0, rewarded)


def update_controller(
    search: str | OpenSearch, *, replica: int, round: int, run: str
) -> Learned | None:
    """Learn from a round: its gradient is stored, then pushed to the parameter shards.

    Returns:
        What was learned, now or before; None while the round is open.
    """
    search = OpenSearch.of(search)
    store = search.store
    lease.renew(store, replica, run, lease_s=search.config.search.lease_s)
    rewarded = store.find(Rewarded, layout.round_state(replica, round, "rewarded"))
    if rewarded is None:
        return None
    key = layout.round_state(replica, round, "learned")
    learned = store.find(Learned, key)
    if learned is None:
        learned = store.settle(key, _learn(search, rewarded, run))
    store.objects.delete(layout.round_gradient(replica, round))
    return learned


def _rows(search: OpenSearch, proposed: Proposed) -> list[ChildRow | None]:
    results = (
        search.store.find(ChildResult, layout.child_result(child.id)) for child in proposed.children
    )
    return [
        None if result is None else result.row(child.architecture)
        for child, result in zip(proposed.children, results, strict=True)
    ]


def _best(search: OpenSearch, replica: int, rows: tuple[ChildRow, ...]) -> tuple[ChildRow, ...]:
    before = search.store.newest_rewarded(replica)
    candidates = [*(before.best if before else ()), *rows]
    return tuple(leaderboard(candidates, search.config.children.keep))


def _clean_up(search: OpenSearch, rewarded: Rewarded) -> None:
    """Delete the round's checkpoints, and weights of its and earlier children that are not kept."""
    kept = {row.id for row in rewarded.best}
    rows = list(rewarded.rows)
    if rewarded.round > 0:
        key = layout.round_state(rewarded.replica, rewarded.round - 1, "rewarded")
        rows.extend(search.store.read(Rewarded, key).best)
    for row in rewarded.rows:  # a kill may have left some there
        search.store.delete_below(layout.checkpoints_folder(row.id))
    for row in rows:
        if row.id not in kept:
            search.store.objects.delete(layout.child_weights(row.id))


def _learn(search: OpenSearch, rewarded: Rewarded, run: str) -> Learned:
    replica, number = rewarded.replica, rewarded.round
    proposed = search.store.read(Proposed, layout.round_state(replica, number, "proposed"))
    gradient = _stored_gradient(search, proposed, rewarded)
    pushed = [
        _push(search, index, gradient, replica, number)
        for index in range(search.config.search.shards)
    ]
    versions = tuple(version for version, _ in pushed)
    rewards = [row.reward for row in rewarded.rows if row.counts]
    return Learned(
        replica=replica,
        round=number,
        run=run,
        versions=versions,
        staleness=tuple(
            new - 1 - pulled for new, pulled in zip(versions, proposed.versions, strict=True)
        ),
        entropy=gradient.entropy,
        baseline=pushed[0][1].baseline,
        mean_reward=sum(rewards) / len(rewards) if rewards else None,
        created_s=time.time(),
    )


def _stored_gradient(search: OpenSearch, proposed: Proposed, rewarded: Rewarded) -> Gradient:
    """Return the round's gradient at the versions that proposed it, computed once."""
    objects = search.store.objects
    key = layout.round_gradient(rewarded.replica, rewarded.round)
    try:
        return Gradient.from_bytes(objects.get(key), key=key)
    except ObjectNotFoundError:
        gradient = search.controller.gradient(
            [shard_at(search, index, at) for index, at in enumerate(proposed.versions)],
            decisions=search.space.decisions(proposed.depth),
            tokens=[child.architecture.tokens for child in proposed.children],
            rewards=[row.reward if row.counts else None for row in rewarded.rows],
        )
    if objects.create(key, gradient.to_bytes()):
        return gradient
    return Gradient.from_bytes(objects.get(key), key=key)


def _push(
    search: OpenSearch, index: int, gradient: Gradient, replica: int, number: int
) -> tuple[int, Shard]:
    """Apply the gradient to the newest version of a shard, again if another push was first.

    Returns:
        The version that contains this round first, and the shard at it.
    """
    objects = search.store.objects
    while True:
        version, shard = newest_shard(search, index)
        pushed = search.controller.apply(shard, gradient, replica=replica, round=number)
        if pushed is shard:
            return _first_with(search, index, version, replica, number)
        if objects.create(layout.shard(index, version + 1), pushed.to_bytes()):
            return version + 1, pushed


def _first_with(
    search: OpenSearch, index: int, newest: int, replica: int, number: int
) -> tuple[int, Shard]:
    """Go back to the version that this round made, in a push whose end was not noted."""
    version, shard = newest, shard_at(search, index, newest)
    while (before := shard_at(search, index, version - 1)).has_applied(replica, number):
        version, shard = version - 1, before
    return version, shard
