"""train_best: a search's final trainings, each a search of its own within it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from nas_lib.config import (
    FORMAT_VERSION,
    FinalConfig,
    FinalsConfig,
    ImageFinalConfig,
    ImageTaskConfig,
    SearchConfig,
    TaskConfig,
    TrainedChildrenPart,
)
from nas_lib.config.final import reference_space
from nas_lib.config_file import differences, identity, parse_config
from nas_lib.errors import ConfigError, CorruptStateError
from nas_lib.open_search import OpenSearch
from nas_lib.procedures import Recommended
from nas_lib.records import FinalTraining
from nas_lib.spaces import ReferencePlan, SpacePart, planned
from nas_lib.steps.choosing import chosen_networks
from nas_lib.steps.sizing import settled_size, task_of_final
from nas_lib.store import StoredSearch, layout

_KEY = 8  # hexadecimal digits
_KEEP = 1_000_000  # all weights, until it is known which are of use


def opened_finals(
    search: OpenSearch,
    *,
    settings: FinalConfig | None = None,
    top: int | None = None,
    networks: Sequence[str] = (),
    check: Callable[[SearchConfig], object] = lambda _: None,
) -> list[OpenSearch]:
    """Make a search's final trainings, unless they are there, and return them.

    The first is that of its own networks; where there are references, the second is of those. What
    may change of their settings, such as resources, counts for others once whoever runs them has
    the lease.

    Args:
        search: The search; it is finished, unless networks are named.
        settings: How; by default as the search's document says.
        top: So many of the best, and no fewer; by default as many as the settings say, as far as
            there are any.
        networks: Children by their ids, or architectures as text; by default the best.
        check: Refuses configurations that cannot be run here, before anything is stored.

    Raises:
        ConfigError: The search is not finished, trains nothing, or has fewer children; or its
            networks are too large for the budget at any size.
        ArchitectureError: A text is no network of its space.
    """
    final = settings or search.config.final
    if isinstance(search.config.search, FinalsConfig):
        raise ConfigError(f"{search.uri} is a final training: name the search that it is of")
    if final.children is None or not search.task.trains:
        raise ConfigError(
            f"{search.uri} trains nothing here: its architectures are judged by a function of the "
            "user's own, and there is no network to train once more"
        )
    chosen = chosen_networks(search, networks=networks, top=top, most=final.top)
    size = settled_size(search, final, [each.architecture for each in chosen])
    final = final.model_copy(update={"size": size})
    configs = [(_config_of_found(search, final, chosen), False)]
    if final.references:
        configs.append((_config_of_references(search, final, chosen[0]), True))
    manifest = search.task.find_manifest(search.store)
    for config, _ in configs:
        if manifest is not None:
            search.task.check_space(config.space, manifest)
        check(config)
    return [_make(search, config, is_of_references=which) for config, which in configs]


def _config_of_found(
    search: OpenSearch, final: FinalConfig, chosen: Sequence[Recommended]
) -> SearchConfig:
    space = search.config.space.at_size(final.size)
    built = planned(space.build(search.given_space))
    return _final_config(
        search.config,
        final,
        space=space,
        search=FinalsConfig(
            networks=tuple(str(built.plan(each.architecture.tokens)) for each in chosen),
            origins=tuple(each.origin for each in chosen),
            seeds=final.seeds,
            grid=final.grid,
            retrain=final.retrain,
        ),
    )


def _config_of_references(
    search: OpenSearch, final: FinalConfig, found: Recommended
) -> SearchConfig:
    """Return that of known networks, which are as large as what was found where they may be."""
    manifest = search.task.find_manifest(search.store)
    assert manifest is not None  # a search that has children has prepared its data
    own = planned(search.config.space.at_size(final.size).build(search.given_space))
    task = task_of_final(search, final)
    plan = own.plan(found.architecture.tokens)
    names = task.sized_references(final.references, plan, manifest)
    space = reference_space(search.config.task.kind, names)
    plans = space.build().plans
    return _final_config(
        search.config,
        final,
        space=space,
        search=FinalsConfig(
            networks=tuple(map(str, plans)),
            origins=final.references,
            seeds=final.seeds,
            grid=final.grid,
            recipes=_recipes(plans, final.children, search.config.task),
            retrain=False,
        ),
    )


def _recipes(
    plans: Iterable[ReferencePlan], children: TrainedChildrenPart | None, task: TaskConfig
) -> dict[str, dict[str, Any]]:
    """Return the settings of children that some networks have a recipe of their own for."""
    if not isinstance(children, ImageFinalConfig):
        return {}
    flips = getattr(children.augment, "flip", False) is not False  # series have none
    recipes = {
        str(plan): dict(plan.recipe(batch_size=children.batch_size, flips=flips)) for plan in plans
    }
    if isinstance(task, ImageTaskConfig) and task.target == "number":
        for recipe in recipes.values():  # are of classes
            recipe.pop("label_smoothing", None)
    return {network: recipe for network, recipe in recipes.items() if recipe}


def _final_config(
    config: SearchConfig, final: FinalConfig, *, space: SpacePart, search: FinalsConfig
) -> SearchConfig:
    """Return the configuration of a final training.

    Raises:
        ConfigError: Its settings do not go with the networks.
    """
    assert final.children is not None
    children = final.children.model_dump(mode="json")
    if not space.has_cells:
        children |= dict.fromkeys(final.children.for_cells, 0.0)
    document = {
        "name": config.name,
        "seed": config.seed,
        "task": config.task.model_dump(mode="json"),
        "space": space.model_dump(mode="json"),
        "controller": {"kind": "random"},
        "children": {**children, "keep": _KEEP},
        "search": search.model_dump(mode="json"),
        "resources": config.resources.model_dump(mode="json"),
        "notify": config.notify.model_dump(mode="json"),
    }
    return parse_config(document, source="final")


def _make(search: OpenSearch, config: SearchConfig, *, is_of_references: bool) -> OpenSearch:
    """Create a final training, unless it is there, and return it."""
    store = search.store
    around = store.find_search()
    assert around is not None
    name = identity(config, around.data_hash)
    wanted = StoredSearch(FORMAT_VERSION, name, around.data_hash, config, is_within=True)
    key = _begun(search, config) or name[:_KEY]
    opened = search.within(key)
    stored = opened.store.settle(layout.SEARCH, wanted)
    if differences(stored.config, config):
        raise CorruptStateError.of_content(layout.SEARCH, f"it is not what {opened.uri} is called")
    if all(each.key != key for each in store.finals()):
        note = FinalTraining(key, is_of_references, created_s=time.time())
        store.add_note(layout.final_training, note)
    opened.want(config)
    return opened


def _begun(search: OpenSearch, config: SearchConfig) -> str | None:
    """Return the key of the final training with these settings, None where none was begun.

    A release that had fewer settings called it by those.
    """
    for final in search.store.finals():
        stored = search.within(final.key).store.find_search()
        if stored is not None and not differences(stored.config, config):
            return final.key
    return None
