"""Figures of a game by their peoples: a folder for each, and several pictures of each figure.

Debian's `wesnoth-1.16-data` (GPL 2 or later). The game's animations are many nearly equal pictures,
so a dozen of each figure are taken, and a figure's name begins the names of its pictures, up to
`__`: pictures of one figure must not be on both sides of the split.
"""

from __future__ import annotations

import re
import shutil
from collections import defaultdict
from pathlib import Path

from benchmarks.studies.sets.packages import debian_package

CLASSES = (
    *("drakes", "dunefolk", "dwarves", "elves-wood", "goblins", "human-loyalists", "human-magi"),
    *("human-outlaws", "monsters", "nagas", "orcs", "saurians", "undead", "undead-skeletal"),
)
MOST_OF_A_FIGURE = 12
_FIGURE = re.compile(r"[a-z]+")


def figure_of(name: str) -> str:
    """Return the figure that a picture shows: the first word of `fighter-ne-attack-3.png`."""
    found = _FIGURE.match(name)
    return found[0] if found else name


def some(paths: list[Path]) -> list[Path]:
    """Return at most a dozen of these, as far apart as they can be."""
    if len(paths) <= MOST_OF_A_FIGURE:
        return paths
    step = len(paths) / MOST_OF_A_FIGURE
    return [paths[int(number * step)] for number in range(MOST_OF_A_FIGURE)]


def write_sprites(packages: Path, folder: Path) -> None:
    """Write the set."""
    root = debian_package("wesnoth-1.16-data", packages)
    units = root / "usr/share/games/wesnoth/1.16/data/core/images/units"
    for people in CLASSES:
        figures: dict[str, list[Path]] = defaultdict(list)
        for path in sorted((units / people).rglob("*.png")):
            figures[figure_of(path.name)].append(path)
        (folder / people).mkdir(parents=True, exist_ok=True)
        for figure, paths in figures.items():
            for path in some(paths):
                shutil.copyfile(path, folder / people / f"{figure}__{path.name}")
