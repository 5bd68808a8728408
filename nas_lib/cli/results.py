"""`nas top`, `nas report` and `nas compare`: what searches have come to."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from nas_lib.cli.configuring import print_json
from nas_lib.errors import ConfigError, one_line

if TYPE_CHECKING:
    from rich.table import Table

    from nas_lib.results import SearchView

search_argument = click.argument("search", metavar="SEARCH")


@click.command()
@search_argument
@click.option("--top", default=10, show_default=True, help="Show so many children.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def top(search: str, top: int, as_json: bool) -> None:
    """Show the best children of a SEARCH, its pace, and where its replicas stand."""
    from nas_lib.open_search import OpenSearch
    from nas_lib.report import leaderboard_json
    from nas_lib.steps import view_search

    view = view_search(OpenSearch(search))
    if as_json:
        print_json(leaderboard_json(view, top))
    else:
        print_results(view, top)


@click.command()
@search_argument
@click.option(
    "-o", "--output", type=click.Path(path_type=Path), default="report.html", show_default=True
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead, with every child.")
def report(search: str, output: Path, as_json: bool) -> None:
    """Write one self-contained HTML page on a SEARCH."""
    from nas_lib.open_search import OpenSearch
    from nas_lib.report import leaderboard_json, search_page
    from nas_lib.steps import view_search

    view = view_search(OpenSearch(search))
    if as_json:
        print_json(leaderboard_json(view, None))
    else:
        _write(output, search_page(view))


@click.command()
@click.argument("searches", metavar="SEARCH SEARCH...", nargs=-1, required=True)
@click.option("-o", "--output", type=click.Path(path_type=Path), help="Also write an HTML page.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def compare(searches: tuple[str, ...], output: Path | None, as_json: bool) -> None:
    """Compare searches at equal budget: best so far, mean of the top 1, 5, 15.

    Searches by shared weights (ENAS): what each took, what it found, how well shared weights rank.
    """
    from nas_lib import report as reports
    from nas_lib import results
    from nas_lib.cli.console import console
    from nas_lib.open_search import OpenSearch
    from nas_lib.steps import view_search

    if len(searches) < 2:
        raise ConfigError("comparing takes at least two searches, got one")
    comparison = results.compare([view_search(OpenSearch(search)) for search in searches])
    if output is not None:
        _write(output, reports.compare_page(comparison))
    if as_json:
        print_json(reports.compare_json(comparison))
    else:
        console().print(reports.compare_table(comparison))


def print_results(view: SearchView, top: int) -> None:
    """Print what there is to say of a search: its best children, its pace, what it found."""
    from nas_lib.report import terminal_parts

    print_parts(terminal_parts(view, top))


def print_parts(parts: Iterable[Table | str]) -> None:
    """Print tables and lines, in turn."""
    from nas_lib.cli.console import console

    shown = console()
    for part in parts:
        if isinstance(part, str):
            click.echo(part)
        else:
            shown.print(part)


def _write(output: Path, page: str) -> None:
    try:
        output.write_text(page, encoding="utf-8")
    except OSError as err:
        raise ConfigError(f"cannot write {one_line(output)}: {err.strerror}") from err
    click.echo(f"Report: {output}", err=True)
