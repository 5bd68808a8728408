"""How far a fetching is, for people who wait for it: said now and then, unless it is short."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from threading import Lock
from typing import Final

from nas_lib.errors import plural
from nas_lib.store.objects import ObjectInfo

_EVERY_S: Final = 10.0
_MIB: Final = 2**20


def say(line: str) -> None:
    """Tell whoever waits."""
    print(f"nas: {line}", file=sys.stderr, flush=True)


class Progress:
    """Counts what is fetched, by many threads."""

    def __init__(self, uri: str, missing: Sequence[ObjectInfo]) -> None:
        """Begin: `uri` is where from, as it is shown, and `missing` what is to be fetched."""
        self._uri = uri
        self._num_files, self._num_bytes = len(missing), sum(info.size for info in missing)
        self._files = self._bytes = 0
        self._begun_s = self._said_s = time.monotonic()
        self._has_spoken = False
        self._lock = Lock()

    def add(self, num_bytes: int) -> None:
        """Count bytes."""
        with self._lock:
            self._bytes += num_bytes
            if time.monotonic() - self._said_s < _EVERY_S:
                return
            self._said_s, self._has_spoken = time.monotonic(), True
            say(
                f"fetching {self._uri}: {self._files:,} of {plural(self._num_files, 'file')}, "
                f"{self._bytes / _MIB:,.0f} of {self._num_bytes / _MIB:,.0f} MiB"
            )

    def add_file(self) -> None:
        """Count a file that is whole."""
        with self._lock:
            self._files += 1

    def end(self) -> None:
        """Say how long it took, where anything was said before."""
        if self._has_spoken:
            seconds = time.monotonic() - self._begun_s
            say(f"fetched {self._uri}: {plural(self._files, 'file')} in {seconds:,.0f} s")
