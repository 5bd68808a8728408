"""`nas transfer`: networks that were found elsewhere, for another task."""

from __future__ import annotations

import click

from nas_lib.cli.configuring import load_transfer, set_option, workers_option
from nas_lib.cli.training import check_choice, print_trained, references_text

_SIZES = ("cells", "filters", "large_stem", "parameters", "multiply_adds")


@click.command()
@click.argument("source", metavar="SEARCH|CELL")
@click.argument("config", metavar="CONFIG")
@click.option("--store", help="Where the state lies; by default the folder runs/<name>.")
@click.option("--top", type=click.IntRange(1, 1000), help="Train so many of the best networks.")
@click.option(
    "--network",
    "networks",
    multiple=True,
    metavar="ID|TEXT",
    help="Train this one: a child, by its id, or an architecture as tables show it; repeatable.",
)
@click.option("--cells", type=int, help="Cells of the networks, as final.size.cells counts them.")
@click.option("--filters", type=int, help="Their filters in the first stage.")
@click.option(
    "--large-stem", type=int, help="A stem for large images, where networks have one: channels."
)
@click.option(
    "--parameters", type=int, help="As large as may be with so many, in cells and filters."
)
@click.option("--multiply-adds", type=int, help="Likewise, for one image.")
@click.option("--seeds", type=click.IntRange(1, 1000), help="Train each so often.")
@click.option("--references", is_flag=True, help="Train known networks beside them, to compare.")
@click.option(
    "--reference", "names", multiple=True, help="Such as resnet-20: this one; repeatable."
)
@workers_option
@click.option("--json", "as_json", is_flag=True, help="Print what came out as JSON.")
@set_option
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
    what it says of its space and of how to search has no meaning here. Without --cells or
    --filters, networks are as large as its final.size says, where that is for such networks, else
    as the SEARCH has it. The same command continues.
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
