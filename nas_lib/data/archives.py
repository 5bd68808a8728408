"""What lies in a zip or tar, without unpacking it to a disk and without believing what it says.

Sizes are held against the allowance before anything is read. What is no plain file, or has a name
that leads out of the archive, is listed, and refused when it is opened.
"""

from __future__ import annotations

import re
import stat
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, Final, cast

from nas_lib.data.allowance import Allowance
from nas_lib.data.data_file import DataFile, unpacked
from nas_lib.data.paths import is_of_a_system
from nas_lib.errors import DataError, one_line

SUFFIXES: Final = (".zip", ".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tar.xz", ".txz")
_ZIP: Final = re.compile(rb"PK(\x03\x04|\x05\x06)")
_LARGEST_DIRECTORY: Final = 2**24  # of a zip: 100,000 files with names of 100 bytes
_LARGEST_HEADER: Final = 2**14  # of a member of a tar: a path of 4,096 bytes, and some attributes
_MOST_WORK: Final = 2**30  # some tarfiles take time that grows with the square of a header's length
_WORK_OF_A_READ: Final = 2**10  # a million folders, or 200,000 files with headers of their own
_BLOCK: Final = 512


@dataclass(frozen=True)
class _Archive:
    """The archive that a file is in."""

    path: Path
    allowance: Allowance

    def file(
        self, name: str, num_bytes: int, refusal: str, stream: Callable[[], IO[bytes]]
    ) -> Iterator[DataFile]:
        """Yield one of its files, unless a system left it there.

        Args:
            name: Its path in the archive.
            num_bytes: How long it says that it is.
            refusal: Why it is not to be read; empty for a plain file.
            stream: Opens it.
        """
        inside = PurePosixPath(name)
        if any(part != ".." and is_of_a_system(part) for part in inside.parts):
            return
        where = one_line(f"{self.path}: {inside}")
        place = one_line(f"{self.path}: {inside.parent}").removesuffix(": .")
        if inside.is_absolute() or ".." in inside.parts:
            refusal = "has a name that leads out of the archive"

        def opened() -> IO[bytes]:
            if refusal:
                raise DataError(f"{where}: {refusal}, and is not read")
            return stream()

        yield DataFile(inside, where, place, num_bytes, opened, self.allowance)


def in_archive(path: Path, allowance: Allowance, stack: ExitStack) -> Iterator[DataFile]:
    """Return the files in the order in which they lie there: a tar is best read in that.

    Args:
        path: The archive.
        allowance: What may be unpacked.
        stack: Closes the archive.

    Raises:
        DataError: It is no archive, or holds too much.
    """
    archive = _Archive(path, allowance)
    file = stack.enter_context(path.open("rb"))
    if _ZIP.match(file.peek(4)):
        return _in_zip(stack.enter_context(opened_zip(file)), archive)
    stream = stack.enter_context(unpacked(file))
    headers = _Listing(stream, _LARGEST_HEADER)
    try:
        tar = stack.enter_context(tarfile.TarFile(fileobj=cast(IO[bytes], headers)))
    except tarfile.ReadError as err:
        raise DataError(
            f"{one_line(path)}: expected a folder, or an archive (zip, tar, tar.gz, tar.bz2, "
            f"tar.xz), got another file ({one_line(err, 100)}); of data that are not packed "
            "together, give the folder"
        ) from err
    return _in_tar(tar, archive, headers, is_packed=stream is not file)


def opened_zip(file: IO[bytes]) -> zipfile.ZipFile:
    """Return a zip; one whose directory is too long to be read into memory is a ValueError."""
    directory = _Listing(file, _LARGEST_DIRECTORY)
    zipped = zipfile.ZipFile(cast(IO[bytes], directory))
    directory.is_over = True
    return zipped


def _in_zip(zipped: zipfile.ZipFile, archive: _Archive) -> Iterator[DataFile]:
    for info in sorted(zipped.infolist(), key=lambda info: info.header_offset):
        if not info.is_dir():

            def stream(info: zipfile.ZipInfo = info) -> IO[bytes]:
                return zipped.open(info)

            yield from archive.file(info.filename, info.file_size, zip_refusal(info), stream)


def zip_refusal(info: zipfile.ZipInfo) -> str:
    """Say why a member of a zip is not to be read, nothing where it is."""
    if info.flag_bits & 1:
        return "is encrypted"
    if stat.S_IFMT(info.external_attr >> 16) not in (0, stat.S_IFREG):
        return "is a link or a device"
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        return "is packed by another method than deflate"  # zipfile unpacks others without a bound
    return ""


def _in_tar(
    tar: tarfile.TarFile, archive: _Archive, headers: _Listing, *, is_packed: bool
) -> Iterator[DataFile]:
    total = 0
    for info in tar:
        total += info.size
        if is_packed:  # then what is passed over must be unpacked, too
            archive.allowance.expect(total, one_line(f"{archive.path}: {info.name}"))
        if not info.isdir():

            def stream(info: tarfile.TarInfo = info) -> IO[bytes]:
                return cast(IO[bytes], tar.extractfile(info))

            refusal = "" if info.isreg() else "is a link or a device"
            yield from archive.file(info.name, info.size, refusal, stream)
    headers.is_over = True


class _Listing:
    """An archive's bytes; Python reads what says which files it has into memory, however long."""

    def __init__(self, file: IO[bytes], longest: int) -> None:
        self._file = file
        self._longest = longest
        self._work = 0
        self.seek, self.tell, self.seekable = file.seek, file.tell, file.seekable
        self.is_over = False

    def read(self, size: int = -1) -> bytes:
        if not self.is_over:
            self._check(size)
        return self._file.read(size)

    def _check(self, size: int) -> None:
        self._work += size * size if _BLOCK < size <= _LARGEST_HEADER else _WORK_OF_A_READ
        if size > self._longest or self._work > _MOST_WORK:
            long = f": {size:,} bytes" if size > self._longest else ""
            raise ValueError(f"it says at too great length which files it has{long}")
