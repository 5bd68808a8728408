"""What the studies share: where things lie, means with their spread, tables, results."""

from __future__ import annotations

import json
import math
import platform
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

import torch

RUNS = Path("runs/studies")
RESULTS = Path("benchmarks/results")


@dataclass(frozen=True)
class Spread:
    """The mean of some values, and its standard error (nan for a single value)."""

    mean: float
    standard_error: float

    @classmethod
    def of(cls, values: Iterable[float]) -> Spread:
        """Return the mean and standard error of these values, at least one."""
        known = list(values)
        error = stdev(known) / math.sqrt(len(known)) if len(known) > 1 else math.nan
        return cls(fmean(known), error)

    def text(self, digits: int = 4) -> str:
        """Return it as `0.9712 +- 0.0031`."""
        error = "" if math.isnan(self.standard_error) else f" +- {self.standard_error:.{digits}f}"
        return f"{self.mean:.{digits}f}{error}"


def paired(values: Sequence[float], base: Sequence[float]) -> list[float]:
    """Return the differences of values that belong together, seed by seed."""
    return [value - other for value, other in zip(values, base, strict=True)]


def wins(differences: Sequence[float]) -> str:
    """Return how many of the paired differences are above 0, as `9/10`."""
    return f"{sum(difference > 0 for difference in differences)}/{len(differences)}"


def compare_arms(
    title: str,
    found: Mapping[str, Sequence[Mapping[str, float]]],
    *,
    base: str,
    others: Sequence[str],
) -> None:
    """Print each measure of all arms, and by how much some of them differ from one.

    Args:
        title: Of the table.
        found: The measures of each arm's searches, seed by seed.
        base: The arm against which others are held.
        others: Those arms.
    """
    rows = []
    for measure in found[base][0]:
        values = {arm: [each[measure] for each in searches] for arm, searches in found.items()}
        row = [measure, *(Spread.of(values[arm]).text() for arm in found)]
        for arm in others:
            differences = paired(values[arm], values[base])
            row += [Spread.of(differences).text(), wins(differences)]
        rows.append(row)
    compared = [column for arm in others for column in (f"{arm} - {base}", "wins")]
    print_table(title, ["reward", *found, *compared], rows)


def print_table(title: str, header: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Print a Markdown table with its title."""
    lines = [header, ["---"] * len(header), *rows]
    print(f"\n{title}\n")
    print("\n".join(f"| {' | '.join(map(str, line))} |" for line in lines), flush=True)


def write_result(name: str, result: Mapping[str, Any]) -> None:
    """Write what a study came to, with where and when it was measured."""
    where = {
        "study": name,
        "date": time.strftime("%Y-%m-%d"),
        "torch": torch.__version__,
        "machine": platform.machine(),
    }
    RESULTS.mkdir(parents=True, exist_ok=True)
    path = RESULTS / f"{name}.json"
    path.write_text(json.dumps({**where, **result}, indent=1) + "\n", encoding="utf-8")
    print(f"\nResults: {path}")
