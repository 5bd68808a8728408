"""prepare_data: creates the search, and stores the user's data once."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from pydantic.dataclasses import dataclass as checked_dataclass

from nas_lib.config import FORMAT_VERSION, SearchConfig
from nas_lib.config_file import differences, identity
from nas_lib.data import Manifest, Prepared
from nas_lib.errors import (
    ConfigError,
    CorruptStateError,
    DataError,
    SearchMismatchError,
    StoreError,
    one_line,
)
from nas_lib.open_search import OpenSearch
from nas_lib.procedures.shards import store_first_shards
from nas_lib.records import STRICT
from nas_lib.steps.sizing import sized
from nas_lib.steps.starting import missing_start
from nas_lib.store import StoredSearch, layout
from nas_lib.tasks import Task


def prepare_data(
    search: OpenSearch,
    *,
    config: SearchConfig | None = None,
    warn: Callable[[str], None] = lambda _: None,
    settles: bool = True,
    with_shards: bool = True,
) -> Manifest | None:
    """Create the search if it is new, prepare its data, and let a new budget count.

    Args:
        search: The search.
        config: What the user wants; None continues what is stored.
        warn: Is told in a sentence where the user's data is no longer what the search stored.
        settles: Whether a new budget counts at once. Else it does when this object's search is
            planned: a run that finds another one at work leaves everything as it is.
        with_shards: Whether the shards of large data are stored, too. A preview, whose store is in
            memory, does with this machine's copies.

    Returns:
        What was prepared; None where the user's own evaluation needs no data from us.

    Raises:
        ConfigError: Nothing is stored and no config given, or the data is not for the networks of
            the space.
        SearchMismatchError: The place holds another search.
        DataError: The data is missing, damaged or not what its format promises.
        StoreError: The store cannot hold a search.
    """
    stored = search.store.find_search()
    if stored is not None and config is not None:
        config = _as_stored(search, stored, config)
    read = None
    if stored is None:
        if config is None:
            raise ConfigError(f"there is no search at {search.uri}, and no configuration came")
        is_sized = config.space.target is None  # else what it begins with has no size yet
        start = missing_start(search, config) if is_sized else None
        read = _read(search.task_of(config))
        if not is_sized:
            config = _at_size(search, config, read.prepared.manifest if read.prepared else None)
            start = missing_start(search, config)
        search.store.require_create_only()
        stored = _create(search, config, read.prepared)
    else:
        if config is not None:
            _check_same(search, stored, config)
        start = missing_start(search, config or stored.config)
    search.store.require_create_only()
    if start is not None:
        search.store.settle(layout.START, start)
    if read is None:
        _check_data(search, stored, config or search.store.config(), warn)
    if config is not None:
        search.want(config)
        if settles:
            search.settle_wanted()
    manifest = _store_data(search, stored, read, with_shards=with_shards)
    store_first_shards(search)
    return manifest


def require_same(search: OpenSearch, config: SearchConfig) -> None:
    """Refuse a place that holds another search than this one; where there is none, all is well.

    Raises:
        SearchMismatchError: It does.
    """
    stored = search.store.find_search()
    if stored is not None:
        _check_same(search, stored, _as_stored(search, stored, config))


def _as_stored(search: OpenSearch, stored: StoredSearch, config: SearchConfig) -> SearchConfig:
    """Return what is wanted of a stored search, as that one was begun and at its data's size."""
    config = stored.as_begun(config)
    if config.space.target is None:
        return config
    task = search.task_of(config)
    manifest = task.find_manifest(search.store)
    if manifest is None and (prepared := task.prepare()):  # stopped before they were stored
        manifest = prepared.manifest
    return _at_size(search, config, manifest)


def _at_size(search: OpenSearch, config: SearchConfig, manifest: Manifest | None) -> SearchConfig:
    found = None if manifest is None else sized(search, config, manifest)
    return config if found is None else found.config


@checked_dataclass(frozen=True, config=STRICT)
class _Known:
    """A note that files have the content that is stored."""

    content_hash: str


class _Read(NamedTuple):
    """The user's data, and a hash of the files from before they were read."""

    files_hash: str
    prepared: Prepared | None


def _read(task: Task) -> _Read:
    read = _Read(task.files_hash(), task.prepare())
    if read.prepared is not None:
        space = task.config.space
        for each in (space, space.at_size(task.config.final.size)):  # while nothing is stored yet
            task.check_space(each, read.prepared.manifest)
    return read


