"""How a run begins and ends in pods: with its search, its plan and its report."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import nullcontext
from typing import Any

from nas_lib import steps
from nas_lib.config import SearchConfig
from nas_lib.config_file import PRESET_AND_OVERRIDES, dotted, resolve_config
from nas_lib.data import Manifest
from nas_lib.errors import ConfigError, CorruptStateError
from nas_lib.open_search import OpenSearch
from nas_lib.pods.final_training import close_finals
from nas_lib.pods.log import say
from nas_lib.pods.notes import note_plan, tell
from nas_lib.pods.telling import beginning_told, tell_end
from nas_lib.presets import preset as preset_named
from nas_lib.results import SearchView
from nas_lib.steps import Plan
from nas_lib.store import layout, lease
from nas_lib.store.lease import IsAlive
from nas_lib.store.open import is_in_bucket


def prepare_data(
    search: OpenSearch, *, preset: str, overrides: Mapping[str, Any], run: str, fresh: bool = False
) -> Manifest | None:
    """Create the search from a preset and overrides, or continue it; see `steps.prepare_data`.

    A new budget is noted for `plan_rounds` of the same run, which finds out whether it may count.

    Args:
        search: The search.
        preset: The named configuration to start from; empty continues what is stored.
        overrides: Settings that differ.
        run: This run.
        fresh: Whether it is one of several on data that change; see `steps.begin_fresh`.
    """
    stored = _stored(search)
    config = resolve_config(preset, overrides, stored=stored)
    if fresh and config is not None:

        def warn(message: str) -> None:
            _note(search, run, "prepare_data", message)

        config = steps.begin_fresh(search, config, warn=warn)
    return _prepared(search, config, stored, run=run, step="prepare_data")


def transfer_cells(
    search: OpenSearch, *, source: str, preset: str, overrides: Mapping[str, Any], run: str
) -> Manifest | None:
    """Create the transfer of a source's networks to a preset's task, or continue it.

    Args:
        search: The transfer.
        source: Where a finished search lies, or the name of published cells; empty where preset
            and overrides are a transfer already, as `nas submit` makes them.
        preset: What it is for; empty continues what is stored.
        overrides: Settings that differ.
        run: This run.

    Raises:
        ConfigError: The source cannot be transferred, or preset and overrides are no transfer.
    """
    stored = _stored(search)
    if source and preset:
        document, changes = preset_named(preset).model_dump(mode="json"), dotted(overrides)
        found = steps.transferred(source, document, changes=changes, called=PRESET_AND_OVERRIDES)
        if found.notice:
            say(found.notice)
        return _prepared(search, found.config, stored, run=run, step="transfer_cells")
    config = resolve_config(preset, overrides, stored=stored)
    meant = config or stored
    if meant is not None and meant.search.kind != "transfer":
        raise ConfigError(
            f"this is search.kind {meant.search.kind}, and no transfer: name a source of "
            "networks, and a preset that says what they are for"
        )
    return _prepared(search, config, stored, run=run, step="transfer_cells")


def _stored(search: OpenSearch) -> SearchConfig | None:
    return search.store.config() if search.store.find_search() else None


def _prepared(
    search: OpenSearch,
    config: SearchConfig | None,
    stored: SearchConfig | None,
    *,
    run: str,
    step: str,
) -> Manifest | None:
    """Create or continue a search of a configuration, or what is stored."""

    def warn(message: str) -> None:
        _note(search, run, step, message)

    with nullcontext() if config is None else beginning_told(search, config, run=run):
        if config is not None and stored is None:
            _require_data(search, config)
        manifest = steps.prepare_data(search, config=config, warn=warn, settles=False)
    if config is not None and search.config != search.store.config():  # as it is wanted there
        search.store.settle(layout.wanted_settings(run), search.config)
    for notice in manifest.notices if manifest else ():
        say(f"data: {notice}")
    return manifest


def _require_data(search: OpenSearch, config: SearchConfig) -> None:
    """Refuse a path at which nothing lies; of a bucket, whoever reads it says what is wrong."""
    path = getattr(config.task.data, "path", "")
    if not is_in_bucket(path) and not search.task_of(config).has_data():
        raise ConfigError(
            f"nothing lies at task.data.path in this pod ({path}): if it lies on your own machine, "
            "store it from there with `nas prepare`, or put it into a bucket; if in a claim, "
            "compile the pipeline with --data-claim"
        )


def _note(search: OpenSearch, run: str, step: str, message: str) -> None:
    search.store.note_problem(run=run, step=step, message=message)
    say(message)


def plan_rounds(
    search: OpenSearch,
    *,
    replica: int,
    rounds_per_run: int,
    run: str,
    is_alive: IsAlive = lambda run: None,
    end_schedule: Callable[[str], str | None] = lambda run: None,
) -> Plan:
    """Take the lease, and say what this run may do; note who keeps it away.

    Args:
        search: The search.
        replica: The controller replica.
        rounds_per_run: Rounds, or ticks, that this run may do at most; of a search on fresh data
            a run does all.
        run: This run.
        is_alive: Is asked about a run that has the replica; see `lease.take`.
        end_schedule: Is called where there is nothing to do any more: whatever begins such runs
            may end. Returns what is to be noted of that. Where a final training follows,
            `train_best` does so.
    """
    wanted = search.store.find(SearchConfig, layout.wanted_settings(run))
    if wanted is not None:
        search.want(wanted)
    is_fresh = steps.find_fresh(search) is not None
    plan = steps.plan_rounds(
        search,
        replica=replica,
        run=run,
        rounds_per_run=None if is_fresh else rounds_per_run,
        with_spare=is_fresh,
        is_alive=is_alive,
        say=say,
    )
    if plan.holder:
        sentence: str | None = (
            f"{plan.holder} is working on replica {replica}: nothing is done here"
        )
    else:
        note_plan(search, replica, run, len(plan.ticks))
        is_over = not plan.ticks and not search.config.final.follows and not is_fresh
        sentence = end_schedule(run) if is_over else None
    tell(search, run, "plan_rounds", sentence)
    return plan


def write_report(search: OpenSearch, *, replica: int, run: str) -> SearchView | None:
    """Write the report and let go of the leases; None where preparation failed and nothing is.

    What steps of this run left undone without a word is noted in their place.
    """
    try:
        steps.note_what_is_missing(search, replica=replica, run=run, but="write_report")
    except CorruptStateError as err:  # which is no reason to have no report
        search.store.note_problem(run=run, step="write_report", message=str(err))
    if search.store.find_search() is None:
        return None
    lease.release(search.store, replica, run)
    close_finals(search, run=run)
    view = steps.write_report(search, run=run)
    tell_end(search, view, replica=replica, run=run)
    return view
