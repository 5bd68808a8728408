"""`nas search`."""

from __future__ import annotations

import click

from nas_lib.cli.configuring import config_argument, load, print_json, set_option


@click.command()
@config_argument
@click.option("--store", help="Where the state lies; by default the folder runs/<name>.")
@click.option("--rounds", type=click.IntRange(min=1), help="Do at most so many rounds now.")
@click.option(
    "--workers",
    type=click.IntRange(min=1),
    help="Children trained at once; by default one per CPU.",
)
@click.option("--top", default=10, show_default=True, help="Length of the leaderboard at the end.")
@click.option("--json", "as_json", is_flag=True, help="Print the leaderboard as JSON.")
@set_option
def search(
    config: str,
    store: str | None,
    rounds: int | None,
    workers: int | None,
    top: int,
    as_json: bool,
    overrides: tuple[str, ...],
) -> None:
    """Run the search of a CONFIG (a YAML file, or a preset's name), or go on with it.

    Ctrl-C or a crash loses nothing that is finished: the same command continues. A larger
    search.max_children continues a finished search.
    """
    settings = load(config, overrides)

    from nas_lib import engine
    from nas_lib.cli.progress import progress
    from nas_lib.report import leaderboard_json
    from nas_lib.steps import REPORT
    from nas_lib.store import layout

    with progress(settings) as listener:
        handle = engine.search(
            settings, store=store, workers=workers, rounds=rounds, listener=listener
        )
    if as_json:
        print_json(leaderboard_json(handle.view, top))
        return
    from nas_lib.cli.results import print_leaderboard

    print_leaderboard(handle.view, top)
    click.echo(f"Report: {handle.uri}/{layout.report(handle.run, REPORT)}")
