"""`nas refresh`: a search anew on data that have changed."""

from __future__ import annotations

import shlex

import click

from nas_lib.cli.configuring import (
    config_argument,
    load,
    print_json,
    set_option,
    workers_option,
)


@click.command()
@config_argument
@click.option(
    "--store",
    required=True,
    help="Where all these searches lie, side by side; the model in use is STORE/model.",
)
@workers_option
@click.option("--json", "as_json", is_flag=True, help="Print what came out as JSON.")
@set_option
def refresh(
    config: str, store: str, workers: int | None, as_json: bool, overrides: tuple[str, ...]
) -> None:
    """Search anew on the data of a CONFIG as they are now; put the better model in use.

    Each call is a search of its own, STORE/<time>. It begins with the best of the one before, and a
    final training follows. Its model takes the place of the one in use, STORE/model, only where it
    is better on new validation images. After Ctrl-C or a crash the same command goes on.
    """
    settings = load(config, overrides)

    from nas_lib import engine
    from nas_lib.cli.progress import progress
    from nas_lib.cli.searching import is_alive
    from nas_lib.cli.training import finals_json, print_report
    from nas_lib.report import leaderboard_json
    from nas_lib.report.succession import succession_lines
    from nas_lib.steps import as_fresh
    from nas_lib.store import layout

    with progress(as_fresh(settings)) as listener:
        handle = engine.refresh(
            settings, store, workers=workers, listener=listener, is_alive=is_alive
        )
    if as_json:
        print_json({**leaderboard_json(handle.view, None), **finals_json(handle)})
        return
    for line in succession_lines(handle.view):
        click.echo(line)
    print_report(handle)
    if handle.view.succession is not None:
        place = shlex.quote(f"{layout.above(handle.uri)[0]}/{layout.STABLE}")
        click.echo(f"In use: {place}; use it by nas predict {place} FILE")
