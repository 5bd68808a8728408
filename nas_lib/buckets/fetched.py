"""What lies in a bucket, as files of this machine for as long as they are read."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from nas_lib.buckets.copy import Copy
from nas_lib.buckets.listing import listed
from nas_lib.buckets.progress import say
from nas_lib.data import Prepared
from nas_lib.data.copies import written
from nas_lib.errors import DataError, StoreError, one_line


@dataclass(frozen=True)
class Fetched:
    """A copy on this machine.

    Attributes:
        uri: Where it is from.
        path: Where it is: a folder, or the one file.
    """

    uri: str
    path: Path

    def told(self, text: str) -> str:
        """Return a text with the bucket's address in place of the copy's path."""
        return text.replace(one_line(self.path), one_line(self.uri))

    def named(self, prepared: Prepared) -> Prepared:
        """Return what was prepared from the copy, named after the bucket."""
        manifest = dataclasses.replace(
            prepared.manifest,
            source=self.told(prepared.manifest.source),
            notices=tuple(map(self.told, prepared.manifest.notices)),
        )
        return dataclasses.replace(prepared, manifest=manifest)


@contextmanager
def fetched(uri: str) -> Iterator[Fetched]:
    """Fetch what lies at an address in a bucket, and let it be read; it stays for the next time.

    Nobody else changes the copy meanwhile. Errors in here name the bucket.

    Raises:
        ConfigError: It is no such address, or there is no place for a cache.
        DataError: Nothing lies there, or what can be no files.
        StoreError: The bucket cannot be read, or the disk has too little room.
    """
    listing = listed(uri)
    copy = Copy(listing)
    with _held(copy.root, listing.uri):
        copy.bring_up_to_date()
        one = copy.files / listing.objects[0].key
        here = Fetched(listing.uri, one if listing.is_one else copy.files)
        try:
            yield here
        except (DataError, StoreError) as err:
            raise type(err)(here.told(str(err))) from err


@contextmanager
def _held(folder: Path, uri: str) -> Iterator[None]:
    """Wait until no other process has the copy; a process that dies lets go of it.

    Where there are no such locks, on Windows, nothing keeps two processes apart.
    """
    with written(folder):
        folder.mkdir(parents=True, exist_ok=True)
    try:
        import fcntl
    except ImportError:
        yield
        return
    with written(folder):
        lock = (folder / "lock").open("w")
    with lock:
        with written(folder):
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                say(f"waiting for another process that reads the copy of {one_line(uri)}")
                fcntl.flock(lock, fcntl.LOCK_EX)
        try:
            yield
        finally:
            fcntl.flock(lock, fcntl.LOCK_UN)  # else what was forked meanwhile would keep it
