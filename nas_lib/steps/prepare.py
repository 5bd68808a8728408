"""prepare_data: creates the search, and stores the user's data once."""

from __future__ import annotations

from nas_lib.config import FORMAT_VERSION, SearchConfig
from nas_lib.config_file import differences, identity
from nas_lib.data import Manifest, Prepared
from nas_lib.errors import ConfigError, CorruptStateError, SearchMismatchError
from nas_lib.open_search import OpenSearch
from nas_lib.procedures.shards import store_first_shards
from nas_lib.store import StoredSearch, layout


def prepare_data(
    search: OpenSearch, *, config: SearchConfig | None = None, settles: bool = True
) -> Manifest | None:
    """Create the search if it is new, prepare its data, and let a new budget count.

    Args:
        search: The search.
        config: What the user wants; None continues what is stored.
        settles: Whether a new budget counts at once. Else it does when this object's search is
            planned: a run that finds another one at work leaves everything as it is.

    Returns:
        What was prepared; None where the user's own evaluation needs no data from us.

    Raises:
        ConfigError: Nothing is stored and no config given.
        SearchMismatchError: The place holds another search.
        DataError: The data is missing, damaged or not what its format promises.
        StoreError: The store cannot hold a search.
    """
    stored = search.store.find_search()
    prepared = None
    if stored is None:
        if config is None:
            raise ConfigError(f"there is no search at {search.uri}, and no configuration came")
        prepared = search.task_of(config).prepare()
        search.store.require_create_only()
        stored = _create(search, config, prepared)
    elif config is not None:
        _check_same(search, stored, config)
    search.store.require_create_only()
    if config is not None:
        search.want(config)
        if settles:
            search.settle_wanted()
    manifest = _store_data(search, stored, prepared)
    store_first_shards(search)
    return manifest


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
    """Refuse another search's config. Data under the stored path is not read again."""
    if differences(stored.config, config):
        raise _mismatch(search, stored, config)
    task = search.task_of(config)
    if task.trains and (config.task.data == search.store.config().task.data or not task.has_data()):
        return  # read before, or moved to a machine without it: what is stored is all it takes
    if _data_hash(search, config, task.prepare()) != stored.data_hash:
        raise SearchMismatchError(
            f"{search.uri} holds a search with the same settings on other data: "
            "give this one another folder"
        )


def _mismatch(search: OpenSearch, stored: StoredSearch, config: SearchConfig) -> Exception:
    found = differences(stored.config, config) or ["the data is another"]
    more = f" (and {len(found) - 1} more)" if len(found) > 1 else ""
    return SearchMismatchError(
        f"{search.uri} holds another search: {found[0]}{more}; "
        "give this one another folder, or the same settings to continue"
    )


def _store_data(
    search: OpenSearch, stored: StoredSearch, prepared: Prepared | None
) -> Manifest | None:
    manifest = search.task.find_manifest(search.store)
    if manifest is not None:
        return manifest
    prepared = prepared or search.task.prepare()
    if prepared is None:
        return None
    if prepared.manifest.content_hash != stored.data_hash:
        raise CorruptStateError(
            f"{search.uri} was stopped before its data was stored, and the data has changed since: "
            "restore it, or start anew in another folder"
        )
    search.store.objects.replace(layout.DATA_SEARCH, prepared.search_blob)
    search.store.objects.replace(layout.DATA_TEST, prepared.test_blob)
    return search.store.settle(layout.DATA_MANIFEST, prepared.manifest)
