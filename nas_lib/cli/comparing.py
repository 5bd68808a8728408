"""`nas compare`: searches beside each other, and controllers."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from nas_lib.cli.addresses import WITH_TORCH_MB, require_addresses
from nas_lib.cli.configuring import load, load_stored, print_json, set_option, workers_option
from nas_lib.cli.results import write_page
from nas_lib.errors import ConfigError, one_line

if TYPE_CHECKING:
    from nas_lib.engine.repetitions import Subject
    from nas_lib.results import Comparison

_PAGE = "compare.html"
_ONLY_AGAINST = ("seeds", "store", "workers", "overrides")


@click.command()
@click.argument("searches", metavar="SEARCH|CONFIG...", nargs=-1, required=True)
@click.option(
    "--against",
    metavar="KIND,...",
    help="Search with the controller of a CONFIG, a preset or a SEARCH, and with these too.",
)
@click.option("--seeds", type=int, help="Searches of each controller; by default 3.")
@click.option("--store", help="Below which they lie; by default the folder runs/<name>-compare.")
@workers_option
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    help="Also write an HTML page; with --against there is one below the store anyway.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@set_option
@click.pass_context
def compare(
    context: click.Context,
    searches: tuple[str, ...],
    against: str | None,
    seeds: int | None,
    store: str | None,
    workers: int | None,
    output: Path | None,
    as_json: bool,
    overrides: tuple[str, ...],
) -> None:
    """Compare searches at equal budget: best so far, mean of the top 1, 5, 15.

    Searches by shared weights (ENAS): what each took, what it found, how well shared weights rank.

    With --against random,evolution it runs what is compared: a search by each controller and seed,
    one after the other. The same command goes on, and runs nothing twice. A SEARCH that exists is
    the one of its controller and seed. The plot lies beside the page as SVG.
    """
    if against is None:
        for name in _ONLY_AGAINST:
            if context.params[name] not in (None, ()):
                option = "set" if name == "overrides" else name
                raise ConfigError(f"--{option} is for searches that --against has run: add that")
        if len(searches) < 2:
            raise ConfigError(
                "comparing takes at least two searches, got one; --against random runs others to "
                "compare it with"
            )
        from nas_lib.engine import compare as compare_searches

        comparison = compare_searches(*searches)
    else:
        require_addresses(WITH_TORCH_MB)
        subjects = [_subject(each, overrides) for each in searches]
        comparison = _run(
            subjects, against, seeds=3 if seeds is None else seeds, store=store, workers=workers
        )
        output = output or _beside(subjects[0], store)
    _show(comparison, output, as_json=as_json)


def _subject(text: str, overrides: tuple[str, ...]) -> Subject:
    """Return what a user names: a file, a preset, or else a search."""
    from nas_lib.engine.repetitions import Subject
    from nas_lib.presets import PRESETS
    from nas_lib.store import layout

    is_preset = text in PRESETS and not Path(text, layout.SEARCH).is_file()
    if is_preset or Path(text).is_file():
        return Subject(load(text, overrides), source=one_line(text))
    return Subject(load_stored(text, overrides), source=one_line(text), uri=text)


def _run(
    subjects: list[Subject], against: str, *, seeds: int, store: str | None, workers: int | None
) -> Comparison:
    from nas_lib.cli.progress import progress
    from nas_lib.cli.searching import is_alive
    from nas_lib.engine.comparison import compare_controllers

    with progress(subjects[0].config) as listener:
        return compare_controllers(
            subjects,
            against=against,
            seeds=seeds,
            store=store,
            workers=workers,
            listener=listener,
            is_alive=is_alive,
        )


def _beside(subject: Subject, store: str | None) -> Path:
    """Return where the page goes: beside the searches, and from a bucket into this folder."""
    from nas_lib.engine.comparison import comparison_folder

    folder = store or comparison_folder(subject.config)
    return Path(_PAGE) if "://" in folder else Path(folder, _PAGE)


def _show(comparison: Comparison, output: Path | None, *, as_json: bool) -> None:
    from nas_lib import report
    from nas_lib.cli.console import console

    if output is not None:
        if output.suffix != ".svg":  # who asks for that wants the plot alone
            write_page(output, report.compare_page(comparison))
        plot = report.compare_plot(comparison)
        if plot:
            write_page(output.with_suffix(".svg"), plot, what="Plot")
    if as_json:
        print_json(report.compare_json(comparison))
    else:
        console().print(report.compare_table(comparison))
