"""A folder of this machine's cache with the files that lie in a bucket, by the names they have.

What is there already is not fetched again: a journal has of each file which object it was. It is
written as each becomes whole, so that a fetching that was killed is gone on with, and so is, by its
length, the part that there is of a large file.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from threading import Lock
from typing import Final

from nas_lib.buckets.listing import Listing, version_of
from nas_lib.buckets.progress import Progress
from nas_lib.data.copies import copies_folder, require_space, written
from nas_lib.errors import DataError, ObjectNotFoundError, one_line
from nas_lib.store.objects import ObjectInfo
from nas_lib.store.patience import at_once

_PIECE: Final = 8 * 2**20  # bytes that a request asks for
_AT_ONCE: Final = 16
_BATCH: Final = 10_000  # files that threads are told of at a time


ADDRESS: Final = "address"
"""A file beside the copy, with what it is of."""


def all_copies() -> Path:
    """Return the folder that has a folder for each copy.

    Raises:
        ConfigError: There is no place for a cache.
    """
    return copies_folder() / "buckets"


class Copy:
    """This machine's copy of what lies at an address; one process at a time may use it.

    Attributes:
        root: The folder that has all of it.
        files: The folder with the files.
    """

    def __init__(self, listing: Listing) -> None:
        """Find its place; nothing is made yet.

        Raises:
            ConfigError: There is no place for a cache.
        """
        self._listing = listing
        self.root = all_copies() / _hash(listing.uri)
        self.files = self.root / "files"
        self._parts = self.root / "parts"
        self._journal = self.root / "journal"
        self._lock = Lock()

    def bring_up_to_date(self) -> None:
        """Fetch what is missing or changed, and remove what is no longer in the bucket.

        Raises:
            DataError: An object became another while it was fetched; two names are one to this
                disk.
            StoreError: The bucket cannot be read, or the disk has too little room.
        """
        listing = self._listing
        with written(self.root):
            self._parts.mkdir(parents=True, exist_ok=True)
            self.files.mkdir(exist_ok=True)
            (self.root / ADDRESS).write_text(listing.uri, encoding="utf-8")
            _check_case(listing, self.root)
            known = self._known()
            self._remove_others(set(known))
            self._write_journal(known)
        missing = [info for info in listing.objects if info.key not in known]
        num_bytes = sum(info.size - self._length(info) for info in missing)
        require_space(num_bytes, one_line(listing.uri))
        progress = Progress(one_line(listing.uri), missing)
        with written(self.files):
            for at in range(0, len(missing), _BATCH):
                batch = missing[at : at + _BATCH]
                at_once(lambda info: self._fetch(info, progress), batch, num=_AT_ONCE)
            self._remove_parts()
        progress.end()

    # --- what is there --------------------------------------------------------------------------

    def _known(self) -> dict[str, str]:
        """Return the lines of the journal on files that are as they are in the bucket, by name."""
        wanted = {info.key: info for info in self._listing.objects}
        known: dict[str, str] = {}
        with suppress(FileNotFoundError), self._journal.open() as lines:
            for line in lines:
                with suppress(ValueError, TypeError):  # cut off, when it was killed
                    key, *traits = json.loads(line)
                    known.pop(key, None)
                    if key in wanted and traits == self._traits(wanted[key]):
                        known[key] = line
        return known

    def _traits(self, info: ObjectInfo) -> list[object]:
        """Return what a file is recognised by, and the object that it is of."""
        try:
            found = (self.files / info.key).lstat()
        except OSError:
            return []
        is_whole = found.st_size == info.size
        return [version_of(info), info.size, found.st_mtime_ns] if is_whole else []

    def _write_journal(self, known: dict[str, str]) -> None:
        new = self._journal.with_suffix(".new")
        new.write_text("".join(known.values()))
        new.replace(self._journal)

    def _remove_others(self, kept: set[str]) -> None:
        """Remove all other files, and the folders that are empty then."""
        for folder, _, names in os.walk(self.files, topdown=False):
            for name in names:
                path = Path(folder, name)
                if path.relative_to(self.files).as_posix() not in kept:
                    path.unlink()
            if folder != str(self.files):
                with suppress(OSError):  # it is not empty
                    os.rmdir(folder)

    # --- fetching --------------------------------------------------------------------------------

    def _fetch(self, info: ObjectInfo, progress: Progress) -> None:
        path, part = self.files / info.key, self._part(info)
        with part.open("ab") as file:
            begin = file.tell()
            version = self._version_now(info) if begin else ""
            if not version:
                begin = file.truncate(0)
            for piece in self._pieces(info, begin, version):
                file.write(piece)
                file.flush()
                os.fsync(file.fileno())  # else a power cut could leave its length without content
                progress.add(len(piece))
        path.parent.mkdir(parents=True, exist_ok=True)
        part.replace(path)
        line = json.dumps([info.key, *self._traits(info)])
        with self._lock, self._journal.open("a") as journal:
            journal.write(f"{line}\n")
        progress.add_file()

    def _version_now(self, info: ObjectInfo) -> str:
        """Return the version of an object that is as it was listed; empty if it is another one."""
        found = self._listing.store.find(info.key)
        return found.version if found is not None and _bare(found) == _bare(info) else ""

    def _pieces(self, info: ObjectInfo, begin: int, version: str) -> Iterator[bytes]:
        """Yield an object from a byte on; all is of one version, and of this if one is named."""
        for at in range(begin, info.size, _PIECE):
            end = min(at + _PIECE, info.size)
            try:
                piece, found = self._listing.store.part(info.key, at, end)
            except ObjectNotFoundError as err:
                raise self._changed(info) from err
            version = version or found.version
            if (found.size, found.version, len(piece)) != (info.size, version, end - at):
                raise self._changed(info)
            yield piece

    def _changed(self, info: ObjectInfo) -> DataError:
        where = one_line(f"{self._listing.store.uri}/{info.key}")
        return DataError(f"{where}: became another while it was fetched, start again")

    def _part(self, info: ObjectInfo) -> Path:
        return self._parts / _hash(f"{info.key}\0{info.size}\0{version_of(info)}")

    def _length(self, info: ObjectInfo) -> int:
        """Return how much of a file is there from before; parts that are too long are removed."""
        part = self._part(info)
        try:
            length = part.stat().st_size
        except OSError:
            return 0
        if length > info.size:
            part.unlink()
            return 0
        return length

    def _remove_parts(self) -> None:
        for path in self._parts.iterdir():
            path.unlink()


def _bare(info: ObjectInfo) -> str:
    """Return an object's version; some servers quote it in answers and not in listings."""
    return version_of(info).strip('"')


def _check_case(listing: Listing, folder: Path) -> None:
    """Refuse names that differ in nothing that this disk tells apart, such as upper and lower case.

    Raises:
        DataError: There are two.
    """
    seen: dict[str, str] = {}
    for info in listing.objects:
        other = seen.setdefault(info.key.casefold(), info.key)
        if other != info.key and not _tells_case(folder):
            names = f"{one_line(repr(other), 200)} and {one_line(repr(info.key), 200)}"
            raise DataError(
                f"{one_line(listing.uri)}: {names} are one name on the disk of {folder}: rename "
                "one of them, or let NAS_CACHE name a folder on a disk that tells case"
            )


def _tells_case(folder: Path) -> bool:
    (folder / "case").touch()
    return not (folder / "CASE").exists()


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:32]
