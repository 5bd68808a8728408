"""export_model: what a search hands on, as a model in its store."""

from __future__ import annotations

from nas_lib.config import FinalsConfig, OwnChildrenConfig
from nas_lib.errors import ConfigError, NasError, one_line
from nas_lib.models import ModelInfo
from nas_lib.open_search import OpenSearch
from nas_lib.results import SearchView
from nas_lib.results.final import Outcome, outcome
from nas_lib.steps.reporting import view_search
from nas_lib.store import layout


class NothingToExportError(ConfigError):
    """A search has no network to hand on, or not yet."""


def export_model(search: OpenSearch, *, run: str, network: str = "") -> ModelInfo | None:
    """Store what a search hands on, unless it is stored; return what it is.

    That is the winner of its newest finished final training, or where it has none the best child.
    How fast it is, and known networks beside it, is measured on the way, once.

    Args:
        search: The search.
        run: This run.
        network: Another one than that: a child's id, `<key>-<child>` for a child of a final
            training, or `final-<key>` for its winner.

    Returns:
        None where no network is named, and there is none to hand on: the search is not finished, or
        trains nothing.

    Raises:
        ConfigError: There is no such network, its weights were not kept, or there is no onnx.
        NasError: The graph does what torch does not.
    """
    try:
        return require_model(search, run=run, network=network)
    except NothingToExportError:
        if network:
            raise
        return None


def require_model(search: OpenSearch, *, run: str, network: str = "") -> ModelInfo:
    """Do what `export_model` does, and say why where there is nothing to hand on.

    Raises:
        NothingToExportError: There is nothing.
    """
    if isinstance(search.config.children, OwnChildrenConfig):
        raise NothingToExportError(
            f"{search.uri} trains nothing here: its children are judged by others"
        )
    if isinstance(search.config.search, FinalsConfig):
        around, key = layout.around(search.uri), layout.final_key(search.uri)
        raise ConfigError(
            f"{search.uri} is a final training: name the search that it is of, {around}, and "
            f"--network {layout.winners_model(key)}"
        )
    view = view_search(search)
    final, child = _parts(search, network) if network else _choice(view)
    info = _of_final(search, view, final, child) if final else _of_search(search, view, child)
    _measure_references(search, view, run)
    return info


def _of_search(search: OpenSearch, view: SearchView, child: str) -> ModelInfo:
    from nas_lib.export.model import Candidate, make_model

    _require_child(view, child)
    return make_model(search.store, Candidate(child, search, child))


def _of_final(search: OpenSearch, view: SearchView, final: str, child: str) -> ModelInfo:
    """Return the model of a final training's child, of its winner where none is named."""
    from nas_lib.export.model import Candidate, make_model

    found = _final(view, final)
    opened = OpenSearch(found.view.uri)
    if child:
        _require_child(found.view, child)
        return make_model(search.store, Candidate(f"{final}-{child}", opened, child, final))
    if found.winner is None or found.handed_on is None:
        raise NothingToExportError(f"the final training {final} in {search.uri} has no winner yet")
    scores = found.winner.valid.scores if found.retrained else ()
    winner = Candidate(layout.winners_model(final), opened, found.handed_on.id, final, scores)
    return make_model(search.store, winner)


def _choice(view: SearchView) -> tuple[str, str]:
    """Return what a search hands on: a final training, or a child of its own."""
    for final in reversed(view.finals):
        if final.finished and not final.is_of_references and outcome(final).winner is not None:
            return layout.final_key(final.uri), ""
    if not view.finished:
        raise NothingToExportError(
            f"the search in {view.uri} is not finished: it has {view.how_far}; "
            "go on with it, or name one of them"
        )
    if view.best is None:
        raise NothingToExportError(f"none of the children in {view.uri} was trained to its end")
    return "", view.best.row.id


def _parts(search: OpenSearch, network: str) -> tuple[str, str]:
    try:
        return layout.model_parts(network)
    except ValueError as err:
        raise ConfigError(
            f"--network: expected the id of a child of {search.uri} such as r000-000017-03, "
            f"final-<key> or <key>-<child>, got {one_line(network, 80)}"
        ) from err


def _final(view: SearchView, key: str) -> Outcome:
    found = {layout.final_key(final.uri): final for final in view.finals}
    if key not in found:
        known = f"it has {', '.join(found)}" if found else "it has none"
        raise ConfigError(f"{view.uri} has no final training {key}: {known}")
    return outcome(found[key])


def _require_child(view: SearchView, child: str) -> None:
    row = next((row for row in view.rows if row.id == child), None)
    if row is None:
        raise ConfigError(f"{view.uri} has no finished child {child}")
    if row.repeat_of is not None:
        raise ConfigError(
            f"{child} in {view.uri} was not trained, it repeats {row.repeat_of}: export that one"
        )


def _measure_references(search: OpenSearch, view: SearchView, run: str) -> None:
    """Measure how fast the best seed of each known network is; what fails is noted."""
    from nas_lib.export.speed import measure_speed

    for final in view.finals:
        if not final.is_of_references or not final.finished:
            continue
        found, opened = outcome(final), OpenSearch(final.uri)
        for contender in found.best_of_each:
            try:
                measure_speed(opened, found.best_seed(contender).id)
            except NasError as err:
                search.store.note_problem(run=run, step="export_model", message=str(err))
