"""How much memory a data set may take once it is unpacked."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import BinaryIO, Final

from nas_lib.errors import DataError

_MIB: Final = 2**20
PIECE: Final = _MIB
"""Bytes of a stream that are read at a time."""


class Allowance:
    """Bytes that all the files of a data set may take together, once they are unpacked.

    What sizes an archive tells of itself are claims: whoever knows a size in advance takes it
    before the memory, and whoever does not reads with `read`, a piece at a time.
    """

    def __init__(self, max_bytes: int) -> None:
        """Allow so many bytes."""
        self.max_bytes = max_bytes
        self._taken = 0
        self._lock = threading.Lock()

    @property
    def left(self) -> int:
        """How many bytes are left."""
        return self.max_bytes - self._taken

    def take(self, num_bytes: int, what: str) -> None:
        """Take so much of it, before the memory itself is taken.

        Args:
            num_bytes: How much.
            what: What takes it, for the error: a file, mostly.

        Raises:
            DataError: It is more than is left.
        """
        with self._lock:
            self.expect(num_bytes, what)
            self._taken += num_bytes

    def expect(self, num_bytes: int, what: str) -> None:
        """Refuse what would be more than is left, without taking any of it."""
        if num_bytes > self.left:
            needed = self._taken + num_bytes
            raise DataError(
                f"{what}: with it the data would take {_mib(needed)} MiB or more unpacked, more "
                f"than the {_mib(self.max_bytes)} MiB allowed: set resources.unpacked_mb"
            )

    def pieces(self, file: BinaryIO, what: str) -> Iterator[bytes]:
        """Read a stream to its end, however long it says that it is, and take what comes.

        Args:
            file: The stream.
            what: What it is, for the error.

        Raises:
            DataError: It is longer than what is left.
        """
        while piece := file.read(PIECE):
            self.take(len(piece), what)
            yield piece

    def read(self, file: BinaryIO, what: str) -> bytearray:
        """Return all of a stream, as `pieces` reads it."""
        data = bytearray()
        for piece in self.pieces(file, what):
            data += piece
        return data


def _mib(num_bytes: int) -> str:
    return f"{num_bytes / _MIB:,.1f}".removesuffix(".0")
