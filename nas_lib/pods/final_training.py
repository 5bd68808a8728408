"""A search's final training in pods: how it begins, and how its winner is handed on."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from nas_lib import steps
from nas_lib.errors import ConfigError, NasError
from nas_lib.models.stored import StoredModel
from nas_lib.open_search import OpenSearch
from nas_lib.pods.log import say
from nas_lib.pods.notes import note_plan, tell
from nas_lib.pods.telling import tell_round
from nas_lib.procedures import procedure_of
from nas_lib.procedures.final import REPLICA
from nas_lib.records import RunPlan
from nas_lib.report.succession import succession_line
from nas_lib.steps import RoundSummary
from nas_lib.store import SearchStore, layout, lease
from nas_lib.store.lease import IsAlive
from nas_lib.tracking import closing_of

_SPARE = 1  # rounds that a run may do for what gets lost in the others


def train_best(
    search: OpenSearch,
    *,
    run: str,
    is_alive: IsAlive = lambda run: None,
    end_schedule: Callable[[str], str | None] = lambda run: None,
) -> list[str]:
    """Make the final training that follows a finished search, and take its lease.

    Args:
        search: The search.
        run: This run.
        is_alive: Is asked about a run that has the final training; see `lease.take`.
        end_schedule: Is called where there is nothing to do any more; see `plan_rounds`.

    Returns:
        For each round that this may take, and for a spare one, the URI of the final training that
        it is of; empty where there is nothing to do.
    """
    if not search.config.final.follows or not _is_finished(search):
        return []
    finals = steps.opened_finals(search)
    # those of known networks come first: what is exported in the end may then name them
    plans = {each.uri: _plan(search, each, run, is_alive) for each in reversed(finals)}
    rounds = [uri for uri, plan in plans.items() for _ in plan.ticks]
    holders = [plan.holder for plan in plans.values() if plan.holder]
    is_handed_on = _is_exported(search, finals[0]) and steps.is_settled(search)
    if not rounds and not holders and not is_handed_on:
        rounds = [finals[0].uri]  # of which nothing is left but that
    for holder in holders:
        tell(search, run, "train_best", f"{holder} does the final training: nothing is done here")
    if not rounds and not holders and steps.find_fresh(search) is None:
        tell(search, run, "train_best", end_schedule(run))
    return rounds + rounds[-1:] * _SPARE


def _is_finished(search: OpenSearch) -> bool:
    """Say whether no replica of a search has anything more to do."""
    procedure, replicas = procedure_of(search.config), range(search.config.search.replicas)
    return all(procedure.is_finished(search, replica) for replica in replicas)


def _plan(search: OpenSearch, final: OpenSearch, run: str, is_alive: IsAlive) -> steps.Plan:
    plan = steps.plan_rounds(final, replica=REPLICA, run=run, is_alive=is_alive, say=say)
    if plan.ticks:
        note_plan(final, REPLICA, run, len(plan.ticks))
    return plan


def _is_exported(search: OpenSearch, final: OpenSearch) -> bool:
    model = layout.model_folder(layout.winners_model(layout.final_key(final.uri)))
    return StoredModel.find(search.store.objects, model) is not None


def round_to_learn_from(search: OpenSearch, summary: RoundSummary) -> int:
    """Return a round's number; -1 where it was the last of a final training that has a winner.

    That is one number, as `kfp.local` finds no condition on one of several. A tracking server is
    told of the round first.
    """
    if summary.rewarded is not None:
        tell_round(search, summary.replica, run=summary.rewarded.run)
    key = layout.final_key(search.uri)
    if not key or summary.rewarded is None:
        return summary.round
    trainings = SearchStore.open(layout.around(search.uri)).finals()
    has_winner = any(each.key == key and not each.is_of_references for each in trainings)
    is_over = procedure_of(search.config).is_finished(search, REPLICA)
    return -1 if has_winner and is_over else summary.round


def export_model(search: OpenSearch, *, run: str, folder: str) -> StoredModel:
    """Read the test of the final training's winner, export it, and copy it into a folder.

    Of a search on fresh data, it takes the place of the model in use where it is better on these.

    Raises:
        ConfigError: There is no winner yet.
    """
    for final in search.finals():
        if procedure_of(final.config).is_finished(final, REPLICA):
            steps.write_report(final, run=run)
    info = steps.export_model(search, run=run)
    if info is None:
        raise ConfigError(f"{search.uri} has no final training that is finished: nothing to export")
    stored = StoredModel.find(search.store.objects, layout.model_folder(info.id))
    assert stored is not None
    stored.copy_to(Path(folder))
    say(f"{info!r} lies in {stored.uri}")
    succession = steps.settle_succession(search)
    if succession is not None:
        say(succession_line(succession, search.task.measure))
    return stored


def close_finals(search: OpenSearch, *, run: str) -> None:
    """Let go of the final trainings that a run worked on, report on each, and note what failed.

    Or that none was begun, where one was to follow.
    """
    finals, plan = search.finals(), layout.run_plan(run)
    mine = [final for final in finals if final.store.find(RunPlan, plan) is not None]
    for final in mine:
        try:
            _close(search, final, run)
        except NasError as err:  # which is no reason to have no report on the search
            search.store.note_problem(run=run, step="write_report", message=str(err))
    if not mine:
        _note_if_not_begun(search, run)


def _close(search: OpenSearch, final: OpenSearch, run: str) -> None:
    steps.note_what_is_missing(final, replica=REPLICA, run=run, but="write_report")
    lease.release(final.store, REPLICA, run)
    known = {problem.message for problem in search.store.problems() if problem.run == run}
    for problem in final.store.problems():
        message = f"in final training {layout.final_key(final.uri)}: {problem.message}"
        if problem.run == run and message not in known:
            search.store.note_problem(run=run, step=problem.step, message=message)
    tell_round(final, REPLICA, closing_of(steps.write_report(final, run=run)), run=run)


def _note_if_not_begun(search: OpenSearch, run: str) -> None:
    """Note that no final training was begun where one should be, unless its step says why."""
    if not search.config.final.follows or not _is_finished(search):
        return
    said = {problem.step for problem in search.store.problems() if problem.run == run}
    finals = search.finals()
    done = finals and all(procedure_of(each.config).is_finished(each, REPLICA) for each in finals)
    if not done and "train_best" not in said:
        search.store.note_problem(
            run=run,
            step="train_best",
            message="the search is finished, and its final training was not begun: another task of "
            "this run failed before, or its pod never started; another run begins it",
        )
