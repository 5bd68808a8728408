"""train_child: one child from its stored proposal to its stored result, in this process."""

from __future__ import annotations

import math
import socket
import time

from nas_lib.errors import ConfigError
from nas_lib.records import Child, ChildId, ChildResult
from nas_lib.steps import attempts
from nas_lib.steps.datasets import fetch_images, fetch_text
from nas_lib.steps.open_search import Evaluate, OpenSearch
from nas_lib.store import layout


def train_child(search: str | OpenSearch, *, child: str, run: str) -> float:
    """Train a child that has no result, and store it.

    Returns:
        Its reward; 0 where it diverged, ran out of memory, or has used up its attempts.

    Raises:
        NasError: The child is not to blame.
        Exception: Whatever else went wrong; `fail_attempt` notes it, and the child may be tried
            again until its attempts are used up.
    """
    search = OpenSearch.of(search)
    store = search.store
    result = store.find(ChildResult, layout.child_result(child))
    if result is None:
        max_attempts = search.config.children.max_attempts
        result = attempts.begin_attempt(store, child, run, max_attempts=max_attempts) or _judge(
            search, child, run
        )
        result = store.settle(layout.child_result(child), result)
        if result.status == "missing":  # the round went on without this child
            store.objects.delete(layout.child_weights(child))
    store.delete_below(layout.checkpoints_folder(child))
    return result.reward


def fail_attempt(search: str | OpenSearch, *, child: str, message: str, details: str = "") -> None:
    """Note that the child's newest attempt failed, and where (`details`: a traceback)."""
    attempts.fail_attempt(OpenSearch.of(search).store, child, message, details)


def stop_attempt(search: str | OpenSearch, *, child: str) -> None:
    """Note that the child's newest attempt was stopped with its engine: it does not count."""
    attempts.stop_attempt(OpenSearch.of(search).store, child)


def end_out_of_memory(search: str | OpenSearch, *, child: str, message: str) -> None:
    """Store as the child's result that it needs more memory than it may have."""
    store = OpenSearch.of(search).store
    where = socket.gethostname()
    result = ChildResult(child, "out_of_memory", 0.0, where=where, message=message)
    store.settle(layout.child_result(child), result)
    store.delete_below(layout.checkpoints_folder(child))


def _judge(search: OpenSearch, child: str, run: str) -> ChildResult:
    proposed = search.store.proposed(child)
    member = proposed.children[ChildId.parse(child).index]
    if search.evaluate is not None:
        return _evaluate(member, search.evaluate)
    return _train(search, member, run)


def _evaluate(member: Child, evaluate: Evaluate) -> ChildResult:
    """Judge a child by the user's own function."""
    started_s = time.monotonic()
    reward = float(evaluate(member.architecture))
    seconds = time.monotonic() - started_s
    where = socket.gethostname()
    if not math.isfinite(reward):
        message = f"the evaluation returned {reward}"
        return ChildResult(
            member.id, "diverged", 0.0, seconds=seconds, where=where, message=message
        )
    if reward < 0:
        raise ConfigError(
            f"the evaluation returned {reward}: a reward is 0 or more, as 0 is what a child that "
            "diverges gets; add a constant"
        )
    return ChildResult(member.id, "ok", reward, score=reward, seconds=seconds, where=where)


def _train(search: OpenSearch, member: Child, run: str) -> ChildResult:
    from nas_lib.training.checkpoints import Checkpoints
    from nas_lib.training.child import train  # loads torch

    data, manifest = (fetch_text if search.config.is_text else fetch_images)(search.store)
    every_s = search.config.children.checkpoint_every_s
    checkpoints = Checkpoints(search.store.objects, member.id, every_s)
    trained = train(
        member,
        search.config.children,
        data,
        manifest,
        checkpoints=checkpoints,
    )
    for problem in checkpoints.problems:
        search.store.note_problem(run=run, step="train_child", message=problem)
    if trained.weights is not None:
        search.store.objects.replace(layout.child_weights(member.id), trained.weights)
    return trained.result
