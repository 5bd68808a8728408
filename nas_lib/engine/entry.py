"""`nas_lib.search`: from a configuration to a finished search, in one call."""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import partial

from nas_lib import steps
from nas_lib.blame import shortage_told
from nas_lib.cache import cache_folder
from nas_lib.config import CustomSpaceConfig, OwnChildrenConfig, SearchConfig, SizeConfig
from nas_lib.config_file import parse_config
from nas_lib.document import shown
from nas_lib.engine.crew import crew, num_processes, require_fork
from nas_lib.engine.handle import SearchHandle
from nas_lib.engine.loop import Engine
from nas_lib.errors import ConfigError
from nas_lib.named_objects import INLINE
from nas_lib.open_search import OpenSearch
from nas_lib.procedures import Listener, procedure_of
from nas_lib.spaces import Space
from nas_lib.store.lease import IsAlive
from nas_lib.tasks import Evaluate
from nas_lib.tracking import end_told


@shortage_told()
def search(
    config: SearchConfig,
    *,
    store: str | os.PathLike[str] | None = None,
    workers: int | None = None,
    rounds: int | None = None,
    replicas: Sequence[int] | None = None,
    space: Space | None = None,
    evaluate: Evaluate | None = None,
    listener: Listener | None = None,
    is_alive: IsAlive = lambda run: None,
) -> SearchHandle:
    """Search until the budget is used or the stop rule holds; continue what is stored.

    Args:
        config: What to search for.
        store: Where the state lies: a folder, `s3://bucket/prefix` (`gs://` and `az://` likewise),
            or `memory://name` for one process; by default the folder `runs/<name of the search>`.
        workers: Children trained at once, each in a process of its own; by default one for each
            GPU, which it has for itself, or for each CPU where there is no GPU. More of them
            share the GPUs evenly.
        rounds: Do at most so many rounds of each replica in this run.
        replicas: Work on these replicas of `config.search.replicas`; the others are for other
            machines. By default on all.
        space: A space of your own, in place of `config.space`.
        evaluate: A function of your own from architecture to reward (the higher the better), in
            place of training. With one of these two objects, everything runs in this process; for
            several workers name them in the config, as `module:name`.
        listener: Is told how the search goes on.
        is_alive: Is asked whether a run elsewhere still lives that has a replica, by its id; None
            is no answer, and then it is waited for as long as `search.lease_s`.

    Raises:
        NasError: The sentence says what is wrong; what was finished is stored.
    """
    require_fork()
    config = with_objects(checked(config), space, evaluate)
    procedure_of(config).check_choice(rounds=rounds is not None, replicas=replicas is not None)
    uri = f"runs/{config.name}" if store is None else os.fspath(store)
    opened = OpenSearch(uri, space=space, evaluate=evaluate)
    num_workers = num_processes(config, opened.uri, workers)
    if opened.task_of(config).trains:
        cache_folder()  # refuses at once where there is no place for it
    listener = listener or Listener()
    problems: list[str] = []

    def warn(message: str) -> None:
        problems.append(message)
        listener.warned(message)

    opened.task_of(config).check_machine()
    engine = Engine(
        opened,
        make_workers=crew(opened, listener, num_workers),
        listener=listener,
        num_workers=max(1, num_workers),
        replicas=replicas,
        problems=problems,
        is_alive=is_alive,
    )
    view_of = partial(steps.view_search, opened, run=engine.run_id)
    with end_told(opened, config, engine.run_id, say=listener.warned, view_of=view_of) as told:
        manifest = steps.prepare_data(opened, config=config, warn=warn, settles=False)
        if manifest is not None:
            listener.prepared(manifest)
        handle = SearchHandle(opened.uri, engine.run_id, engine.run(rounds))
        if config.final.follows and handle.view.finished:
            from nas_lib.engine.final import follow  # which has this module imported

            handle = follow(opened, handle, workers=workers, listener=listener, is_alive=is_alive)
        told(handle.view)
    return handle


def checked(config: object) -> SearchConfig:
    if isinstance(config, SearchConfig):
        return config
    raise ConfigError(
        "a search needs a SearchConfig, such as nas_lib.preset('digits') or "
        f"nas_lib.read_config('search.yaml'), got {shown(config)}"
    )


def with_objects(
    config: SearchConfig, space: Space | None, evaluate: Evaluate | None
) -> SearchConfig:
    """Note in the config that a space or an evaluation is an object of this process."""
    changes: dict[str, object] = {}
    if space is not None:
        changes["space"] = CustomSpaceConfig(object=INLINE)
        changes["final"] = config.final.model_copy(update={"size": SizeConfig()})
    if evaluate is not None:
        common = OwnChildrenConfig.model_fields.keys() - {"kind", "evaluate"}
        given = config.children.model_dump(include=set(common))
        changes["children"] = OwnChildrenConfig(evaluate=INLINE, **given)
    if not changes:
        return config
    document = config.model_copy(update=changes).model_dump(mode="json")
    return parse_config(document, source="nas_lib.search")
