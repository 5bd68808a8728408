"""`nas train`: from the networks that a search recommends to one that is used."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeVar

import click

from nas_lib.cli.configuring import load_stored, print_json, set_option, workers_option
from nas_lib.cli.results import search_argument
from nas_lib.errors import ConfigError

if TYPE_CHECKING:
    from nas_lib.config import SearchConfig
    from nas_lib.engine import SearchHandle
    from nas_lib.results import SearchView


F = TypeVar("F", bound=Callable[..., Any])


def training_options(command: F) -> F:
    """Add what commands take that train networks to the end: which, how often, beside what."""
    options = (
        click.option(
            "--top", type=click.IntRange(1, 1000), help="Train so many of the best networks."
        ),
        click.option("--seeds", type=click.IntRange(1, 1000), help="Train each so often."),
        click.option(
            "--network",
            "networks",
            multiple=True,
            metavar="ID|TEXT",
            help="Train this one: a child, by its id, or an architecture as tables show it; "
            "repeatable.",
        ),
        click.option(
            "--references", is_flag=True, help="Train known networks beside them, to compare."
        ),
        click.option(
            "--reference", "names", multiple=True, help="Such as resnet-20: this one; repeatable."
        ),
        workers_option,
        click.option("--json", "as_json", is_flag=True, help="Print what came out as JSON."),
        set_option,
    )
    for option in reversed(options):  # the last one that is added comes first in the help
        command = option(command)
    return command


@click.command()
@search_argument
@training_options
def train(
    search: str,
    top: int | None,
    seeds: int | None,
    networks: tuple[str, ...],
    references: bool,
    names: tuple[str, ...],
    workers: int | None,
    as_json: bool,
    overrides: tuple[str, ...],
) -> None:
    """Train the best networks of a finished SEARCH, each by several seeds, and use the winner.

    The winner is trained once more, on all data but the test's. How, its document says under
    `final`; --set final.children.epochs=50 says otherwise. The same command continues.
    """
    check_choice(networks, top)
    config = load_stored(search, _checked(overrides))
    wanted = references_text(config, names) if references or names else None
    given = {"seeds": seeds, "references": wanted}
    own = [f"final.{name}={value}" for name, value in given.items() if value is not None]
    config = load_stored(search, (*overrides, *own))

    from nas_lib import engine
    from nas_lib.cli.progress import progress
    from nas_lib.cli.searching import is_alive

    is_asked = any(override.startswith("final.top=") for override in overrides)
    with progress(config) as listener:
        handle = engine.train_best(
            search,
            top=config.final.top if is_asked and top is None else top,
            networks=networks,
            settings=config.final,
            workers=workers,
            listener=listener,
            is_alive=is_alive,
        )
    print_trained(handle, as_json=as_json)


def check_choice(networks: tuple[str, ...], top: int | None) -> None:
    """Refuse both of two ways to say which networks."""
    if networks and top is not None:
        raise ConfigError("--top and --network both say which networks: choose one")


def print_trained(handle: SearchHandle, *, as_json: bool) -> None:
    """Print what came of the final trainings that a run did, or found done."""
    from nas_lib.cli.results import print_parts
    from nas_lib.report import model_json, terminal_final

    view = replace(handle.view, finals=tuple(_trained(handle)))
    if as_json:
        print_json({"uri": handle.uri, "model": model_json(view), **finals_json(handle)})
    else:
        print_parts(terminal_final(view))
        print_report(handle)


def finals_json(handle: SearchHandle) -> dict[str, Any]:
    """Return what became of a search's best networks as plain data; empty where nothing did."""
    from nas_lib.report import leaderboard_json

    finals = [leaderboard_json(view, None) for view in _trained(handle)]
    return {"finals": finals} if finals else {}


def print_report(handle: SearchHandle) -> None:
    """Print where the models are that a run has made or found, and its report."""
    from nas_lib.steps import REPORT
    from nas_lib.store import layout

    for uri in handle.trained:
        model = layout.winners_model(layout.final_key(uri))
        if model in handle.view.models:
            place = shlex.quote(f"{handle.uri}/{layout.model_folder(model)}")
            click.echo(f"Model: {place}; use it by nas predict {place} FILE")
    click.echo(f"Report: {handle.uri}/{layout.report(handle.run, REPORT)}")


def _trained(handle: SearchHandle) -> list[SearchView]:
    """Return the final trainings that a run did, or found done."""
    return [view for view in handle.view.finals if view.uri in handle.trained]


def _checked(overrides: tuple[str, ...]) -> tuple[str, ...]:
    """Refuse settings of the search: they are what it was."""
    for override in overrides:
        if not override.startswith("final."):
            raise ConfigError(
                f"nas train changes settings of final, as final.children.epochs=50, got {override}"
            )
    return overrides


def references_text(config: SearchConfig, names: tuple[str, ...]) -> str:
    """Return which known networks are meant, as YAML has a list."""
    import json

    from nas_lib.spaces.references import STANDARD

    return json.dumps(names or config.final.references or STANDARD[config.task.kind])
