"""What a search of one's own data is called, and whether there is one already."""

from __future__ import annotations

import os
import re
import unicodedata
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Final

from nas_lib.config import SearchConfig
from nas_lib.data.archives import SUFFIXES
from nas_lib.data.paths import user_path
from nas_lib.presets import PRESETS
from nas_lib.store import SearchStore, layout

_LONGEST: Final = 36  # of 40, with room for a number
_PACKED: Final = (".gz", ".bz2", ".xz")


def free_name(path: str) -> str:
    """Return a name for a search of what lies at a path, of which there is no search here yet."""
    return next(name for name, stored in _names(path) if stored is None)


def begun_on(path: str) -> str | None:
    """Return where the search of this path's data lies that was begun here; None without one."""
    for name, stored in _names(path):
        if stored is None:
            return None
        if is_on(stored, path):
            return f"runs/{name}"
    return None


def is_on(config: SearchConfig, path: str) -> bool:
    """Say whether a search is one of the data at this path."""
    theirs = getattr(config.task.data, "path", None)
    return theirs is not None and _real(theirs) == _real(path)


def _real(path: str) -> str:
    return path.rstrip("/") if "://" in path else os.path.realpath(user_path(path))


def _names(path: str) -> Iterator[tuple[str, SearchConfig | None]]:
    """Yield a name, the same with 2, 3, ..., and of each the search that has it here."""
    name = _name(path)
    name = f"own-{name}" if name in PRESETS else name
    for number in count(1):
        numbered = name if number == 1 else f"{name}-{number}"
        is_there = Path("runs", numbered, layout.SEARCH).exists()
        yield numbered, SearchStore.open(f"runs/{numbered}").config() if is_there else None


def _name(path: str) -> str:
    """Return a name made of the path's last part."""
    last = Path(_real(path)).name
    if not Path(_real(path)).is_dir():
        for suffix in (*SUFFIXES, *_PACKED):
            last = last.removesuffix(suffix)
        last = Path(last).stem
    plain = unicodedata.normalize("NFKD", last.casefold()).encode("ascii", "ignore").decode()
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:_LONGEST].strip("-") or "search"
