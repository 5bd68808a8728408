"""What `nas search` begins or goes on with: a document, a search that is stored, or data."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import click

from nas_lib.cli.configuring import load, load_stored, propose, refuse_for_data_only
from nas_lib.errors import ConfigError, one_line

if TYPE_CHECKING:
    from nas_lib.config import SearchConfig


class Beginning(NamedTuple):
    """What is searched for, and where its state lies; None for the usual place."""

    settings: SearchConfig
    store: str | None


def beginning(
    what: str | None,
    store: str | None,
    hours: float | None,
    format_name: str | None,
    overrides: tuple[str, ...],
) -> Beginning:
    """Return what a search begins or goes on with.

    Args:
        what: A preset's name, a YAML file, where a search lies, or data.
        store: Where the state is to lie, or does.
        hours: How long a search of data may take.
        format_name: Which format they are of.
        overrides: Settings to change.

    Raises:
        NasError: There is no such thing, or it is not what it should be.
    """
    if what is not None and is_data_path(what):
        return _of_data(what, store, hours, format_name, overrides)
    refuse_for_data_only(hours, format_name)
    if what is None:
        if store is None:
            message = "name a CONFIG to search, or the --store of a search to go on with"
            raise click.UsageError(message)
        return Beginning(load_stored(store, overrides), store)
    if is_search(what):
        if store is not None:
            raise ConfigError(
                f"{one_line(what)} is a search, whose state lies there: leave out --store"
            )
        return Beginning(load_stored(what, overrides), what)
    _warn_of_folder(what)
    return Beginning(load(what, overrides), store)


def is_data_path(what: str) -> bool:
    """Say whether it is a path of data: no preset's name, no document, and no search.

    In a bucket all but a search is.
    """
    from nas_lib.presets import PRESETS

    if not what or what in PRESETS or is_search(what):
        return False
    if "://" in what:
        from nas_lib import buckets

        return buckets.is_in_bucket(what)
    from nas_lib.starting_documents import is_data

    return is_data(what)


def is_search(what: str) -> bool:
    """Say whether a search lies there."""
    from nas_lib.presets import PRESETS
    from nas_lib.store import SearchStore

    if "://" in what:
        return SearchStore.open(what).find_search() is not None
    if what in PRESETS or not Path(what).is_dir():
        return False
    return SearchStore.open(what).find_search() is not None


def _warn_of_folder(what: str) -> None:
    """Say that a preset is meant where there is a folder of that name, too."""
    if Path(what).is_dir():
        click.echo(
            f"{what} is the preset of that name: the folder here is meant by "
            f"`nas search {shlex.quote(f'./{what}')}`",
            err=True,
        )


def _of_data(
    path: str,
    store: str | None,
    hours: float | None,
    format_name: str | None,
    overrides: tuple[str, ...],
) -> Beginning:
    """Return the search of these data that was begun before, or else a new one."""
    from nas_lib.starting_documents import begun_on, is_on
    from nas_lib.store import SearchStore, layout

    begun = begun_on(path) if store is None else store
    stored = None if begun is None else SearchStore.open(begun).find_search()
    if begun is not None and stored is not None:
        if not is_on(stored.config, path):
            raise ConfigError(f"{one_line(begun)} holds a search of other data: name another place")
        as_was = "" if hours is None else ", for as long as it was begun for"
        click.echo(f"going on with {one_line(begun)}, a search of these data{as_was}", err=True)
        return Beginning(load_stored(begun, overrides), begun)
    document = propose(path, hours, format_name, overrides)
    place = store or f"runs/{document.config.name}"
    for fact in document.facts:
        click.echo(fact, err=True)
    SearchStore.open(place).objects.replace(layout.DOCUMENT, document.yaml().encode())
    said = f"{place}/{layout.DOCUMENT}"
    click.echo(f"the whole document, with reasons: {one_line(said)}", err=True)
    return Beginning(document.config, place)
