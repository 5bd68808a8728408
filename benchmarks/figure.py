"""Figure: a number that was measured, with its target beside it."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import click

from benchmarks.machine import facts


@dataclass(frozen=True)
class Figure:
    """One number.

    Attributes:
        name: What was measured, unit included.
        value: What it came to.
        at_least: The target of a figure that should be high.
        at_most: The target of a figure that should be low; without either, there is no target.
    """

    name: str
    value: float
    at_least: float | None = None
    at_most: float | None = None

    @property
    def text(self) -> str:
        """The value as people read it, to four digits."""
        digits = max(0, 3 - math.floor(math.log10(abs(self.value)))) if self.value else 0
        return f"{self.value:,.{digits}f}"

    @property
    def target(self) -> str:
        """The target in words, empty if there is none."""
        if self.at_least is not None:
            return f">= {self.at_least:,g}"
        return "" if self.at_most is None else f"<= {self.at_most:,g}"

    @property
    def is_met(self) -> bool | None:
        """Whether the target is met, None if there is none."""
        if self.at_least is not None:
            return self.value >= self.at_least
        return None if self.at_most is None else self.value <= self.at_most

    def as_dict(self) -> dict[str, str | float | bool | None]:
        """Return this as JSON has it."""
        return {
            "name": self.name,
            "value": float(f"{self.value:.4g}"),
            "target": self.target,
            "is_met": self.is_met,
        }


def write_figures(figures: Iterable[Figure], machine: Mapping[str, object], path: Path) -> None:
    """Write figures as JSON, with the machine that they are of."""
    results = {"machine": machine, "figures": [figure.as_dict() for figure in figures]}
    path.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")


def tell_figures(figures: Iterable[Figure], output: Path | None) -> None:
    """Print figures as they come, and write them, too, where a file is named."""
    machine, told = facts(), []  # of the machine before it is at work
    for figure in figures:
        click.echo(f"{figure.name}: {figure.text} {figure.target}".rstrip())
        told.append(figure)
    if output is not None:
        write_figures(told, machine, output)
