"""`nas_lib.compare`: controllers beside each other at equal budgets, in one call."""

from __future__ import annotations

import os
from collections.abc import Sequence

from nas_lib import results, steps
from nas_lib.config import SearchConfig
from nas_lib.controllers import build_controller
from nas_lib.engine.entry import search, with_objects
from nas_lib.engine.handle import SearchHandle
from nas_lib.engine.repetitions import Repetition, Subject, default_controllers, repetitions
from nas_lib.errors import ConfigError, one_line
from nas_lib.open_search import OpenSearch
from nas_lib.procedures import Listener
from nas_lib.results import Comparison, SearchView
from nas_lib.spaces import Space
from nas_lib.store import SearchStore
from nas_lib.store.lease import IsAlive
from nas_lib.tasks import Evaluate

Compared = SearchConfig | SearchHandle | str | os.PathLike[str]
"""A document, or a search that exists: opened, or where it lies."""


def compare(
    *searches: Compared,
    against: str | Sequence[str] = (),
    seeds: int = 3,
    store: str | os.PathLike[str] | None = None,
    workers: int | None = None,
    space: Space | None = None,
    evaluate: Evaluate | None = None,
    listener: Listener | None = None,
    is_alive: IsAlive = lambda run: None,
) -> Comparison:
    """Compare controllers at equal budgets, each by several seeds; continue what is stored.

    The searches that this takes are run one after the other, as `nas_lib.search` does; what is
    finished already is not run again. Without `against` nothing is run: searches that exist are
    compared as they are.

    Args:
        searches: Documents, and searches that exist; of these each is the one of its controller
            and seed.
        against: Kinds of controllers to compare theirs with, each by its defaults.
        seeds: How many each controller has: that of the first search, and those that follow it.
        store: Below which new searches lie, as `<controller>/<seed>`; by default the folder
            `runs/<name>-compare`.
        workers: As for `nas_lib.search`.
        space: Likewise.
        evaluate: Likewise.
        listener: Is told how the searches go on, and which of how many each is.
        is_alive: As for `nas_lib.search`.

    Raises:
        NasError: The sentence says what is wrong; what was finished is stored.
    """
    if not searches:
        raise ConfigError("name what to compare: a document, or searches that exist")
    if not against:
        return results.compare([_existing(each, space, evaluate) for each in searches])
    return compare_controllers(
        [_subject(each, space, evaluate) for each in searches],
        against=against,
        seeds=seeds,
        store=store,
        workers=workers,
        space=space,
        evaluate=evaluate,
        listener=listener,
        is_alive=is_alive,
    )


def compare_controllers(
    subjects: Sequence[Subject],
    *,
    against: str | Sequence[str],
    seeds: int,
    store: str | os.PathLike[str] | None,
    workers: int | None,
    space: Space | None = None,
    evaluate: Evaluate | None = None,
    listener: Listener | None = None,
    is_alive: IsAlive = lambda run: None,
) -> Comparison:
    """Run what a comparison of controllers lacks, and compare.

    Of each seed all controllers have their turn, before any has the next one.
    """
    rivals = default_controllers(_kinds(against))
    folder = os.fspath(store or comparison_folder(subjects[0].config))
    planned = repetitions(subjects, rivals, num_seeds=seeds, folder=folder)
    for each in planned:  # before any of them begins
        _require_possible(each, OpenSearch(each.uri, space=space, evaluate=evaluate))
    listener = listener or Listener()
    views: dict[str, SearchView] = {}
    seed_of = [each.config.seed for each in planned]
    for number, each in enumerate(sorted(planned, key=lambda it: seed_of.index(it.config.seed)), 1):
        view = _finished(each, OpenSearch(each.uri, space=space, evaluate=evaluate))
        listener.comparing(each.label, number=number, total=len(planned), is_done=view is not None)
        views[each.uri] = (
            view
            or search(
                each.config,
                store=each.uri,
                workers=workers,
                space=space,
                evaluate=evaluate,
                listener=listener,
                is_alive=is_alive,
            ).view
        )
    first = planned[0].config.chosen(rivals[0]).proposer
    base = [each.config.controller.proposer for each in planned].index(first)
    return results.compare([views[each.uri] for each in planned], base=base)


def comparison_folder(config: SearchConfig) -> str:
    """Return the folder for the searches of a comparison where the user names none."""
    return f"runs/{config.name}-compare"


def _kinds(against: str | Sequence[str]) -> list[str]:
    kinds = against.split(",") if isinstance(against, str) else against
    return [kind.strip() for kind in kinds]


def _existing(each: Compared, space: Space | None, evaluate: Evaluate | None) -> SearchView:
    """Return a search as it is now."""
    if isinstance(each, SearchConfig):
        raise ConfigError(
            f"document {each.name} is no search that exists: name controllers to compare it against"
        )
    return steps.view_search(OpenSearch(_uri(each), space=space, evaluate=evaluate))


def _subject(each: Compared, space: Space | None, evaluate: Evaluate | None) -> Subject:
    if isinstance(each, SearchConfig):
        config = with_objects(each, space, evaluate)
        return Subject(config, source=f"document {config.name}")
    uri = _uri(each)
    return Subject(SearchStore.open(uri).config(), source=one_line(uri), uri=uri)


def _uri(each: SearchHandle | str | os.PathLike[str]) -> str:
    return each.uri if isinstance(each, SearchHandle) else os.fspath(each)


def _require_possible(repetition: Repetition, opened: OpenSearch) -> None:
    """Refuse a controller that cannot propose in the space, and a place of another search."""
    config = repetition.config
    space = config.space.build(opened.given_space)
    build_controller(config.controller, space.decisions(space.max_depth))
    steps.require_same(opened, config)


def _finished(repetition: Repetition, opened: OpenSearch) -> SearchView | None:
    """Return a search that has nothing left to do, None for any other."""
    stored = opened.store.find_search()
    if stored is None or opened.config.search != stored.as_begun(repetition.config).search:
        return None  # it is new, or has another budget now
    view = steps.view_search(opened)
    finals_left = repetition.config.final.follows and not _are_finished(view.finals)
    return view if view.finished and not finals_left else None


def _are_finished(finals: Sequence[SearchView]) -> bool:
    return bool(finals) and all(final.finished for final in finals)
