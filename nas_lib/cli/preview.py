"""What a search would be: its data, its space, its children, and about how long they take."""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Sequence
from itertools import islice

from nas_lib.architecture import Architecture
from nas_lib.config import FinalsConfig, SearchConfig
from nas_lib.controllers import draw_uniformly
from nas_lib.data import Manifest
from nas_lib.errors import OutOfMemoryError, plural
from nas_lib.open_search import OpenSearch
from nas_lib.procedures import Preview, procedure_of
from nas_lib.procedures.final import architecture_of, trainings_text
from nas_lib.report import duration_text
from nas_lib.results.final import trials
from nas_lib.seeds import Stream, seed_for
from nas_lib.spaces import Plan, planned
from nas_lib.steps import prepare_data, settled_size, sized, sizes_text, view_search
from nas_lib.steps.timing import final_s, first_plans, mean_step_s


def preview(config: SearchConfig) -> dict[str, str]:
    """Return facts on a search by name, in words. Its data is read and checked.

    Raises:
        NasError: The search could not be started, for the reason it names.
    """
    search = OpenSearch(f"memory://preview-{secrets.token_hex(4)}")
    search.task_of(config).check_machine()
    manifest = prepare_data(search, config=config, with_shards=False)
    facts = {"search": config.name}
    if manifest is not None:
        facts["data"] = search.task.describe(manifest)
        if manifest.notices:
            facts["notices"] = "; ".join(manifest.notices)
    if manifest is not None and (size := sized(search, config, manifest)) is not None:
        facts["size"] = (
            f"{sizes_text(size.picked)}, which is {size.num_parameters:,} parameters for the "
            f"{config.space.target:,} that are asked for"
        )
    config = search.config  # at its size
    found = procedure_of(config).preview(search)
    facts |= found.facts
    if manifest is not None and procedure_of(config).num_children:
        facts["time"] = _time(search, manifest, found)
    if manifest is not None and config.final.children is not None:
        facts["final training"] = _final(search, manifest)
    return facts


def final_time(final: OpenSearch, *, workers: int) -> str:
    """Return how long a final training takes with so many workers, in words.

    Args:
        final: The final training; its steps are timed here.
        workers: How many train at once.
    """
    manifest, settings = final.task.find_manifest(final.store), final.config.search
    assert manifest is not None  # of the search around it
    assert isinstance(settings, FinalsConfig)
    space = planned(final.space)
    plans = [space.plan(architecture_of(final, text).tokens) for text in settings.networks]
    return _final_time(final, final.config, settings, plans, manifest, workers)


def _final(search: OpenSearch, manifest: Manifest) -> str:
    """Return how many trainings the final training would be, and how long they would take."""
    from nas_lib.training.machine import num_cpus

    config, final = search.config, search.config.final
    assert final.children is not None
    networks = [*_likely_best(search)]
    num, size = len(networks), settled_size(search, final, networks)
    space = planned(config.space.at_size(size).build())
    settings = FinalsConfig(
        networks=tuple(map(str, range(num))),  # nobody knows yet which
        seeds=final.seeds,
        grid=final.grid,
        retrain=final.retrain,
    )
    finally_ = config.model_copy(update={"children": final.children})
    workers = max(1, num_cpus() // final.children.threads)
    plans = [space.plan(network.tokens) for network in networks]
    how_long = _final_time(search, finally_, settings, plans, manifest, workers)
    when = "follows on the search" if final.follows else "begins with `nas train`"
    num_beside = len(final.references) * len(trials(settings)) // num
    beside = f"; beside it {plural(num_beside, 'training')} of references" if num_beside else ""
    return f"{trainings_text(settings)}, {how_long}; it {when}{beside}"


def _likely_best(search: OpenSearch) -> Iterator[Architecture]:
    """Yield networks as large as those that may be the best, or those if they are known."""
    procedure, final = procedure_of(search.config), search.config.final
    if not procedure.num_children:
        found = islice(procedure.recommended(search, view_search(search)), final.top)
        yield from (each.architecture for each in found)
        return
    tokens = draw_uniformly(
        search.space.decisions(search.space.depth(procedure.num_children - 1)),
        num=min(final.top, procedure.num_children),
        seed=seed_for(search.config.seed, Stream.PREVIEW),
    )
    yield from map(search.space.decode, tokens)


def _final_time(
    search: OpenSearch,
    config: SearchConfig,
    settings: FinalsConfig,
    plans: Sequence[Plan],
    manifest: Manifest,
    workers: int,
) -> str:
    """Return how long these trainings take, whose children's settings are those of the config."""
    try:
        step_s = mean_step_s(search.task_of(config), plans, manifest)
    except OutOfMemoryError as err:
        return f"for an unknown time: {err}"
    total_s = final_s(search.task_of, config, settings, manifest, step_s=step_s, workers=workers)
    return f"about {duration_text(total_s)} with {workers} worker(s) on CPUs here"


def _time(search: OpenSearch, manifest: Manifest, found: Preview) -> str:
    """Return how long a child takes, and the search with all that comes before children."""
    from nas_lib.training.machine import num_cpus

    config = search.config
    plans = first_plans(planned(search.space), seed=config.seed)
    try:
        child_s = search.task.num_steps(manifest) * mean_step_s(search.task, plans, manifest)
    except OutOfMemoryError as err:
        return f"unknown: {err}"
    workers = max(1, num_cpus() // config.children.threads)
    procedure = procedure_of(config)
    num_trainings = procedure.num_children + procedure.num_again(config)
    search_s = found.before_s + child_s * num_trainings / workers
    before = f"about {duration_text(found.before_s)} of {found.before}; " if found.before else ""
    return (
        f"{before}about {duration_text(child_s)} for a {found.child} on one CPU worker; "
        f"{duration_text(search_s)} for the search with {workers} worker(s) here"
    )
