"""`nas predict`: what a model says of files."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from nas_lib.errors import DataError, one_line, plural

if TYPE_CHECKING:
    from rich.progress import Progress

    from nas_lib.cli.answers import Form
    from nas_lib.models import AnyModel
    from nas_lib.models.bulk import Answer
    from nas_lib.models.files import FoundFile

_EVERY_S = 10.0  # a line of progress, where it is no terminal

model_argument = click.argument("model", metavar="MODEL")


@click.command()
@model_argument
@click.argument("files", metavar="FILE...", nargs=-1, required=True)
@click.option(
    "--top",
    type=click.IntRange(min=1),
    default=3,
    show_default=True,
    help="Show so many classes of each image or series, the most probable first.",
)
@click.option("--json", "as_json", is_flag=True, help="Print a JSON object per line.")
@click.option("--csv", "as_csv", is_flag=True, help="Print CSV.")
def predict(model: str, files: tuple[str, ...], top: int, as_json: bool, as_csv: bool) -> None:
    """Say what images or series are, how well a MODEL of texts can tell a text, or translate one.

    Of images that is their class, their labels or a number.

    MODEL is a folder that `nas export` wrote, a SEARCH (its newest final model, else its newest
    one), or SEARCH/models/<id>. FILE is a picture, a folder of pictures however deep, an array of
    images (.npy, .npz), or - for standard input; for a model of series, an array of them, a .ts
    file, or a table (CSV, JSON lines, Parquet) as its data were; for a model of texts, a text: of
    words its perplexity is said, of characters its bits per character. A model of translations
    translates each line of a text to a line, an empty one to an empty one.

    A file that cannot be read is told on standard error and the others are predicted; then the
    exit code is 2.
    """
    from nas_lib.models import ImageModel, LabelModel, SeriesModel, open_model
    from nas_lib.models.files import find_files

    if as_json and as_csv:
        raise click.UsageError("--json and --csv are two forms: choose one")
    opened = open_model(model)
    opened.load()  # what is wrong with it is told before anything is read
    found = find_files(files)
    has_classes = isinstance(opened, ImageModel | LabelModel | SeriesModel)
    top = min(top, len(opened.labels)) if has_classes else 0
    form = _form(as_json, as_csv, opened, top)
    errors, num_left_out = [], 0
    with _progress(len(found), form) as progress:
        for answer in _answers(opened, found, top):
            progress.reached(answer.number, answer.line)
            if answer.is_left_out:
                num_left_out += 1
            elif answer.notice:
                progress.note(answer.notice)
            elif answer.error:
                errors.append(answer.error)
                progress.say(answer.error)
            else:
                form.add(answer)
            if _nobody_reads():
                return
    form.end()
    _conclude(len(found), errors, num_left_out)


def _form(as_json: bool, as_csv: bool, model: AnyModel, num_classes: int) -> Form:
    from nas_lib.cli.answers import Csv, JsonLines, Lines, Table
    from nas_lib.models import LabelModel, TranslationModel

    if as_json:
        return JsonLines(columns=model.columns)
    several = isinstance(model, LabelModel)
    if as_csv:
        return Csv(num_classes=num_classes, columns=model.columns, several=several)
    if isinstance(model, TranslationModel):
        return Lines()
    return Table(num_classes=num_classes, columns=model.columns, several=several)


def _answers(model: AnyModel, files: Sequence[FoundFile], top: int) -> Iterator[Answer]:
    from nas_lib.models.bulk import answers_of
    from nas_lib.models.files import STDIN

    is_given = any(file.path == STDIN for file in files)
    stdin = sys.stdin.buffer.read() if is_given and sys.stdin is not None else b""
    return answers_of(model, files, top=top, stdin=stdin)


def _nobody_reads() -> bool:
    """Say whether output goes nowhere any more, as into `head` that has seen enough."""
    return getattr(getattr(sys.stdout, "live", None), "failure", None) is not None


def _conclude(num: int, errors: Sequence[str], num_left_out: int) -> None:
    """Say how many files could not be used.

    Raises:
        DataError: There are such files, or none that could.
    """
    if errors and num == 1:
        raise DataError(errors[0])
    if errors:
        raise DataError(f"{len(errors):,} of {plural(num, 'file')} cannot be used, as said above")
    if num_left_out == num:
        raise DataError(f"expected images, got none among {plural(num, 'file')}")
    if num_left_out:
        click.echo(f"left out, being no images: {plural(num_left_out, 'file')}", err=True)


# --- progress ------------------------------------------------------------------------------------


class _Progress:
    """How far it has got: a line per while. On standard error."""

    def __init__(self, num: int) -> None:
        self._num = num
        self._told_s = time.monotonic()

    def reached(self, number: int, line: int) -> None:
        """Say from time to time that so many files, and lines of the next one, are done."""
        if (number or line) and time.monotonic() - self._told_s >= _EVERY_S:
            self._told_s = time.monotonic()
            lines = f", line {line:,} of the next one" if line else ""
            click.echo(f"{number:,} of {plural(self._num, 'file')}{lines}", err=True)

    def note(self, line: str) -> None:
        """Say what is to be known of a file that could be used."""
        click.echo(one_line(line), err=True)

    def say(self, line: str) -> None:
        """Say what is wrong with a file; of a single one the command does, as it ends."""
        if self._num > 1:
            self.note(line)


class _LiveProgress(_Progress):
    """A bar that changes."""

    def __init__(self, num: int, bar: Progress) -> None:
        super().__init__(num)
        self._bar = bar
        self._task = bar.add_task("predicting", total=num)

    def reached(self, number: int, line: int) -> None:
        """Show it."""
        what = f"predicting line {line:,}" if line else "predicting"
        self._bar.update(self._task, completed=number, description=what)

    def note(self, line: str) -> None:
        """Say it above the bar."""
        self._bar.console.print(one_line(line), markup=False, soft_wrap=True)


@contextmanager
def _progress(num: int, form: Form) -> Iterator[_Progress]:
    from nas_lib.cli.console import console

    shown = console(stderr=True)
    if not shown.is_terminal or (form.is_at_once and sys.stdout.isatty()):
        yield _Progress(num)
        return
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (
        TextColumn("{task.description}"),
        BarColumn(24),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    # standard output stays where it is: rich would take it along to standard error
    with Progress(
        *columns, console=shown, transient=True, redirect_stdout=False, redirect_stderr=False
    ) as bar:
        yield _LiveProgress(num, bar)
