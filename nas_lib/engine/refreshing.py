"""`nas_lib.refresh`: a search anew on data that have changed, and the better model in use."""

from __future__ import annotations

import os

from nas_lib import steps
from nas_lib.blame import shortage_told
from nas_lib.config import SearchConfig
from nas_lib.engine.crew import require_fork
from nas_lib.engine.entry import checked, search
from nas_lib.engine.handle import SearchHandle
from nas_lib.open_search import OpenSearch
from nas_lib.procedures import Listener
from nas_lib.store.lease import IsAlive


@shortage_told()
def refresh(
    config: SearchConfig,
    store: str | os.PathLike[str],
    *,
    workers: int | None = None,
    listener: Listener | None = None,
    is_alive: IsAlive = lambda run: None,
) -> SearchHandle:
    """Search anew on the data as they are now, and put the model in use if it is better on them.

    Each call is a search of its own below one address, called by the time at which it began; one
    that was interrupted is gone on with first. It begins with the best of the one before.

    Args:
        config: What to search for; its data are read anew.
        store: The address that all these searches lie below; `store/model` is the model in use.
        workers: Networks trained at once, as for `search`.
        listener: Is told how it goes on.
        is_alive: Is asked whether a run elsewhere still lives, as for `search`.

    Returns:
        The search; its view's `succession` says whether its model is in use now, and why.

    Raises:
        ConfigError: Models of such searches cannot follow one another.
        NasError: The sentence says what is wrong; what was finished is stored.
    """
    require_fork()
    told = listener or Listener()
    uri = steps.next_search(os.fspath(store), checked(config))
    opened = OpenSearch(uri)
    begun = steps.begin_fresh(opened, config, warn=told.warned)
    return search(begun, store=uri, workers=workers, listener=told, is_alive=is_alive)
