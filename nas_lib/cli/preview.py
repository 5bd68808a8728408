"""What a search would be: its data, its space, its children, and about how long they take."""

from __future__ import annotations

import secrets
import time
from statistics import fmean

from nas_lib.config import SearchConfig
from nas_lib.controllers import draw_uniformly
from nas_lib.data import Manifest
from nas_lib.open_search import OpenSearch
from nas_lib.procedures import Preview, procedure_of
from nas_lib.report import duration_text
from nas_lib.seeds import Stream, seed_for
from nas_lib.spaces import planned
from nas_lib.steps import prepare_data

_TRIALS = 3
_STEPS = 3


def preview(config: SearchConfig) -> dict[str, str]:
    """Return facts on a search by name, in words. Its data is read and checked.

    Raises:
        NasError: The search could not be started, for the reason it names.
    """
    search = OpenSearch(f"memory://preview-{secrets.token_hex(4)}")
    manifest = prepare_data(search, config=config)
    facts = {"search": config.name}
    if manifest is not None:
        facts["data"] = search.task.describe(manifest)
        if manifest.notices:
            facts["notices"] = "; ".join(manifest.notices)
    found = procedure_of(config).preview(search)
    facts |= found.facts
    if manifest is not None:
        facts["time"] = _time(search, manifest, found)
    return facts


def _time(search: OpenSearch, manifest: Manifest, found: Preview) -> str:
    """Return how long a child takes, and the search with all that comes before children."""
    from nas_lib.training.machine import num_cpus

    config = search.config
    child_s = search.task.num_steps(manifest) * _step_s(search, manifest)
    workers = max(1, num_cpus() // config.children.threads)
    search_s = found.before_s + child_s * procedure_of(config).num_children / workers
    before = f"about {duration_text(found.before_s)} of {found.before}; " if found.before else ""
    return (
        f"{before}about {duration_text(child_s)} for a {found.child} on one CPU worker; "
        f"{duration_text(search_s)} for the search with {workers} worker(s) here"
    )


def _step_s(search: OpenSearch, manifest: Manifest) -> float:
    """Return the mean seconds of a training step of some random children of the first depth."""
    import torch

    config, space = search.config, planned(search.space)
    decisions = space.decisions(space.depth(0))
    seed = seed_for(config.seed, Stream.PREVIEW)
    sequences = draw_uniformly(decisions, num=_TRIALS, seed=seed)
    torch.set_num_threads(config.children.threads)
    seconds = []
    for tokens in sequences:
        step = search.task.timed_step(space.plan(tokens), manifest)
        started_s = time.perf_counter()
        for _ in range(_STEPS):
            step()
        seconds.append((time.perf_counter() - started_s) / _STEPS)
    return fmean(seconds)
