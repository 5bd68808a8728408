"""What a stored record must be besides well-formed: that of its key, and at one with itself.

A checksum says that a record is as it was written, not that it was written by us. What else it
must agree with (the space, the controller, the data) is looked at by those who know that.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from nas_lib.errors import one_line
from nas_lib.records import (
    ChildId,
    ChildResult,
    Confirmation,
    EpochMetrics,
    First,
    Learned,
    Proposed,
    Rewarded,
    RunPlan,
    SharedEpoch,
    Speed,
    StepBegun,
    TestReading,
)
from nas_lib.store import layout


def misfit(record: object, key: str) -> str:
    """Say what is wrong with a record that lies under this key; empty if nothing is."""
    check = _CHECKS.get(type(record))
    return next(check(record, key), "") if check else ""


def _proposed(record: Proposed, key: str) -> Iterator[str]:
    yield from _elsewhere(layout.round_state(record.replica, record.round, "proposed"), key)
    if not record.children:
        yield "it has no children"
    for index, child in enumerate(record.children):
        if child.id != str(ChildId(record.replica, record.round, index)):
            yield f"its child {index} is called {one_line(child.id, 40)}"
        yield from _no_first(child.repeat_of, child.id)
        yield from _no_first(child.confirms, child.id)


def _confirmation(record: Confirmation, key: str) -> Iterator[str]:
    if layout.CONFIRMATIONS.number(key) is None:
        yield "it is none of a search's end"
    if record.replica >= len(record.numbers):
        yield f"it has no replica {record.replica}"
    for again in record.children:
        yield from _no_first(again.child, "")


def _first(record: First, key: str) -> Iterator[str]:
    yield from _no_first(record.child, "")


def _rewarded(record: Rewarded, key: str) -> Iterator[str]:
    if not key.startswith(f"{layout.JUDGED}/"):  # it lies there, too
        yield from _elsewhere(layout.round_state(record.replica, record.round, "rewarded"), key)
    for index, row in enumerate(record.rows):
        if row.id != str(ChildId(record.replica, record.round, index)):
            yield f"its child {index} is called {one_line(row.id, 40)}"
        yield from _no_first(row.repeat_of, row.id)
        yield from _no_first(row.confirms, row.id)
    for row in record.best:
        which = ChildId.parse(row.id) if ChildId.matches(row.id) else None
        if not which or which.replica != record.replica or which.round > record.round:
            yield f"{one_line(row.id, 40)} cannot be among its best children"


def _learned(record: Learned, key: str) -> Iterator[str]:
    yield from _elsewhere(layout.round_state(record.replica, record.round, "learned"), key)
    if len(record.versions) != len(record.staleness):
        yield f"it has {len(record.versions)} versions and staleness of {len(record.staleness)}"


def _result(record: ChildResult, key: str) -> Iterator[str]:
    yield from _not_of_child(record.id, layout.child_result, key)
    yield from epochs_misfit(record.epochs)
    yield from _no_first(record.repeat_of, record.id)
    if record.best_epoch is not None and not 1 <= record.best_epoch <= len(record.epochs):
        yield f"its best epoch is {record.best_epoch} of {len(record.epochs)}"


def _reading(record: TestReading, key: str) -> Iterator[str]:
    yield from _not_of_child(record.child, layout.child_test, key)


def _speed(record: Speed, key: str) -> Iterator[str]:
    yield from _not_of_child(record.child, layout.child_speed, key)


def _shared_epoch(record: SharedEpoch, key: str) -> Iterator[str]:
    if key.startswith(layout.SHARED_EPOCHS.folder):  # it lies in checkpoints, too
        yield from _elsewhere(layout.shared_epoch(record.epoch), key)


def _run_plan(record: RunPlan, key: str) -> Iterator[str]:
    yield from _elsewhere(layout.run_plan(record.run), key)


def _begun(record: StepBegun, key: str) -> Iterator[str]:
    if record.subject and not any(map(ChildId.matches, (record.subject, f"{record.subject}-00"))):
        yield f"{one_line(record.subject, 40)} is no child and no round"
    if not key.startswith(layout.begun(record.run, record.step, 1).removesuffix("-1.json")):
        yield f"it is of the step {one_line(record.step, 40)} of run {one_line(record.run, 40)}"


def epochs_misfit(epochs: Sequence[EpochMetrics]) -> Iterator[str]:
    """Yield what is wrong with the numbers of a child's epochs, which count from 1."""
    for number, metrics in enumerate(epochs, start=1):
        if metrics.epoch != number:
            yield f"its epoch {number} has the number {metrics.epoch}"


def _no_first(first: str | None, child: str) -> Iterator[str]:
    """Yield why this child cannot be the first of an architecture that the other one repeats."""
    if first is not None and (not ChildId.matches(first) or first == child):
        yield f"{one_line(first, 40)} is no child that could be repeated"


def _elsewhere(right: str, key: str) -> Iterator[str]:
    if right != key:
        yield f"it is {right}"


def _not_of_child(child: str, key_of: Callable[[str], str], key: str) -> Iterator[str]:
    if not ChildId.matches(child) or key_of(child) != key:
        yield f"it is of child {one_line(child, 40)}"


_CHECKS: dict[type, Callable[[Any, str], Iterator[str]]] = {
    Proposed: _proposed,
    Confirmation: _confirmation,
    First: _first,
    Rewarded: _rewarded,
    Learned: _learned,
    ChildResult: _result,
    TestReading: _reading,
    Speed: _speed,
    SharedEpoch: _shared_epoch,
    RunPlan: _run_plan,
    StepBegun: _begun,
}
