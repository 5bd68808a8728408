"""What pods have begun: a note for each step, deleted at its end.

A pod that is killed, or that cannot reach the store any more, notes nothing; but its note stays,
and says who it was and what it worked on.
"""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Sequence

from nas_lib.procedures import procedure_of
from nas_lib.records import ChildId, ChildResult, Learned, Proposed, Rewarded, StepBegun
from nas_lib.store import SearchStore, layout

_IS_DONE: dict[str, tuple[type, layout.State]] = {
    "sample_architectures": (Proposed, "proposed"),
    "train_as_jobs": (Rewarded, "rewarded"),
    "train_children": (Rewarded, "rewarded"),
    "aggregate_rewards": (Rewarded, "rewarded"),
    "update_controller": (Learned, "learned"),
}
"""What shows that a step need not be done any more, of those that work on a round."""


def subject_of(
    store: SearchStore, *, step: str, replica: int | None, children: Sequence[str]
) -> str:
    """Return what a step works on: a child, or the round of these, or a replica's open one."""
    if children:
        return children[0].rpartition("-")[0] if step in _IS_DONE else children[0]
    if replica is None:
        return ""
    closed_by = procedure_of(store.config()).round_ends_with
    return _round_name(replica, store.open_round(replica, closed_by=closed_by))


def subject_text(subject: str) -> str:
    """Return it as people read it: rounds are counted from 1, and named as their children are."""
    if not subject or ChildId.matches(subject):
        return subject
    replica, number = _round_of(subject)
    return round_text(replica, number)


def round_text(replica: int, number: int) -> str:
    """Return what people call a round, counted from 1, and how its children's ids begin."""
    return f"round {number + 1} ({_round_name(replica, number)})"


def begin_step(store: SearchStore, *, run: str, step: str, subject: str) -> str:
    """Note that a pod begins a step; return what `end_step` needs."""
    pod = os.environ.get("KFP_POD_NAME") or socket.gethostname()  # which is cut at 63 letters
    begun = StepBegun(run, step, subject, pod, created_s=time.time())
    work = ".".join(filter(None, (step, subject)))
    return store.add_note(lambda number: layout.begun(run, work, number), begun)


def end_step(store: SearchStore, begun: str) -> None:
    """Take back that the step was begun: it has come to its end."""
    store.objects.delete(begun)


def begun_steps(store: SearchStore, run: str) -> list[StepBegun]:
    """Return the steps of a run that pods began and did not end, in order of time."""
    keys = list(filter(layout.is_begun, store.objects.keys(layout.begun_folder(run))))
    found = store.each(lambda key: store.find(StepBegun, key), keys)
    return sorted((each for each in found if each), key=lambda begun: begun.created_s)


def is_done(store: SearchStore, begun: StepBegun) -> bool:
    """Say whether what the step was to do is done by now, by whomever."""
    if ChildId.matches(begun.subject):
        return store.find(ChildResult, layout.child_result(begun.subject)) is not None
    if not begun.subject or begun.step not in _IS_DONE:
        return False
    kind, state = _IS_DONE[begun.step]
    key = layout.round_state(*_round_of(begun.subject), state)
    return store.find(kind, key) is not None


def _round_name(replica: int, number: int) -> str:
    return str(ChildId(replica, number, 0)).rpartition("-")[0]


def _round_of(subject: str) -> tuple[int, int]:
    which = ChildId.parse(f"{subject}-00")
    return which.replica, which.round
