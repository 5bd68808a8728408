"""`nas search`."""

from __future__ import annotations

import os

import click

from nas_lib.cli.beginning import beginning
from nas_lib.cli.configuring import (
    format_option,
    hours_option,
    print_json,
    set_option,
    workers_option,
)


@click.command()
@click.argument("config", metavar="[CONFIG|PATH]", required=False)
@click.option("--store", help="Where the state lies; by default the folder runs/<name>.")
@hours_option
@format_option
@click.option("--rounds", type=click.IntRange(min=1), help="Do at most so many rounds now.")
@workers_option
@click.option(
    "--replica",
    "replicas",
    type=click.IntRange(min=0),
    multiple=True,
    help="Work on this replica only, and leave the others to other machines; repeatable.",
)
@click.option("--top", default=10, show_default=True, help="Length of the leaderboard at the end.")
@click.option("--json", "as_json", is_flag=True, help="Print the leaderboard as JSON.")
@set_option
def search(
    config: str | None,
    store: str | None,
    hours: float | None,
    format_name: str | None,
    rounds: int | None,
    workers: int | None,
    replicas: tuple[int, ...],
    top: int,
    as_json: bool,
    overrides: tuple[str, ...],
) -> None:
    """Run the search of a CONFIG (a YAML file, or a preset's name), or go on with it.

    Or that of data of your own at a PATH: a document is proposed for them, as nas init --data does,
    and followed. A PATH where a search lies goes on with that.

    With final.follows it goes on with the final training (nas train) once it is finished.

    Ctrl-C or a crash loses nothing that is finished: the same command continues. Without CONFIG,
    the search in --store goes on, for instance with --set search.max_children=500.
    """
    settings, store = beginning(config, store, hours, format_name, overrides)

    from nas_lib import engine
    from nas_lib.cli.progress import progress
    from nas_lib.report import leaderboard_json

    with progress(settings) as listener:
        handle = engine.search(
            settings,
            store=store,
            workers=workers,
            rounds=rounds,
            replicas=replicas or None,
            listener=listener,
            is_alive=is_alive,
        )
    from nas_lib.cli.results import print_results
    from nas_lib.cli.training import finals_json, print_report

    if as_json:
        print_json({**leaderboard_json(handle.view, top), **finals_json(handle)})
        return
    print_results(handle.view, top)
    print_report(handle)


def is_alive(run: str) -> bool | None:
    """Ask Kubeflow about another run, where there is a way to it from here."""
    if not os.environ.get("KF_PIPELINES_ENDPOINT"):
        return None
    try:
        from nas_lib.cluster import own_run
    except ModuleNotFoundError:  # without Kubeflow's SDK
        return None
    return own_run.is_alive(run)
