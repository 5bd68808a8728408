"""`nas transfer`: networks that were found elsewhere, for another task."""

from __future__ import annotations

import click

from nas_lib.cli.configuring import load_transfer
from nas_lib.cli.training import (
    check_choice,
    print_trained,
    references_text,
    training_options,
)

_SIZES = ("cells", "filters", "large_stem", "hidden", "parameters", "multiply_adds")


@click.command()
@click.argument("source", metavar="SEARCH|CELL")
@click.argument("config", metavar="CONFIG")
@click.option("--store", help="Where the state lies; by default the folder runs/<name>.")
@click.option("--cells", type=int, help="Cells of the networks, as final.size.cells counts them.")
@click.option("--filters", type=int, help="Their filters in the first stage.")
@click.option(
    "--large-stem", type=int, help="A stem for large images, where networks have one: channels."
)
@click.option("--hidden", type=int, help="Units of recurrent networks.")
@click.option(
    "--parameters", type=int, help="As large as may be with so many, in the sizes not given."
)
@click.option("--multiply-adds", type=int, help="Likewise, for one image or word.")
@training_options
def transfer(
    source: str,
    config: str,
    store: str | None,
    top: int | None,
    networks: tuple[str, ...],
    seeds: int | None,
    references: bool,
    names: tuple[str, ...],
    workers: int | None,
    as_json: bool,
    overrides: tuple[str, ...],
    **sizes: int | None,
) -> None:
    """Train networks that were found elsewhere for the task of a CONFIG, and use the winner.

    They are the best of a finished SEARCH, or published cells by name (CELL), such as enas-micro.
    Of the CONFIG (a YAML file, or a preset's name) its task, final training and resources count;
    what it says of its space and of how to search has no meaning here. Without a size, networks
    are as large as its final.size says, where that is for such networks, else as the SEARCH has
    it. The same command continues.
    """
    check_choice(networks, top)
    from nas_lib.config_file import apply_overrides, parse_config

    given = {f"size.{name}": sizes[name] for name in _SIZES} | {"seeds": seeds}
    changes = [f"final.{name}={value}" for name, value in given.items() if value is not None]
    settings = load_transfer(source, config, (*overrides, *changes), top=top, networks=networks)
    if references or names:
        document = settings.model_dump(mode="json")
        wanted = f"final.references={references_text(settings, names)}"
        settings = parse_config(apply_overrides(document, [wanted]), source=config)

    from nas_lib import engine
    from nas_lib.cli.progress import progress
    from nas_lib.cli.searching import is_alive

    with progress(settings) as listener:
        handle = engine.search(
            settings, store=store, workers=workers, listener=listener, is_alive=is_alive
        )
    print_trained(handle, as_json=as_json)
