"""Files that a table names: looked for on the disk, and never out of the data's folder."""

from __future__ import annotations

import os
import stat
import unicodedata
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Final

from nas_lib.data.paths import is_of_a_system
from nas_lib.errors import one_line, plural
from nas_lib.tasks.images.readers.pictures import picture_suffixes

MISSING: Final = "whose files are not there"


class NamedFiles:
    """Finds files below a folder by what a table calls them."""

    def __init__(self, root: Path) -> None:
        """Take the folder that paths are relative to."""
        self._root = os.path.abspath(root)
        self._real_root = os.path.realpath(root)
        self._is_within: dict[str, bool] = {}  # of a folder, which is asked for again and again

    def find(self, name: str) -> tuple[str, str]:
        """Return a file's path from the folder on, and what is wrong with it, if anything is.

        Where there is none of that name, one with slashes for backslashes is taken, or one whose
        name is written with other characters for the same letters.
        """
        problem = MISSING
        for each in dict.fromkeys((name, *_variants(name))):
            path = os.path.normpath(os.path.join(self._root, each))
            place = self._below(path)
            if not place:
                problem = f"whose paths lead out of {one_line(self._root)}"
                continue
            found = self._problem(path)
            if found != MISSING:
                return place, found
        return name, problem

    def _below(self, path: str) -> str:
        for root in (self._root, self._real_root):
            if path.startswith(root.rstrip(os.sep) + os.sep):
                return path[len(root.rstrip(os.sep)) + 1 :]
        return ""

    def _problem(self, path: str) -> str:
        try:
            mode = os.lstat(path).st_mode
            if stat.S_ISLNK(mode):
                within = self._leads_within(path)
                mode = os.stat(path).st_mode
            else:
                folder = os.path.dirname(path)
                if folder not in self._is_within:
                    self._is_within[folder] = self._leads_within(folder)
                within = self._is_within[folder]
        except (OSError, ValueError):  # ValueError: a NUL in it
            return MISSING
        if not within:
            return f"that lead out of {one_line(self._root)} by a link"
        return "" if stat.S_ISREG(mode) else "that name no file"

    def _leads_within(self, path: str) -> bool:
        real = os.path.realpath(path)
        return real == self._real_root or real.startswith(self._real_root.rstrip(os.sep) + os.sep)


def _variants(name: str) -> Iterator[str]:
    yield name.replace("\\", "/")
    yield unicodedata.normalize("NFC", name)
    yield unicodedata.normalize("NFD", name)


def unnamed_notice(root: Path, places: Collection[str]) -> Iterator[str]:
    """Yield how many pictures lie where the named ones do, and are named by no line.

    Args:
        root: The folder that paths are relative to.
        places: The files that are named, quick to look up.
    """
    if not places:
        return
    folders = {os.path.dirname(place) for place in places}
    common = os.path.commonpath(folders) if "" not in folders else ""
    num, first = 0, ""
    begin = os.fspath(root / common)  # a root of `.` is no part of it
    for folder, deeper, files in os.walk(begin):
        within = os.path.join(common, folder[len(begin) :].lstrip(os.sep))
        deeper[:] = sorted(name for name in deeper if not is_of_a_system(name))
        for name in files:
            is_picture = os.path.splitext(name)[1].lower() in picture_suffixes()
            if is_picture and not is_of_a_system(name):
                place = os.path.join(within, name)
                if place not in places:
                    num += 1
                    first = min(first, place) if first else place
    if num:
        where = one_line(root / common, 100)
        yield (
            f"{plural(num, 'picture file')} in {where} named by no line, such as "
            f"{one_line(first, 60)}"
        )
