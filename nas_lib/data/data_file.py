"""A file of a data set, wherever it lies: opened late, unpacked by what it holds, and bounded."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import re
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import IO, Any, BinaryIO, Final, cast

from nas_lib.data.allowance import Allowance
from nas_lib.errors import DataError, NasError, one_line

_UNPACKERS: Final[tuple[tuple[re.Pattern[bytes], Callable[[Any], Any]], ...]] = (
    (re.compile(rb"\x1f\x8b"), gzip.open),
    (re.compile(rb"BZh[1-9](1AY&SY|\x17rE8P\x90)"), bz2.open),
    (re.compile(rb"\xfd7zXZ\0"), lzma.open),
)
_UNREADABLE: Final = (  # whatever Python's own modules raise for files that are damaged
    OSError,
    EOFError,
    ValueError,
    RuntimeError,
    ArithmeticError,
    LookupError,
    struct.error,
    zlib.error,
    lzma.LZMAError,
    tarfile.TarError,
    zipfile.BadZipFile,
)


@dataclass(frozen=True, eq=False)
class DataFile:
    """A file that has not been opened yet.

    Attributes:
        name: Its path within the folder or archive that was given.
        where: What it is called in errors.
        place: The folder that it lies in, for people.
        num_bytes: How long it is, or says that it is.
        stream: Opens it as it lies there, or refuses to.
        allowance: What all files of the data may take.
    """

    name: PurePosixPath
    where: str
    place: str
    num_bytes: int
    stream: Callable[[], AbstractContextManager[IO[bytes]]]
    allowance: Allowance

    @contextmanager
    def open(self) -> Iterator[BinaryIO]:
        """Open it, unpacked where its content says that it is packed, whatever its name says.

        Raises:
            DataError: It is no file, damaged, or larger than what is left of the allowance.
        """
        with readable(self.where), self.stream() as raw, unpacked(raw) as file:
            if file is raw:
                self.allowance.expect(self.num_bytes, self.where)
            yield cast(BinaryIO, file)

    def read(self) -> bytearray:
        """Return all that it holds."""
        with self.open() as file:
            return self.allowance.read(file, self.where)


@contextmanager
def readable(where: str) -> Iterator[None]:
    """Turn what is raised for damaged files into a sentence.

    Raises:
        DataError: Something was raised that is no error of ours.
    """
    try:
        yield
    except NasError:
        raise
    except _UNREADABLE as err:
        raise DataError(f"{one_line(where)}: cannot be read: {one_line(err, 300)}") from err


@contextmanager
def unpacked(file: IO[bytes]) -> Iterator[IO[bytes]]:
    """Give what a stream holds where it is packed by gzip, bzip2 or xz, and else the stream."""
    head = cast(io.BufferedReader, file).peek(16)
    with ExitStack() as stack:
        for magic, unpack in _UNPACKERS:
            if magic.match(head):
                file = stack.enter_context(unpack(file))
                break
        yield file
