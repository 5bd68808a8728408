"""`nas_lib.train_best`: from the networks that a search recommends to one that is used."""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable, Sequence
from functools import partial

from nas_lib import steps
from nas_lib.blame import shortage_told
from nas_lib.cache import cache_folder
from nas_lib.config import FinalConfig, SearchConfig
from nas_lib.engine.crew import crew, num_processes, require_fork
from nas_lib.engine.handle import SearchHandle
from nas_lib.engine.loop import Engine
from nas_lib.errors import NasError, SearchHeldError
from nas_lib.open_search import OpenSearch
from nas_lib.procedures import Listener
from nas_lib.store import layout
from nas_lib.store.lease import IsAlive
from nas_lib.tracking import end_told


@shortage_told()
def train_best(
    uri: str | os.PathLike[str],
    *,
    top: int | None = None,
    networks: Sequence[str] = (),
    settings: FinalConfig | None = None,
    workers: int | None = None,
    listener: Listener | None = None,
    is_alive: IsAlive = lambda run: None,
) -> SearchHandle:
    """Train the best networks of a finished search, and the winner once more on all data.

    What was begun before is gone on with; what is done is not done again.

    Args:
        uri: Where the search lies, as for `search`.
        top: So many of its best networks; by default as many as the settings say, as far as there
            are any.
        networks: Children by their ids, or architectures as text; by default the best.
        settings: How; by default as the search's document says under `final`.
        workers: Networks trained at once, as for `search`.
        listener: Is told how it goes on.
        is_alive: Is asked whether a run elsewhere still lives, as for `search`.

    Returns:
        The search; of its `finals` those that it names as `trained` are what came out.

    Raises:
        ConfigError: The search is not finished, trains nothing, or has no such networks.
        NasError: The sentence says what is wrong; what was finished is stored.
    """
    require_fork()
    search = OpenSearch(os.fspath(uri))
    listener = listener or Listener()
    finals = steps.opened_finals(
        search,
        settings=settings,
        top=top,
        networks=networks,
        check=_fits_here(search, workers),
    )
    run, view_of = secrets.token_hex(4), partial(steps.view_search, search)
    with end_told(search, search.config, run, say=listener.warned, view_of=view_of) as told:
        handle = _train_best(search, finals, workers=workers, listener=listener, is_alive=is_alive)
        told(handle.view)
    return handle


def follow(
    search: OpenSearch,
    handle: SearchHandle,
    *,
    workers: int | None,
    listener: Listener,
    is_alive: IsAlive,
) -> SearchHandle:
    """Go on with the final training of a search that is finished, unless another run does."""
    finals = steps.opened_finals(search, check=_fits_here(search, workers))
    try:
        return _train_best(search, finals, workers=workers, listener=listener, is_alive=is_alive)
    except SearchHeldError as err:
        listener.warned(str(err))
        return handle


def _fits_here(search: OpenSearch, workers: int | None) -> Callable[[SearchConfig], None]:
    """Return what refuses final trainings for which this machine has no place, device or CPU."""

    def check(config: SearchConfig) -> None:
        cache_folder()
        search.task_of(config).check_machine()
        num_processes(config, search.uri, workers)

    return check


def _train_best(
    search: OpenSearch,
    finals: Sequence[OpenSearch],
    *,
    workers: int | None,
    listener: Listener,
    is_alive: IsAlive,
) -> SearchHandle:
    nums = [num_processes(each.config, each.uri, workers) for each in finals]
    listener.training_best(finals, workers=max(1, *nums))
    handles = [_run(each, num, listener, is_alive) for each, num in zip(finals, nums, strict=True)]
    run, failure = handles[0].run, _failure(handles[0])
    if not failure:
        _export(search, handles[0], listener)
    steps.settle_succession(search)
    view = steps.write_report(search, run=run)
    if failure:
        raise NasError(failure)
    return SearchHandle(search.uri, run, view, tuple(handle.uri for handle in handles))


def _run(
    search: OpenSearch, num_workers: int, listener: Listener, is_alive: IsAlive
) -> SearchHandle:
    """Do what is left of a final training."""
    engine = Engine(
        search,
        make_workers=crew(search, listener, num_workers),
        listener=listener,
        num_workers=max(1, num_workers),
        is_alive=is_alive,
    )
    return SearchHandle(search.uri, engine.run_id, engine.run())


def _failure(handle: SearchHandle) -> str:
    """Say that no network came out, and why; empty where one did."""
    failed = [row for row in handle.view.rows if row.status != "ok"]
    if len(failed) < len(handle.view.rows):
        return ""
    first = failed[0]
    return (
        f"none of the {len(failed):,} networks trained in {handle.uri} has a score; "
        f"{first.id} {first.status}: {first.message}"
    )


def _export(search: OpenSearch, final: SearchHandle, listener: Listener) -> None:
    """Make a model of what won; where that cannot be, the training was not in vain."""
    model = layout.winners_model(layout.final_key(final.uri))
    try:
        steps.export_model(search, run=final.run, network=model)
    except NasError as err:
        search.store.note_problem(run=final.run, step="export_model", message=str(err))
        listener.warned(f"no model was made of what won: {err}")
