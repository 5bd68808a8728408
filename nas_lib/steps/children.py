"""train_child: one child from its stored proposal to its stored result, in this process."""

from __future__ import annotations

import socket

from nas_lib.errors import ChildFailedError
from nas_lib.open_search import OpenSearch
from nas_lib.procedures import procedure_of
from nas_lib.procedures.proposals import proposed_child
from nas_lib.records import ChildResult, Status
from nas_lib.steps.attempts import begin_attempt, note_attempt
from nas_lib.store import layout


def train_child(search: OpenSearch, *, child: str, run: str) -> float:
    """Train a child that has no result, and store it.

    Returns:
        Its reward; 0 where it diverged, or has used up its attempts.

    Raises:
        NasError: The child is not to blame.
        ChildFailedError: It is; `fail_attempt` notes it, and the child may be tried again until
            its attempts are used up.
    """
    store = search.store
    result = store.find_result(child)
    if result is None:
        max_attempts = search.config.children.max_attempts
        result = begin_attempt(store, child, run, max_attempts=max_attempts) or _judge(
            search, child, run
        )
        result = store.settle(layout.child_result(child), result)
        if result.status == "missing":  # the round went on without this child
            store.objects.delete(layout.child_weights(child))
    store.delete_checkpoints(layout.checkpoints_folder(child))
    return result.reward


def judge_at_once(search: OpenSearch, *, child: str, run: str) -> None:
    """Judge a child that nobody has tried, and keep its result in mind: it takes hardly any time.

    No attempt is noted, unless it fails.

    Raises:
        NasError: As for `train_child`.
        ChildFailedError: Likewise.
    """
    try:
        search.store.hold(_judge(search, child, run))
    except ChildFailedError:
        note_attempt(search.store, child, run)
        raise


def end_child(
    search: OpenSearch, *, child: str, status: Status, message: str, seconds: float = 0.0
) -> None:
    """Store as the child's result why it was ended, unless it has another one.

    Args:
        search: The search.
        child: Its id.
        status: What it took more of than it may.
        message: The same in words.
        seconds: How long its last attempt took.
    """
    where = socket.gethostname()
    result = ChildResult(child, status, 0.0, seconds=seconds, where=where, message=message)
    search.store.settle(layout.child_result(child), result)
    search.store.delete_checkpoints(layout.checkpoints_folder(child))


def _judge(search: OpenSearch, child: str, run: str) -> ChildResult:
    """Have a child judged, and keep what it leaves."""
    proposed = proposed_child(search, child)
    task = procedure_of(search.config).task_for(search, proposed)
    judged = task.judge(proposed, search.space, search.store)
    for problem in judged.problems:
        search.store.note_problem(run=run, step="train_child", message=problem)
    if judged.weights is not None:
        search.store.objects.replace(layout.child_weights(child), judged.weights)
    return judged.result
