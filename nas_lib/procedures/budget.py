"""When a replica may begin no other round: the budget is used, or the stop rule holds."""

from __future__ import annotations

from collections.abc import Iterable

from nas_lib.config import RoundsConfig
from nas_lib.open_search import OpenSearch
from nas_lib.procedures.repeats import all_are_judged, progress
from nas_lib.records import ChildRow
from nas_lib.results import Measure


def is_good_enough(rows: Iterable[ChildRow], settings: RoundsConfig, measure: Measure) -> bool:
    """Say whether one of these children meets the stop rule, if there is one."""
    target = settings.stop_at_score
    scores = [row.score for row in rows if row.score is not None]
    if target is None or not scores:
        return False
    return measure.best(scores) == measure.best([*scores, target])


def is_over(
    search: OpenSearch, settings: RoundsConfig, replica: int, number: int, *, explored: int
) -> bool:
    """Say whether a replica's round of this number, which is not proposed, may not be begun.

    Args:
        search: The search.
        settings: Its settings.
        replica: The replica.
        number: Its round.
        explored: How many rounds before it were proposed by the controller.
    """
    if _has_no_more(search, settings, replica, number, explored):
        return True
    return settings.stop_at_score is not None and is_good_enough(
        search.store.best(settings.replicas), settings, search.task.measure
    )


def _has_no_more(
    search: OpenSearch, settings: RoundsConfig, replica: int, number: int, explored: int
) -> bool:
    """Say whether the budget, or the space, holds no other round of a replica."""
    if settings.repeats == "train":
        return explored >= settings.rounds
    if progress(search, replica, number).is_over(settings.share(replica)):
        return True
    return all_are_judged(search, settings, explored)
