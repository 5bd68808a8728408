"""`nas top` and `nas report`: what a search has come to."""

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
    from nas_lib.steps import view_for_page, view_search

    opened = OpenSearch(search)
    view = view_search(opened)
    if as_json:
        print_json(leaderboard_json(view, None))
    else:
        write_page(output, search_page(view_for_page(opened, view)))


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


def write_page(output: Path, page: str, *, what: str = "Report") -> None:
    """Write a file, and say so on standard error."""
    try:
        output.write_text(page, encoding="utf-8")
    except OSError as err:
        raise ConfigError(f"cannot write {one_line(output)}: {err.strerror}") from err
    click.echo(f"{what}: {output}", err=True)
