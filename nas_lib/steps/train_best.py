"""train_best: a search's final trainings, each a search of its own within it."""

from __future__ import annotations

import time
from collections.abc import Sequence

from nas_lib.architecture import Architecture
from nas_lib.config import FORMAT_VERSION, FinalConfig, FinalsConfig, RandomConfig, SearchConfig
from nas_lib.config_file import identity
from nas_lib.errors import ConfigError
from nas_lib.open_search import OpenSearch
from nas_lib.procedures import procedure_of
from nas_lib.records import ChildRow, FinalTraining
from nas_lib.results import leaderboard
from nas_lib.spaces import planned
from nas_lib.steps.reporting import view_search
from nas_lib.store import SearchStore, StoredSearch, layout

_KEY = 8  # hexadecimal digits


def train_best(
    search: OpenSearch, *, settings: FinalConfig | None = None, networks: Sequence[str] = ()
) -> list[str]:
    """Make a search's final trainings, unless they are there, and return their URIs.

    Args:
        search: The search; it is finished.
        settings: How; by default as the search's document says.
        networks: Children by their ids, or architectures as text; by default the best `top`.

    Raises:
        ConfigError: The search is not finished, trains nothing, has fewer children, or its space
            has no such network.
    """
    final = settings or search.config.final
    if final.children is None or not search.task.trains:
        raise ConfigError(f"{search.uri} trains nothing here: its children are judged by others")
    chosen = _chosen(search, final, networks)
    configs = [_config_of_found(search, final, chosen)]
    return [_make(search, config, is_of_references=False) for config in configs]


def _chosen(
    search: OpenSearch, final: FinalConfig, networks: Sequence[str]
) -> list[tuple[Architecture, str]]:
    """Return architectures, and what each is called."""
    view = view_search(search)
    if not view.finished:
        raise ConfigError(
            f"the search in {search.uri} is not finished: it has {len(view.judged):,} of "
            f"{view.num_children:,} children; go on with it, or lower its budget"
        )
    if networks:
        raise NotImplementedError  # by ids or texts
    best: list[ChildRow] = [row for row in leaderboard(view.rows) if row.status == "ok"]
    if len(best) < final.top:
        raise ConfigError(f"{search.uri} has {len(best):,} children, and final.top is {final.top}")
    return [(row.architecture, row.id) for row in best[: final.top]]


def _config_of_found(
    search: OpenSearch, final: FinalConfig, chosen: Sequence[tuple[Architecture, str]]
) -> SearchConfig:
    config = search.config
    space = config.space.at_size(final.size)
    built = planned(space.build())
    texts = tuple(str(built.plan(architecture.tokens)) for architecture, _ in chosen)
    return _final_config(
        config,
        final,
        space=space,
        search=FinalsConfig(
            networks=texts,
            origins=tuple(name for _, name in chosen),
            seeds=final.seeds,
            grid=final.grid,
            retrain=final.retrain,
        ),
    )


def _final_config(config: SearchConfig, final: FinalConfig, **parts: object) -> SearchConfig:
    assert final.children is not None
    document = {
        "name": config.name,
        "seed": config.seed,
        "task": config.task,
        "controller": RandomConfig(),
        "children": {**final.children.model_dump(mode="json"), "keep": 1_000_000},
        "resources": config.resources,
        **parts,
    }
    return SearchConfig.model_validate(document)


def _make(search: OpenSearch, config: SearchConfig, *, is_of_references: bool) -> str:
    """Create a final training, unless it is there, and return its URI."""
    store = search.store
    found = store.find_search()
    assert found is not None
    name = identity(config, found.data_hash)
    key = name[:_KEY]
    uri = layout.within(search.uri, key)
    stored = StoredSearch(FORMAT_VERSION, name, found.data_hash, config, is_within=True)
    SearchStore.open(uri).settle(layout.SEARCH, stored)
    if all(each.key != key for each in store.finals()):
        note = FinalTraining(key, is_of_references, created_s=time.time())
        store.add_note(layout.final_training, note)
    return uri


def are_finished(uris: Sequence[str]) -> bool:
    """Say whether all of these final trainings are finished."""
    for uri in uris:
        search = OpenSearch(uri)
        if not procedure_of(search.config).is_finished(search, 0):
            return False
    return True
