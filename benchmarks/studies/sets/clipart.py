"""Drawings in seven classes: the Open Clip Art Library, a folder for each of its subjects.

Debian's `openclipart-png`; its authors gave them to the public domain. Sizes and proportions are
all kinds; the rarest class has a sixth of the commonest.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from benchmarks.studies.sets.packages import debian_package

CLASSES = ("animals", "buildings", "food", "people", "plants", "tools", "transportation")


def write_clipart(packages: Path, folder: Path) -> None:
    """Write the set: its subjects' own subfolders are left out, so that classes are flat."""
    library = debian_package("openclipart-png", packages) / "usr/share/openclipart/png"
    for subject in CLASSES:
        pictures = folder / subject
        pictures.mkdir(parents=True, exist_ok=True)
        for path in sorted((library / subject).rglob("*.png")):
            inner = path.relative_to(library / subject)
            shutil.copyfile(path, pictures / "_".join(inner.parts))
