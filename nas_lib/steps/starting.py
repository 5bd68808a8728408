"""Known architectures that a search begins with: those of its document, and of another search."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import NamedTuple

from nas_lib.architecture import Architecture
from nas_lib.config import RoundsConfig, SearchConfig, StartConfig
from nas_lib.errors import ArchitectureError, ConfigError, one_line
from nas_lib.open_search import OpenSearch
from nas_lib.procedures.starts import as_of, rounds_of
from nas_lib.records import Start
from nas_lib.spaces import Space
from nas_lib.spaces.published import PUBLISHED, find_published, published_in
from nas_lib.steps.reporting import view_search
from nas_lib.store import layout


class _Named(NamedTuple):
    """An architecture as it was named, and what it is called in an error."""

    architecture: Architecture
    called: str


def missing_start(search: OpenSearch, config: SearchConfig) -> Start | None:
    """Return what is to be stored of known architectures; None if that is done, or there are none.

    Another search is read here and never again: it may go on, or be deleted.

    Raises:
        ConfigError: There is no such search, it has found nothing, one of the architectures is none
            of the space, or the budget does not hold them.
    """
    settings = config.search
    if not isinstance(settings, RoundsConfig) or settings.start_from is None:
        return None
    if search.store.find(Start, layout.START) is not None:
        return None
    space = config.space.build(search.given_space)
    named = [*_listed(settings.start_from), *_best(search, settings.start_from)]
    found = _checked(space, named, kind=config.space.kind)
    return Start(rounds_of(space, settings, found), created_s=time.time())


def _listed(start: StartConfig) -> Iterator[_Named]:
    for number, text in enumerate(start.architectures, start=1):
        yield _Named(Architecture("", (), text), f"number {number}")


def _best(search: OpenSearch, start: StartConfig) -> Iterator[_Named]:
    """Yield the best networks of the search that is named, if one is."""
    if start.search is None:
        return
    if find_published(start.search) is not None:
        yield _Named(Architecture("", (), start.search), start.search)
        return
    other = search.beside(start.search)
    if other.store.find_search() is None:
        known = ", ".join(sorted(PUBLISHED))
        raise ConfigError(
            f"search.start_from: there is no search at {other.uri}, nor are published cells called "
            f"{one_line(start.search)}: known are {known}"
        )
    try:
        standings = view_search(other).standings
    except ConfigError as err:
        raise ConfigError(
            f"search.start_from: the search at {other.uri} cannot be read: {err}"
        ) from err
    best: dict[str, _Named] = {}
    for row in (each.row for each in standings):
        if row.status == "ok":
            called = f"{row.id} of {other.uri}"
            best.setdefault(row.architecture.id, _Named(row.architecture, called))
    if not best:
        raise ConfigError(f"search.start_from: the search at {other.uri} has no network yet")
    yield from islice(best.values(), start.best)


def _checked(space: Space, named: Sequence[_Named], *, kind: str) -> list[Architecture]:
    """Return the architectures, each once, with the tokens of the space."""
    found: dict[str, Architecture] = {}
    wrong: list[str] = []
    for each in named:
        try:
            architecture = as_of(space, _meant(space, each.architecture))
            found.setdefault(architecture.id, architecture)
        except (ArchitectureError, ConfigError) as err:
            wrong.append(f"{each.called}: {err}")
    if wrong:
        raise ConfigError(
            f"search.start_from: {len(wrong):,} of {len(named):,} architectures are none of this "
            f"space (space.kind {kind}), first {wrong[0]}"
        )
    return list(found.values())


def _meant(space: Space, given: Architecture) -> Architecture:
    """Return an architecture as it was given, or the published one that its text names.

    Raises:
        ArchitectureError: That one is none of the space.
    """
    published = find_published(given.config)
    return given if published is None else published_in(space, published)
