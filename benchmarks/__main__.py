"""`python -m benchmarks [FIGURE ...] [--json FILE]`: measure, and print a table."""

from __future__ import annotations

import importlib
from pathlib import Path

import click
from rich import box
from rich.console import Console
from rich.table import Column, Table

from benchmarks.figure import Figure, write_figures
from benchmarks.machine import facts

MODULES = (
    *("startup", "controller", "overhead", "workers", "top", "large", "shared_text"),
    *("shared_images", "proposals", "photographs"),
)

_MET = {None: "", True: "yes", False: "no"}


@click.command()
@click.argument("modules", metavar="[FIGURE]...", nargs=-1, type=click.Choice(MODULES))
@click.option("--json", "output", type=click.Path(path_type=Path), help="Also write JSON.")
def main(modules: tuple[str, ...], output: Path | None) -> None:
    """Measure some figures, by default all.

    They are: startup, controller, overhead, workers, top, large, shared_text, shared_images,
    proposals, photographs.
    """
    machine = facts()
    figures: list[Figure] = []
    for name in modules or MODULES:
        click.echo(f"measuring {name} ...", err=True)
        figures += importlib.import_module(f"benchmarks.{name}").measure()
    Console().print(_table(figures))
    click.echo(", ".join(f"{fact}: {value}" for fact, value in machine.items()))
    if output is not None:
        write_figures(figures, machine, output)


def _table(figures: list[Figure]) -> Table:
    table = Table(
        Column("Figure", no_wrap=True),
        *(Column(name, justify="right") for name in ("Value", "Target", "Met")),
        box=box.SIMPLE_HEAD,
    )
    for figure in figures:
        table.add_row(figure.name, figure.text, figure.target, _MET[figure.is_met])
    return table


if __name__ == "__main__":
    main()
