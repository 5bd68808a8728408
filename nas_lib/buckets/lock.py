"""One process at a time has a copy; one that dies lets go of it.

Where there are no such locks, on Windows, nothing keeps two processes apart.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Final

from nas_lib.buckets.progress import say
from nas_lib.data.copies import written
from nas_lib.errors import one_line

LOCK: Final = "lock"
"""A file beside the copy; its time is that of the last use."""


@contextmanager
def held(folder: Path, uri: str) -> Iterator[None]:
    """Wait until no other process has the copy, and have it meanwhile."""
    with written(folder):
        folder.mkdir(parents=True, exist_ok=True)
        lock = (folder / LOCK).open("w")
        os.utime(lock.fileno())
    with lock:
        with written(folder):
            if not _taken(lock):
                say(f"waiting for another process that reads the copy of {one_line(uri)}")
                _taken(lock, waits=True)
        try:
            yield
        finally:
            _let_go(lock)


@contextmanager
def held_if_free(folder: Path) -> Iterator[bool]:
    """Have the copy unless another process does; say which."""
    with (folder / LOCK).open("a") as lock:
        is_free = _taken(lock)
        try:
            yield is_free
        finally:
            if is_free:
                _let_go(lock)


def _taken(lock: IO[str], *, waits: bool = False) -> bool:
    try:
        import fcntl
    except ImportError:
        return True
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | (0 if waits else fcntl.LOCK_NB))
    except BlockingIOError:
        return False
    return True


def _let_go(lock: IO[str]) -> None:
    """Open the lock; else what was forked meanwhile would keep it."""
    try:
        import fcntl
    except ImportError:
        return
    fcntl.flock(lock, fcntl.LOCK_UN)
