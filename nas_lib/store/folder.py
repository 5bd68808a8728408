"""A store in a folder, for one machine or a shared disk.

On the standard library and not on obstore, which takes six times as long to read a small file,
tells a full disk from a forbidden one only in its texts, and has threads, which no fork copies.
"""

from __future__ import annotations

import errno
import os
import re
import stat
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from nas_lib.store.failures import explained
from nas_lib.store.objects import ObjectInfo, check_key, check_size
from nas_lib.store.parts import NO_LINKS, Group, name, new_part

_STAGING = ".staging"  # half-written objects, and what a killed writer left; never listed
_PART = re.compile(rf"{re.escape(_STAGING)}/[0-9a-f]{{32}}")


class FolderStore:
    """Each object is a file. The folder is created when it is first written to."""

    concurrency = 1

    def __init__(self, path: str | Path) -> None:
        self.uri = os.path.abspath(Path(path).expanduser())
        self._group: Group | None = None

    @contextmanager
    def together(self) -> Iterator[None]:
        """Bring what is created in here onto the disk at once, at the end, and name it in order.

        Until then nobody else sees it. Whatever ends the work in here, that was created counts.

        Raises:
            LostRaceError: Somebody else created one of them first; those after it are not there.
        """
        assert self._group is None
        self._group = Group()
        try:
            yield
        finally:
            self._flush()
            self._group = None

    def _flush(self) -> None:
        """Name what is to be created together so far: whatever else is asked for must see it."""
        if self._group is not None:
            with explained("write", "", self.uri):
                self._group.flush()

    def get(self, key: str, *, at_most: int | None = None) -> bytes:
        """Return the object."""
        if self._group is not None and (found := self._group.find(self._path(key))) is not None:
            return found
        with explained("read", key, self.uri), open(self._path(key), "rb") as file:
            check_size(key, os.fstat(file.fileno()).st_size, at_most)
            return file.read()

    def has(self, key: str) -> bool:
        """Return whether there is such an object."""
        path = self._path(key)
        if self._group is not None and self._group.find(path) is not None:
            return True
        with explained("read", key, self.uri), suppress(FileNotFoundError, NotADirectoryError):
            return stat.S_ISREG(os.stat(path).st_mode)
        return False

    def create(self, key: str, data: bytes) -> bool:
        """Store the object if there is none; return whether it did."""
        path = self._path(key)
        if self._group is not None:
            if self.has(key):
                return False
            with explained("write", key, self.uri):
                self._group.add(path, data, staging=f"{self.uri}/{_STAGING}")
            return True
        with explained("write", key, self.uri), self._staged(path, data) as part:
            try:
                name(part, path)
            except FileExistsError:
                return False
            return True

    def link(self, key: str, *, to: str) -> bool:
        """Let an object lie under this key, too; as a copy where the disk has no links."""
        path = self._path(key)
        if self._group is not None and (data := self._group.find(self._path(to))) is not None:
            if self.has(key):
                return False
            self._group.then(lambda: self._link(key, to=to), path=path, data=data)
            return True
        return self._link(key, to=to)

    def _link(self, key: str, *, to: str) -> bool:
        path = self._path(key)
        with explained("write", key, self.uri):
            try:
                _in_its_folder(path, lambda: os.link(self._path(to), path))
            except FileExistsError:
                return False
            except OSError as err:
                if err.errno not in (*NO_LINKS, errno.EMLINK):
                    raise
                return self.create(key, self.get(to))
            return True

    def replace(self, key: str, data: bytes) -> None:
        """Store the object, in place of any other."""
        if self._group is not None and not data:  # a tombstone: it can wait for those before it
            self._group.then(lambda: self._replace(key, data))
            return
        self._flush()
        self._replace(key, data)

    def _replace(self, key: str, data: bytes) -> None:
        path = self._path(key)
        with explained("write", key, self.uri), self._staged(path, data) as part:
            os.replace(part, path)

    def delete(self, key: str) -> None:
        """Remove the object, if there is one."""
        self._flush()
        with explained("delete", key, self.uri):
            Path(self._path(key)).unlink(missing_ok=True)

    def list(self, prefix: str) -> Iterator[ObjectInfo]:
        """Return what lies below this prefix, sorted by key."""
        self._flush()
        with explained("list", prefix, self.uri):
            return iter(sorted(self._infos(prefix), key=lambda info: info.key))

    def keys(self, prefix: str, *, after: str = "") -> Sequence[str]:
        """Return the keys of what lies below this prefix and after this key, sorted."""
        self._flush()
        with explained("list", prefix, self.uri):
            return sorted(key for key in map(self._key, self._files(prefix)) if key > after)

    def get_many(self, keys: Sequence[str], *, at_most: int | None = None) -> Sequence[bytes]:
        """Return several objects, in the order of the keys."""
        return [self.get(key, at_most=at_most) for key in keys]

    def leftovers(self) -> Sequence[ObjectInfo]:
        """Return what killed writers left half-written; it may be deleted by its key."""
        with explained("list", _STAGING, self.uri):
            found = (info for info in self._infos(_STAGING) if _PART.fullmatch(info.key))
            return sorted(found, key=lambda info: info.key)

    def _path(self, key: str) -> str:
        return f"{self.uri}/{check_key(key)}"

    @contextmanager
    def _staged(self, path: str, data: bytes) -> Iterator[str]:
        """Yield a file with this content, on the disk; gone afterwards, unless it was moved."""
        part = new_part(f"{self.uri}/{_STAGING}", path)
        try:
            with open(part, "xb") as file:
                file.write(data)
                file.flush()
                if data:  # a power cut must not leave a name without its content
                    os.fsync(file.fileno())
            yield part
        finally:
            with suppress(FileNotFoundError):
                os.unlink(part)

    def _key(self, entry: os.DirEntry[str]) -> str:
        return entry.path[len(self.uri) + 1 :].replace(os.sep, "/")

    def _files(self, prefix: str) -> Iterator[os.DirEntry[str]]:
        return _files(self._path(prefix) if prefix else self.uri)

    def _infos(self, prefix: str) -> Iterator[ObjectInfo]:
        for entry in self._files(prefix):
            with suppress(FileNotFoundError):  # deleted meanwhile
                found = entry.stat()
                yield ObjectInfo(
                    key=self._key(entry),
                    size=found.st_size,
                    version=f"{found.st_ino:x}-{found.st_mtime_ns:x}-{found.st_size:x}",
                    modified_s=found.st_mtime,
                )


def _in_its_folder(path: str, work: Callable[[], None]) -> None:
    """Do what makes a file, and its folder before it if there is none."""
    try:
        work()
    except FileNotFoundError:
        os.makedirs(os.path.dirname(path), exist_ok=True)
        work()


def _files(folder: str) -> Iterator[os.DirEntry[str]]:
    try:
        entries = list(os.scandir(folder))
    except (FileNotFoundError, NotADirectoryError):
        return  # never written to, or removed meanwhile
    for entry in entries:
        if not entry.is_dir():
            yield entry
        elif entry.name != _STAGING:
            yield from _files(entry.path)
