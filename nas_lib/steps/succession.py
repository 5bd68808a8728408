"""Whether the model of a search on fresh data takes the place of the one in use.

What counts is what was settled first: a verdict in the search, a row of models in use at the
address that all such searches lie below. The model's files there follow from the row, and are
written before the verdict is settled: where a step was stopped on the way, the next one does it.
"""

from __future__ import annotations

import time
from dataclasses import replace
from statistics import fmean
from typing import TYPE_CHECKING, NamedTuple

from nas_lib.models.stored import StoredModel
from nas_lib.open_search import OpenSearch
from nas_lib.procedures import procedure_of
from nas_lib.procedures.final import REPLICA
from nas_lib.results.final import Outcome, outcome
from nas_lib.results.ranking import score_of
from nas_lib.results.succession import InUse, Succession
from nas_lib.steps.fresh import find_fresh, place_of
from nas_lib.steps.reporting import view_search
from nas_lib.store import SearchStore, layout
from nas_lib.store.open import open_store

if TYPE_CHECKING:
    from torch import Tensor

    from nas_lib.export.new_data import NewData


def settle_succession(search: OpenSearch) -> Succession | None:
    """Put a search's model in the place of the one in use, if it is better on the new data.

    Returns:
        What was settled, now or before; None where the search is none on fresh data, or has not
        come to its end.
    """
    if find_fresh(search) is None:
        return None
    settled = search.store.find(Succession, layout.SUCCESSION)
    if settled is None and (found := _found(search)) is not None:
        settled = _settled(search, found)
    return settled


def is_settled(search: OpenSearch) -> bool:
    """Say whether nothing is left to be settled: a verdict is there, or none is wanted."""
    if find_fresh(search) is None:
        return True
    return search.store.find(Succession, layout.SUCCESSION) is not None


def _found(search: OpenSearch) -> Outcome | None:
    """Return what the search's own final training came to, None as long as it is not finished."""
    for final in reversed(search.finals()):
        view = view_search(final)
        if not view.is_of_references and procedure_of(final.config).is_finished(final, REPLICA):
            return outcome(view)
    return None


def _settled(search: OpenSearch, found: Outcome) -> Succession | None:
    """Settle the verdict, once its model is in use; None as long as what won was not exported."""
    if found.winner is None:
        none = Succession("no_model", "", time.time())
        return search.store.settle(layout.SUCCESSION, none)
    model = layout.winners_model(layout.final_key(found.view.uri))
    if StoredModel.find(search.store.objects, layout.model_folder(model)) is None:
        return None
    base, name = place_of(search.uri)
    verdict = _agreed(search, base, name, found, model)
    _put_in_use(base)
    return search.store.settle(layout.SUCCESSION, verdict)


def _agreed(
    search: OpenSearch, base: SearchStore, name: str, found: Outcome, model: str
) -> Succession:
    """Return the verdict by the model that is in use when that is noted, if it replaces it."""
    while True:
        number = _put_in_use(base)
        before = base.read(InUse, layout.IN_USE.key(number)) if number else None
        if before is not None and before.search == name:  # this was stopped a moment later
            return before.verdict
        verdict = _verdict(search, base, found, model, before)
        if not verdict.replaces:
            return verdict
        wanted = InUse(name, verdict)
        if base.settle(layout.IN_USE.key(number + 1), wanted) == wanted:
            return verdict  # else another one's is in use by now


def _put_in_use(base: SearchStore) -> int:
    """Put the model that is in use where it is looked for; return which it is, 0 where none is."""
    from nas_lib.export.stable import put_in_use

    number = 0
    while (newest := base.newest(layout.IN_USE) or 0) > number:
        is_late, number = number > 0, newest  # what was put meanwhile may lie over the newest
        in_use = base.read(InUse, layout.IN_USE.key(number))
        objects = open_store(f"{base.objects.uri}/{in_use.search}")
        model = StoredModel.find(objects, layout.model_folder(in_use.verdict.model))
        if model is not None:  # else its search was deleted, and what lies there is what there is
            put_in_use(base.objects, model, version=number, anew=is_late)
    return number


def _verdict(
    search: OpenSearch, base: SearchStore, found: Outcome, model: str, before: InUse | None
) -> Succession:
    """Compare a search's network with the model in use, if there is one."""
    from nas_lib.export.new_data import NewData
    from nas_lib.export.stable import model_in_use

    now_s, in_use = time.time(), model_in_use(base.objects)
    if before is None or in_use is None:
        return Succession("first", model, now_s)
    data = NewData(search)
    verdict = Succession(
        "unreadable",
        model,
        now_s,
        other=before.search,
        other_model=before.verdict.model,
        new_classes=data.new_classes(in_use.info),
        gone_classes=data.gone_classes(in_use.info),
    )
    if data.misfit(in_use.info):
        return verdict
    compared = _compared(data, search.beside(f"{base.objects.uri}/{before.search}"), in_use)
    verdict = replace(
        verdict, reason="too_few", num_examples=len(compared.rows), num_learned=compared.num_learned
    )
    if not compared.scores:
        return verdict
    scores = _scores(found, data, compared.rows)
    is_better = search.task.measure.is_better(fmean(scores), fmean(compared.scores))
    return replace(
        verdict,
        reason="better" if is_better else "not_better",
        scores=scores,
        other_scores=compared.scores,
        is_by_seeds=compared.is_by_seeds,
    )


class _Compared(NamedTuple):
    """What a model in use comes to on images that it has not learned.

    Attributes:
        rows: The images.
        scores: What it comes to; empty where they are too few.
        num_learned: How many others there are, None where nobody knows.
        is_by_seeds: Whether its network's seeds stand for it.
    """

    rows: Tensor
    scores: tuple[float, ...]
    num_learned: int | None
    is_by_seeds: bool = False


def _compared(data: NewData, other: OpenSearch, in_use: StoredModel) -> _Compared:
    """Return what the model in use comes to on new images that it has not learned.

    Args:
        data: The new images.
        other: The search whose model it is; it may have been deleted.
        in_use: The model.
    """
    is_there = other.store.find_search() is not None
    includes = in_use.info.training.includes_validation
    rows = data.unknown_to(other, with_validation=includes) if is_there else None
    if rows is None:
        every = data.every()
        return _Compared(every, (data.score_of_model(in_use, every),), None)
    if not data.is_enough(rows) and includes:
        by_seeds = _compared_by_seeds(data, other)
        if by_seeds is not None:
            return by_seeds
    scores = (data.score_of_model(in_use, rows),) if data.is_enough(rows) else ()
    return _Compared(rows, scores, len(data) - len(rows))


def _compared_by_seeds(data: NewData, other: OpenSearch) -> _Compared | None:
    """Let the seeds of its network stand for a model that has learned the validation data, too.

    Where these are the same for all searches, there is nothing else to compare it on.
    """
    found, rows = _found(other), data.unknown_to(other, with_validation=False)
    if found is None or rows is None or not data.is_enough(rows):
        return None
    scores = _scores(found, data, rows)
    return _Compared(rows, scores, len(data) - len(rows), is_by_seeds=True) if scores else None


def _scores(found: Outcome, data: NewData, rows: Tensor) -> tuple[float, ...]:
    """Return what each seed of a final training's winner comes to on these images."""
    assert found.winner is not None
    final = OpenSearch(found.view.uri)
    children = [row.id for row in found.winner.rows if score_of(row) is not None]
    return tuple(data.score_of_child(final, child, rows) for child in children)