def _create(search: OpenSearch, config: SearchConfig, prepared: Prepared | None) -> StoredSearch:
    data_hash = _data_hash(search, config, prepared)
    wanted = StoredSearch(FORMAT_VERSION, identity(config, data_hash), data_hash, config)
    stored = search.store.settle(layout.SEARCH, wanted)
    if stored.identity != wanted.identity:
        raise _mismatch(search, stored, config)
    return stored


def _data_hash(search: OpenSearch, config: SearchConfig, prepared: Prepared | None) -> str:
    """Return the hash of what children learn from: of the data, or else of the space."""
    return prepared.manifest.content_hash if prepared else search.space_hash(config)


def _check_same(search: OpenSearch, stored: StoredSearch, config: SearchConfig) -> None:
    """Refuse another search's settings, or another space of the user's own."""
    if differences(stored.as_begun(stored.config), config):
        raise _mismatch(search, stored, config)
    if not search.task_of(config).trains and search.space_hash(config) != stored.data_hash:
        raise _other_data(search)


def _check_data(
    search: OpenSearch, stored: StoredSearch, config: SearchConfig, warn: Callable[[str], None]
) -> None:
    """Refuse other data at another path; say where the data at the path became another.

    Files that were found to be the right ones before are not read again.
    """
    task = search.task_of(config)
    if not task.trains:
        return
    moved = config.task.data != search.store.config().task.data
    if not moved and not search.store.objects.keys(layout.DATA_FILES):
        return  # it needs no files, or was read by a release that did not note which
    try:
        if not task.has_data():
            return  # moved to a machine without it: what is stored is all it takes
        files_hash = task.files_hash()
    except (ConfigError, DataError, StoreError) as err:  # of a bucket, one that may not be read
        if moved:
            raise
        warn(f"{_where(config)} cannot be looked at: it goes on with what it stored ({err})")
        return
    if search.store.find(_Known, layout.data_files(files_hash)) is not None:
        return
    try:
        prepared = task.prepare()
    except DataError as err:
        if moved:
            raise
        warn(_changed(config, f" ({err})"))
        return
    if prepared and prepared.manifest.content_hash == stored.data_hash:
        _note_files(search, files_hash, prepared)
    elif moved:
        raise _other_data(search)
    else:
        warn(_changed(config))


def _changed(config: SearchConfig, why: str = "") -> str:
    return (
        f"{_where(config)} is not what this search stored{why}: it goes on with what it stored; "
        "to search on the new data start another search in another folder"
    )


def _where(config: SearchConfig) -> str:
    return f"the data at {one_line(getattr(config.task.data, 'path', ''))}"


def _note_files(search: OpenSearch, files_hash: str, prepared: Prepared) -> None:
    if files_hash:
        known = _Known(prepared.manifest.content_hash)
        search.store.settle(layout.data_files(files_hash), known)


def _other_data(search: OpenSearch) -> SearchMismatchError:
    return SearchMismatchError(
        f"{search.uri} holds a search with the same settings on other data: "
        "give this one another folder"
    )


def _mismatch(search: OpenSearch, stored: StoredSearch, config: SearchConfig) -> Exception:
    found = differences(stored.as_begun(stored.config), config) or ["the data is another"]
    more = f" (and {len(found) - 1} more)" if len(found) > 1 else ""
    return SearchMismatchError(
        f"{search.uri} holds another search: {found[0]}{more}; "
        "give this one another folder, or the same settings to continue"
    )


def _store_data(
    search: OpenSearch, stored: StoredSearch, read: _Read | None, *, with_shards: bool
) -> Manifest | None:
    manifest = search.task.find_manifest(search.store)
    if manifest is not None:
        return manifest
    files_hash, prepared = read or _read(search.task)
    if prepared is None:
        return None
    if prepared.manifest.content_hash != stored.data_hash:
        raise CorruptStateError(
            f"{search.uri} was stopped before its data was stored, and the data has changed since: "
            "restore it, or start anew in another folder"
        )
    if with_shards:
        _store_shards(search, prepared)
    search.store.objects.replace(layout.DATA_SEARCH, prepared.search_blob)
    search.store.objects.replace(layout.DATA_TEST, prepared.test_blob)
    _note_files(search, files_hash, prepared)
    return search.store.settle(layout.DATA_MANIFEST, prepared.manifest)


def _store_shards(search: OpenSearch, prepared: Prepared) -> None:
    for number, path in enumerate(prepared.search_shards):
        search.store.objects.replace(layout.data_shard("search", number), path.read_bytes())
    for number, path in enumerate(prepared.test_shards):
        search.store.objects.replace(layout.data_shard("test", number), path.read_bytes())
