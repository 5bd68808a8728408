"""aggregate_rewards and update_controller: what a round came to, and what it teaches."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

from nas_lib.controllers import Gradient
from nas_lib.errors import CorruptStateError, ObjectNotFoundError
from nas_lib.records import ChildId, ChildResult, ChildRow, Learned, Proposed, Rewarded
from nas_lib.report import leaderboard
from nas_lib.steps.open_search import OpenSearch
from nas_lib.steps.shards import PrunedError, pull_versions, push
from nas_lib.store import layout


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

    A round with all its results, or with as many as the search waits for, is closed by that: a
    child that has none then is missing, and one that comes later comes too late.

    Args:
        search: The search or its URI.
        children: Some of the round's children; its other members come from the store.
        run: This run.
    """
    search = OpenSearch.of(search)
    store = search.store
    which = ChildId.parse(children[0])
    search.show_life(which.replica, run)
    key = layout.round_state(which.replica, which.round, "rewarded")
    rewarded = store.find(Rewarded, key)
    if rewarded is None:
        rows = _rows_or_missing(search, store.proposed(children[0]))
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
    search.show_life(replica, run)
    rewarded = store.find(Rewarded, layout.round_state(replica, round, "rewarded"))
    if rewarded is None:
        return None
    key = layout.round_state(replica, round, "learned")
    learned = store.find(Learned, key) or _settle(search, key, rewarded, run)
    store.objects.delete(layout.round_gradient(replica, round))
    return learned


def _settle(search: OpenSearch, key: str, rewarded: Rewarded, run: str) -> Learned:
    try:
        return search.store.settle(key, _learn(search, rewarded, run))
    except (PrunedError, ObjectNotFoundError) as err:
        learned = search.store.find(Learned, key)  # by another run, which cleaned up after itself
        if learned is None:
            raise CorruptStateError(
                f"round {rewarded.round} of replica {rewarded.replica} cannot be learned: {err}"
            ) from err
        return learned


def _rows_or_missing(search: OpenSearch, proposed: Proposed) -> list[ChildRow | None]:
    rows = _rows(search, proposed)
    wait_for = search.config.search.wait_for
    num_results = len(rows) - rows.count(None)
    if wait_for is None or num_results < wait_for or num_results == len(rows):
        return rows
    message = f"had no result when {num_results} of {len(rows)} children had one"
    for child, row in zip(proposed.children, rows, strict=True):
        if row is None:
            result = ChildResult(child.id, "missing", 0.0, message=message)
            search.store.settle(layout.child_result(child.id), result)
    return _rows(search, proposed)


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
    if search.config.children.evaluate:
        return  # no child has either
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
    shards, conflicts = push(
        search, gradient, replica=replica, round=number, known=proposed.versions
    )
    rewards = [row.reward for row in rewarded.rows if row.counts]
    return Learned(
        replica=replica,
        round=number,
        run=run,
        versions=tuple(shard.version for shard in shards),
        staleness=tuple(
            shard.version - 1 - pulled
            for shard, pulled in zip(shards, proposed.versions, strict=True)
        ),
        entropy=gradient.entropy,
        baseline=shards[0].baseline,
        mean_reward=sum(rewards) / len(rewards) if rewards else None,
        created_s=time.time(),
        conflicts=conflicts,
    )


def _stored_gradient(search: OpenSearch, proposed: Proposed, rewarded: Rewarded) -> Gradient:
    """Return the round's gradient at the versions that proposed it, computed once."""
    objects = search.store.objects
    key = layout.round_gradient(rewarded.replica, rewarded.round)
    with suppress(ObjectNotFoundError):
        return Gradient.from_bytes(objects.get(key), key=key)
    gradient = search.controller.gradient(
        pull_versions(search, proposed.versions),
        decisions=search.space.decisions(proposed.depth),
        tokens=[child.architecture.tokens for child in proposed.children],
        rewards=[row.reward if row.counts else None for row in rewarded.rows],
    )
    if objects.create(key, gradient.to_bytes()):
        return gradient
    return Gradient.from_bytes(objects.get(key), key=key)
