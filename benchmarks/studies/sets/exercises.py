"""Seven exercises of the shoulder as a watch felt them: a table with a row for each step of time.

PyPI's `seglearn` (BSD) has the recordings: 10 people, 7 exercises, both arms, 50 times a second
acceleration and rotation along three axes. They are cut into pieces of 128 steps (2.6 seconds) that
overlap by half; those of one person are of one group.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.studies.sets.packages import python_package

STEPS, EVERY = 128, 64


def pieces(recording: np.ndarray[Any, Any]) -> Iterator[np.ndarray[Any, Any]]:
    """Yield pieces `[STEPS, C]` of a recording `[T, C]`, each begun half a piece after the last."""
    for start in range(0, len(recording) - STEPS + 1, EVERY):
        yield recording[start : start + STEPS]


def write_exercises(packages: Path, folder: Path) -> None:
    """Write the table."""
    package = python_package("seglearn==1.2.5", packages)
    # the package has it as Python objects, which numpy reads only if it is told to
    found = np.load(package / "seglearn/data/watch_dataset.npy", allow_pickle=True).item()
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "exercises.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(("series", "time", *found["X_labels"], "label", "group"))
        number = 0
        for recording, exercise, person in zip(
            found["X"], found["y"], found["subject"], strict=True
        ):
            for piece in pieces(recording):
                told = (found["y_labels"][exercise], f"person {person}")
                for step, values in enumerate(piece):
                    writer.writerow((number, step, *(f"{value:.4g}" for value in values), *told))
                number += 1
