"""`nas data`: what there is to know of data before they are searched."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from nas_lib.cli.beginning import is_data_path, is_search
from nas_lib.cli.configuring import format_option, load, load_stored, print_json, set_option
from nas_lib.cli.results import write_page
from nas_lib.errors import ConfigError, DataError

if TYPE_CHECKING:
    from nas_lib.config import SearchConfig


@click.group()
def data() -> None:
    """Look at data before they are searched."""


@data.command()
@click.argument("what", metavar="PATH|CONFIG")
@format_option
@click.option("--html", type=click.Path(path_type=Path), help="Write a page with pictures, too.")
@click.option("--strict", is_flag=True, help="Exit with 1 where there is a warning.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@set_option
def check(
    what: str,
    format_name: str | None,
    html: Path | None,
    strict: bool,
    as_json: bool,
    overrides: tuple[str, ...],
) -> int:
    """Look at all data of a CONFIG, or at a PATH, and say what is wrong with them.

    Classes and their sizes, equal and nearly equal images or series on two sides of the split that
    the search makes, all files that cannot be read, types, sizes and proportions of pictures.

    Exits with 2 where a search would not begin, and else with 0; with --strict with 1 where there
    is a warning.
    """
    config = _config(what, format_name, overrides)
    from nas_lib.data_check import check_data, contact_sheet, lines

    found = check_data(config, with_pictures=html is not None)
    if as_json:
        print_json(found.as_json())
    else:
        click.echo("\n".join(lines(found)))
    if html is not None:
        write_page(html, contact_sheet(found), what="Page")
    if found.refusal:
        raise DataError(found.refusal)
    return int(strict and bool(found.of("warning")))


def _config(what: str, format_name: str | None, overrides: tuple[str, ...]) -> SearchConfig:
    """Return the configuration whose data are meant."""
    if is_data_path(what):
        from nas_lib.starting_documents import untimed_config

        return untimed_config(what, format_name=format_name, overrides=overrides)
    if format_name is not None:
        raise ConfigError("--format is for a PATH of data: a CONFIG says it itself")
    return load_stored(what, overrides) if is_search(what) else load(what, overrides)
