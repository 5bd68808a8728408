"""`python -m benchmarks.studies.sets FOLDER [NAME ...]` fetches sets and lays them out there."""

from __future__ import annotations

import shutil
from pathlib import Path

import click

from benchmarks.studies.sets import WRITERS


@click.command()
@click.argument("folder", type=click.Path(path_type=Path))
@click.argument("names", nargs=-1, type=click.Choice(list(WRITERS)))
def main(folder: Path, names: tuple[str, ...]) -> None:
    """Write what there is not yet below FOLDER; packages are kept in its `packages`."""
    for name in names or tuple(WRITERS):
        if (folder / name).exists():
            continue
        half = folder / f"{name}.half"
        shutil.rmtree(half, ignore_errors=True)
        WRITERS[name](folder / "packages", half)
        half.rename(folder / name)
        click.echo(f"{folder / name}")


if __name__ == "__main__":
    main()
