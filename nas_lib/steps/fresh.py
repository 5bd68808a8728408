"""Searches one after the other on data that change: how one begins.

All lie below one address, each by the time at which it was begun. A search begins with the best
architectures of the newest one before that is finished.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

from nas_lib.config import RoundsConfig, SearchConfig, StartConfig
from nas_lib.config_file import differences
from nas_lib.errors import ConfigError, CorruptStateError, NasError, one_line
from nas_lib.open_search import OpenSearch
from nas_lib.procedures import procedure_of
from nas_lib.results.succession import Begun, FreshStart, Succession
from nas_lib.steps.starting import missing_start
from nas_lib.store import SearchStore, layout

Warn = Callable[[str], None]
_TAKEN = (layout.STABLE, layout.BEGUN.folder, layout.IN_USE.folder)


def check_fresh(config: SearchConfig) -> None:
    """Refuse settings of searches whose models cannot follow one another.

    Raises:
        ConfigError: They are such.
    """
    if not isinstance(config.search, RoundsConfig):
        raise ConfigError(
            "a search on fresh data begins with the best of the one before, for which search.kind "
            f"should be rounds, got {config.search.kind}"
        )
    if config.children.task != "images":
        raise ConfigError(
            "searches on fresh data compare their models on new images, for which task.kind should "
            "be images, and children be trained on them; got "
            + (config.children.task or "children.evaluate")
        )


def as_fresh(config: SearchConfig) -> SearchConfig:
    """Return settings by which a search hands a model on: a final training follows it.

    Raises:
        ConfigError: There can be no such search.
    """
    check_fresh(config)
    final = config.final.model_copy(update={"follows": True})
    return config.model_copy(update={"final": final})


def find_fresh(search: OpenSearch) -> FreshStart | None:
    """Return what a search begins with that is one of several on data that change; else None."""
    return search.store.find(FreshStart, layout.FRESH)


def begin_fresh(
    search: OpenSearch, config: SearchConfig, *, warn: Warn = lambda _: None
) -> SearchConfig:
    """Note that a search is one of several on data that change; return the settings it has as such.

    Args:
        search: The search; what its address ends with is its name among the others.
        config: What the user wants.
        warn: Is told why the search begins without the best of the one before, where it does.

    Raises:
        ConfigError: There can be no such search, or not in this place.
    """
    config = as_fresh(config)
    base, name = place_of(search.uri)
    fresh = find_fresh(search)
    if fresh is None:
        if search.store.find_search() is not None:
            raise ConfigError(
                f"the search at {search.uri} is none on fresh data: name a place where none is"
            )
        base.require_create_only()
        start = _start(search, base, name, config, warn)
        fresh = search.store.settle(layout.FRESH, FreshStart(start, created_s=time.time()))
    if search.store.find_search() is None:  # twice where this was stopped, which does no harm
        base.append(layout.BEGUN, Begun(name, created_s=time.time()))
    return _beginning_with(config, base, fresh.begins_with)


def next_search(base_uri: str, config: SearchConfig) -> str:
    """Return where the next search lies: one that was interrupted, or a new one.

    Args:
        base_uri: The address that the searches lie below.
        config: What the user wants: one that was begun with other settings is left as it is.

    Raises:
        ConfigError: There can be no such search, or not in this place.
    """
    now = datetime.now(UTC)
    base, _ = place_of(f"{base_uri.rstrip('/')}/{now:{layout.TIME}}")
    newest = next(_newest_first(base), "")
    if newest and _goes_on(f"{base.objects.uri}/{newest}", base, as_fresh(config)):
        return f"{base.objects.uri}/{newest}"
    while find_fresh(OpenSearch(uri := f"{base.objects.uri}/{now:{layout.TIME}}")) is not None:
        now += timedelta(seconds=1)  # one was begun in the same second
    return uri


def place_of(uri: str) -> tuple[SearchStore, str]:
    """Return the common store of searches, and the name of one among them.

    Raises:
        ConfigError: It has none, or a search lies at the address of them all.
    """
    base_uri, name = layout.above(uri)
    if not name or base_uri.rstrip("/").endswith(":"):
        raise ConfigError(
            f"a search on fresh data lies below an address for all of them, got {one_line(uri)}"
        )
    if "[[" in name:
        raise ConfigError(
            f"{one_line(uri)}: Kubeflow puts the time in place of {one_line(name)} in runs of a "
            "schedule, and from its release 2.16 on"
        )
    if name in _TAKEN:
        raise ConfigError(
            f"{one_line(uri)}: {name} is what all searches on fresh data there have in common, "
            "give it another name"
        )
    base = SearchStore.open(base_uri)
    if base.find_search() is not None:
        raise ConfigError(
            f"a search lies at {one_line(base_uri)}: searches on fresh data need an address of "
            "their own to lie below"
        )
    return base, name


def _newest_first(base: SearchStore) -> Iterator[str]:
    """Yield the names of the searches that were begun, the newest first."""
    for number in range(base.newest(layout.BEGUN) or 0, 0, -1):
        yield base.read(Begun, layout.BEGUN.key(number)).name


def _goes_on(uri: str, base: SearchStore, config: SearchConfig) -> bool:
    """Say whether a search was interrupted that these settings began."""
    search = OpenSearch(uri)
    try:
        fresh, stored = find_fresh(search), search.store.find_search()
    except CorruptStateError:  # who begins the next one says so
        return False
    if fresh is None or stored is None:
        return False
    if search.store.find(Succession, layout.SUCCESSION) is not None:
        return False
    wanted = stored.as_begun(_beginning_with(config, base, fresh.begins_with))
    return not differences(stored.as_begun(stored.config), wanted)


def _start(
    search: OpenSearch, base: SearchStore, name: str, config: SearchConfig, warn: Warn
) -> str:
    """Return the name of the newest finished search, if this one can begin with its best."""
    for before in _newest_first(base):
        if before == name:
            continue
        try:
            if not _is_finished(search.beside(f"{base.objects.uri}/{before}")):
                continue
            if config.space.target is None:  # else sizes are not known before the data are
                missing_start(search, _beginning_with(config, base, before))
        except NasError as err:
            warn(f"{before} is passed over, this search begins without its best: {err}")
            continue
        return before
    return ""


def _is_finished(search: OpenSearch) -> bool:
    if search.store.find_search() is None:
        return False
    procedure, replicas = procedure_of(search.config), range(search.config.search.replicas)
    return all(procedure.is_finished(search, replica) for replica in replicas)


def _beginning_with(config: SearchConfig, base: SearchStore, before: str) -> SearchConfig:
    """Return settings of a search that begins with the best of the one before, if there is one."""
    if not before:
        return config
    assert isinstance(config.search, RoundsConfig)
    given, most = config.search.start_from, config.search.children_per_round
    start = StartConfig(
        architectures=given.architectures if given else (),
        search=f"{base.objects.uri}/{before}",
        best=given.best if given and given.search else min(8, most),
    )
    return config.model_copy(
        update={"search": config.search.model_copy(update={"start_from": start})}
    )
