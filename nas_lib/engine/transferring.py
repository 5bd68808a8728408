"""`nas_lib.transfer`: networks that were found elsewhere, trained for another task."""

from __future__ import annotations

import os
from collections.abc import Sequence

from nas_lib import steps
from nas_lib.blame import shortage_told
from nas_lib.config import SearchConfig, SizeConfig
from nas_lib.engine.entry import checked, search
from nas_lib.engine.handle import SearchHandle
from nas_lib.procedures import Listener
from nas_lib.store.lease import IsAlive


@shortage_told()
def transfer(
    source: str | os.PathLike[str],
    config: SearchConfig,
    *,
    store: str | os.PathLike[str] | None = None,
    top: int | None = None,
    networks: Sequence[str] = (),
    size: SizeConfig | None = None,
    workers: int | None = None,
    listener: Listener | None = None,
    is_alive: IsAlive = lambda run: None,
) -> SearchHandle:
    """Train networks that were found elsewhere for the task of a configuration.

    They are trained as `config.final` says, and the winner once more on all data. What was begun
    before is gone on with; what is done is not done again.

    Args:
        source: Where a finished search lies, or the name of published cells, such as `enas-micro`.
        config: Task, final training and resources are its own; its space and how it would search
            have no meaning here.
        store: Where the state lies, as for `search`.
        top: So many of the source's best networks; by default as many as `config.final.top`, as far
            as there are any.
        networks: In their place: children by their ids, or architectures as text.
        size: How large they are to be, before `config.final.size` and what the source says.
        workers: Networks trained at once, as for `search`.
        listener: Is told how it goes on.
        is_alive: Is asked whether a run elsewhere still lives, as for `search`.

    Returns:
        The transfer, which is a search; of its `finals` those that it names as `trained` are what
        came out.

    Raises:
        ConfigError: There is no such source, it is not finished, or does not go with the task.
        NasError: The sentence says what is wrong; what was finished is stored.
    """
    sizes = (size or SizeConfig()).model_dump(exclude_none=True)
    found = steps.transferred(
        os.fspath(source),
        checked(config).model_dump(mode="json"),
        changes=[(f"final.size.{name}", value) for name, value in sizes.items()],
        top=top,
        networks=networks,
        called="nas_lib.transfer",
    )
    if listener is not None and found.notice:
        listener.warned(found.notice)
    return search(found.config, store=store, workers=workers, listener=listener, is_alive=is_alive)
