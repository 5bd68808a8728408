"""aggregate_rewards: what a round came to."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from nas_lib.errors import CorruptStateError
from nas_lib.open_search import OpenSearch
from nas_lib.procedures import procedure_of
from nas_lib.procedures.crashes import crash_of_all, crashed_round
from nas_lib.procedures.repeats import settle_repeats
from nas_lib.records import Child, ChildId, ChildResult, ChildRow, Proposed, Rewarded
from nas_lib.results import leaderboard
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


def aggregate_rewards(search: OpenSearch, *, children: Sequence[str], run: str) -> RoundSummary:
    """Collect the results of the round to which these children belong.

    A round with all its results, or with as many as the search waits for, is closed by that: a
    child that has none then is missing, and one that comes later comes too late.

    Args:
        search: The search.
        children: Some of the round's children; its other members come from the store.
        run: This run.

    Raises:
        CrashedRoundError: All that the round waits for crashed alike; it stays open.
    """
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
        _delete_checkpoints(search, found)
        fresh = Rewarded(which.replica, which.round, run, found, best, created_s=time.time())
        rewarded = store.settle(key, fresh)
        store.let_go(rewarded)
    _clean_up(search, rewarded)
    return RoundSummary(which.replica, which.round, 0, rewarded)


def _rows_or_missing(search: OpenSearch, proposed: Proposed) -> list[ChildRow | None]:
    rows = _rows(search, proposed)
    if crash := crash_of_all(search, proposed, rows):
        raise crashed_round(proposed, crash)
    wait_for = search.config.search.wait_for
    num_results = len(rows) - rows.count(None)
    if wait_for is None or num_results < wait_for or num_results == len(rows):
        return rows
    message = f"had no result when {num_results} of {len(rows)} children had one"
    for child, row in zip(proposed.children, rows, strict=True):
        if row is None and child.repeat_of is None:
            result = ChildResult(child.id, "missing", 0.0, message=message)
            search.store.settle(layout.child_result(child.id), result)
    return _rows(search, proposed)


def _rows(search: OpenSearch, proposed: Proposed) -> list[ChildRow | None]:
    settle_repeats(search, proposed)
    keys = [layout.child_result(child.id) for child in proposed.children]
    results = search.store.each(partial(search.store.find, ChildResult), keys)
    return [
        None if result is None else _row(search, child, result)
        for child, result in zip(proposed.children, results, strict=True)
    ]


def _row(search: OpenSearch, child: Child, result: ChildResult) -> ChildRow:
    """Return a child's result beside its architecture.

    Raises:
        CorruptStateError: It cannot be one of the child's task.
    """
    wrong = procedure_of(search.config).task_for(search, child).misfit(result)
    if wrong:
        key = layout.child_result(child.id)
        raise CorruptStateError.of_content(key, wrong)
    return result.row(child)


def _best(search: OpenSearch, replica: int, rows: tuple[ChildRow, ...]) -> tuple[ChildRow, ...]:
    before = search.store.newest_rewarded(replica)
    candidates = [*(before.best if before else ()), *rows]
    judged = [row for row in candidates if not row.is_unjudged]
    best = leaderboard(judged, search.config.children.keep)
    # Those that learnt all there is to judge them by are trained to be kept, and have no rank.
    return (*best, *_best_again(judged), *(row for row in candidates if row.is_unjudged))


def _best_again(rows: Sequence[ChildRow]) -> list[ChildRow]:
    """Return the best training of each network that was trained again.

    One of them will be the winner, and nobody knows which before all means are there.
    """
    best: dict[str, ChildRow] = {}
    for row in rows:
        known = best.get(row.architecture.id)
        if row.confirms and row.status == "ok" and (known is None or row.reward > known.reward):
            best[row.architecture.id] = row
    return list(best.values())


def _delete_checkpoints(search: OpenSearch, rows: Sequence[ChildRow]) -> None:
    """Delete what a kill may have left of children that have their results.

    Before the round is closed: after it, a run that was killed here would leave them for good.
    """
    if search.task.trains:
        for row in rows:
            if not row.is_repeat:
                search.store.delete_checkpoints(layout.checkpoints_folder(row.id))


def _clean_up(search: OpenSearch, rewarded: Rewarded) -> None:
    """Delete the weights of the round's and earlier children that are not kept."""
    if not search.task.trains:
        return  # no child has either
    kept = {row.id for row in rewarded.best}
    trained = [row for row in rewarded.rows if not row.is_repeat]
    earlier: tuple[ChildRow, ...] = ()
    if rewarded.round > 0:
        key = layout.round_state(rewarded.replica, rewarded.round - 1, "rewarded")
        earlier = search.store.read(Rewarded, key).best
    for row in (*trained, *earlier):
        if row.id not in kept:
            search.store.objects.delete(layout.child_weights(row.id))
