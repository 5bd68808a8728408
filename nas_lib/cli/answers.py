"""What a model said of files: as a table or lines, as JSON lines or as CSV."""

from __future__ import annotations

import csv
import json
import math
import sys
from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, ClassVar, Final

import click

if TYPE_CHECKING:
    from nas_lib.models.bulk import Answer

_SEPARATOR: Final = "|"
"""Between labels, as `task.data.separator` has it."""


class Form(ABC):
    """Shows answers.

    Attributes:
        is_at_once: Whether each is shown when it comes; else all of them are at the end.
    """

    is_at_once: ClassVar[bool]

    @abstractmethod
    def add(self, answer: Answer) -> None:
        """Take an answer that is no error."""

    def end(self) -> None:  # noqa: B027  # most have nothing to do
        """Show what is not shown yet."""


class JsonLines(Form):
    """An object per line; numbers that JSON has not are null."""

    is_at_once = True

    def __init__(self, *, columns: Sequence[str]) -> None:
        """Take what that is called which is said of a text, or an image's number."""
        self._columns = columns

    def add(self, answer: Answer) -> None:
        """Print it."""
        line: dict[str, object] = {"file": answer.name}
        if answer.labels is not None:
            line |= {"labels": answer.labels, "probabilities": answer.classes}
        elif answer.classes is not None:
            label, probability = next(iter(answer.classes.items()))
            line |= {"label": label, "probability": probability, "probabilities": answer.classes}
        if answer.values:
            line |= dict(zip(self._columns, map(_of_json, answer.values), strict=True))
        click.echo(json.dumps(line))


class Csv(Form):
    """A line per answer, below one that names the columns."""

    is_at_once = True

    def __init__(self, *, num_classes: int, columns: Sequence[str], several: bool = False) -> None:
        """Print the names of the columns.

        Args:
            num_classes: Columns for classes; 0 where nothing is classified.
            columns: What is said else.
            several: Whether an image may have several labels.
        """
        self._writer = csv.writer(sys.stdout, lineterminator="\n")
        pairs = [("label", "probability")]
        pairs += [(f"label_{place}", f"probability_{place}") for place in range(2, num_classes + 1)]
        columns = [name for pair in pairs for name in pair] if num_classes else columns
        self._writer.writerow(["file", *(["labels"] if several else []), *columns])

    def add(self, answer: Answer) -> None:
        """Print it."""
        values: list[object] = [answer.name]
        if answer.labels is not None:
            values.append(_SEPARATOR.join(answer.labels))
        for pair in _items(answer):
            values += pair
        values += answer.values
        self._writer.writerow(values)
        sys.stdout.flush()


class Lines(Form):
    """Translations, and nothing else: as many lines as there were."""

    is_at_once = True

    def add(self, answer: Answer) -> None:
        """Print it."""
        click.echo(answer.translation)


class Table(Form):
    """A table, once all answers are there."""

    is_at_once = False

    def __init__(self, *, num_classes: int, columns: Sequence[str], several: bool = False) -> None:
        """Take how many classes there are columns for, or what else is said; as `Csv` does."""
        from rich.box import SIMPLE_HEAD
        from rich.table import Table as RichTable

        self._table = RichTable(box=SIMPLE_HEAD)
        of_text = [name.capitalize().replace("_", " ") for name in columns]
        names = ["File", *of_text]
        if num_classes:
            names = ["File", "Label", "Probability", "Next"][: 3 + (num_classes > 1)]
        if several:
            names = ["File", "Labels", "Most probable"]
        for name in names:
            is_number = name == "Probability" or name in of_text
            self._table.add_column(name, justify="right" if is_number else "left", overflow="fold")

    def add(self, answer: Answer) -> None:
        """Add a row."""
        if answer.labels is not None:
            probable = (f"{name} {_percent(value)}" for name, value in _items(answer))
            row = [", ".join(answer.labels) or "-", ", ".join(probable)]
        elif answer.classes is not None:
            (label, probability), *others = answer.classes.items()
            next_ones = [", ".join(f"{name} {_percent(value)}" for name, value in others)]
            row = [label, _percent(probability), *(next_ones if others else [])]
        else:
            row = [
                f"{value:,.5g}" if isinstance(value, float) else f"{value:,}"
                for value in answer.values
            ]
        self._table.add_row(answer.name, *row)

    def end(self) -> None:
        """Print the table, if it has a row."""
        from nas_lib.cli.console import console

        if self._table.row_count:
            console().print(self._table)


def _items(answer: Answer) -> Iterable[tuple[str, float]]:
    return (answer.classes or {}).items()


def _of_json(value: str | int | float) -> str | int | float | None:
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _percent(probability: float) -> str:
    return f"{100 * probability:.1f} %"
