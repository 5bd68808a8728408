"""Why a run failed, where no step could say so: what it planned, against what the store has.

A pod that was killed, never started or could not reach the store notes nothing. The last task of
a run finds that out, and notes it in its place.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from nas_lib.errors import one_line
from nas_lib.open_search import OpenSearch
from nas_lib.procedures import procedure_of
from nas_lib.procedures.procedure import Procedure
from nas_lib.procedures.proposals import find_round
from nas_lib.records import ChildResult, Problem, Proposed, Rewarded, RunPlan, StepBegun
from nas_lib.steps.attempts import last_words
from nas_lib.steps.begun import begun_steps, is_done, round_text, subject_text
from nas_lib.store import SearchStore, layout

_MOST_NAMED = 5  # children of a round; the others are counted
_FIRST_STEPS = ("prepare_data", "plan_rounds")
_UP_TO_PLAN = {*_FIRST_STEPS, "transfer_cells"}

Finding = tuple[str, str]
"""A step, and what became of it in one sentence."""


def note_what_is_missing(search: OpenSearch, *, replica: int, run: str, but: str) -> None:
    """Note what this run left undone without a word, once all its steps have ended.

    Args:
        search: The search; there may be none yet.
        replica: The controller replica that the run works on.
        run: The run.
        but: The step that asks, which has begun and not ended.
    """
    store = search.store
    noted = [problem for problem in store.problems() if problem.run == run]
    silent = [begun for begun in begun_steps(store, run) if begun.step != but]
    found = [*(_silence(store, begun) for begun in silent), *_undone(search, run, noted, silent)]
    known = {(problem.step, problem.message) for problem in noted}
    for step, message in found:
        if (step, one_line(message)) not in known:  # else this task was tried before
            store.note_problem(run=run, step=step, message=message)


def _silence(store: SearchStore, begun: StepBegun) -> Finding:
    """Return what is to be said of a step whose pod ended without a word."""
    whose = f"{subject_text(begun.subject)}: its" if begun.subject else "its"
    good = "; what it was to do is done by now" if is_done(store, begun) else ""
    return begun.step, (
        f"{whose} pod {begun.pod} ended without a word: it was deleted or lost, was killed for "
        f"want of memory, or could not reach the store any more{good}"
    )


def _undone(
    search: OpenSearch, run: str, noted: Sequence[Problem], silent: Sequence[StepBegun]
) -> Iterator[Finding]:
    """Yield what the run planned and did not do, or that it planned nothing."""
    plan = search.store.find(RunPlan, layout.run_plan(run))
    if plan is not None:
        yield from _behind(search, plan)
    elif not _UP_TO_PLAN & (_steps(noted) | _steps(silent)):
        step = _FIRST_STEPS[search.store.find_search() is not None]
        yield step, "its pod never started, or could not reach the store: nothing was planned"


def _steps(notes: Sequence[Problem] | Sequence[StepBegun]) -> set[str]:
    return {note.step for note in notes}


def _behind(search: OpenSearch, plan: RunPlan) -> Iterator[Finding]:
    procedure = procedure_of(search.config)
    if procedure.is_finished(search, plan.replica) or not procedure.is_behind(search, plan):
        return
    num_done = procedure.num_done(search, plan.replica) - plan.num_done
    step, where = _standing(search, procedure, plan.replica)
    did = f"the run did {num_done} of {plan.num_ticks} planned {procedure.unit}s"
    yield step, f"{did if num_done < plan.num_ticks else 'the search did not end'}: {where}"


def _standing(search: OpenSearch, procedure: Procedure[Any], replica: int) -> Finding:
    """Return the step at which a replica stands that is not finished, and what is missing."""
    number = search.store.open_round(replica, closed_by=procedure.round_ends_with)
    proposed = find_round(search, replica, number)
    if proposed is None:
        step = procedure.first_step(search)
        return step, _NOT_PROPOSED.get(step, f"{round_text(replica, number)} is not proposed")
    if search.store.find(Rewarded, layout.round_state(replica, number, "rewarded")) is not None:
        return "update_controller", f"nothing is learned from {round_text(replica, number)}"
    return _unrewarded(search.store, proposed)


_NOT_PROPOSED = {
    "train_shared_weights": "training of shared weights did not go on",
    "derive_architectures": "all epochs are trained, and no architecture is derived",
}


def _unrewarded(store: SearchStore, proposed: Proposed) -> Finding:
    """Return what is missing of a round whose results are not collected."""
    which = round_text(proposed.replica, proposed.round)
    new = [child.id for child in proposed.children if child.repeat_of is None]
    results = store.each(lambda child: store.find(ChildResult, layout.child_result(child)), new)
    waiting = [child for child, result in zip(new, results, strict=True) if result is None]
    if not waiting:
        return "aggregate_rewards", f"{which} has all results, which were not collected"
    named = waiting[:_MOST_NAMED]
    words = store.each(lambda child: f"{child} ({last_words(store, child)})", named)
    others = len(waiting) - len(named)
    more = [f"{others} more"] if others else []
    return "train_child", f"{which} has no result of {', '.join([*words, *more])}"
