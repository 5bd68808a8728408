"""`nas_lib.train_best`: from a finished search to a network that is used."""

from __future__ import annotations

import os
from collections.abc import Sequence

from nas_lib import steps
from nas_lib.config import FinalConfig
from nas_lib.engine.handle import SearchHandle
from nas_lib.engine.loop import Engine
from nas_lib.engine.workers import MakeWorkers, default_workers, worker_processes
from nas_lib.open_search import OpenSearch
from nas_lib.procedures import Listener


def train_best(
    uri: str | os.PathLike[str],
    *,
    settings: FinalConfig | None = None,
    networks: Sequence[str] = (),
    workers: int | None = None,
    listener: Listener | None = None,
) -> list[SearchHandle]:
    """Train the best networks of a finished search; continue what is stored.

    Args:
        uri: Where the search lies.
        settings: How; by default as the search's document says.
        networks: Children by their ids, or architectures as text; by default the best.
        workers: Children trained at once; by default as for a search.
        listener: Is told how it goes on.
    """
    search = OpenSearch(os.fspath(uri))
    listener = listener or Listener()
    handles = []
    for each in steps.train_best(search, settings=settings, networks=networks):
        opened = OpenSearch(each)
        opened.task.check_machine()
        num = workers or default_workers(opened.config)
        engine = Engine(
            opened,
            make_workers=_make_workers(opened, listener, num),
            listener=listener,
            num_workers=num,
        )
        handles.append(SearchHandle(opened.uri, engine.run_id, engine.run()))
    return handles


def _make_workers(search: OpenSearch, listener: Listener, num: int) -> MakeWorkers:
    return lambda run: worker_processes(search, run, listener, num=num)
