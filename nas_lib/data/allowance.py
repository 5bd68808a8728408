"""How much memory a data set may take once it is unpacked."""

from __future__ import annotations

import threading
from typing import BinaryIO, Final

from nas_lib.errors import DataError

_MIB: Final = 2**20
_PIECE: Final = 4 * _MIB


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
            needed = self._taken + num_bytes
            if needed > self.max_bytes:
                raise DataError(
                    f"{what}: with it the data would take {_mib(needed)} MiB or more unpacked, "
                    f"more than the {_mib(self.max_bytes)} MiB allowed: set resources.unpacked_mb"
                )
            self._taken = needed

    def read(self, file: BinaryIO, what: str) -> bytes:
        """Read a stream to its end, however long it says or does not say that it is.

        Args:
            file: The stream.
            what: What it is, for the error.

        Raises:
            DataError: It is longer than what is left.
        """
        pieces = []
        while piece := file.read(min(_PIECE, self.left + 1)):
            self.take(len(piece), what)
            pieces.append(piece)
        return b"".join(pieces)


def _mib(num_bytes: int) -> str:
    return f"{num_bytes / _MIB:,.1f}".removesuffix(".0")
