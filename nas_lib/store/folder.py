"""A store in a folder, for one machine or a shared disk.

On the standard library and not on obstore, which takes six times as long to read a small file,
tells a full disk from a forbidden one only in its texts, and has threads, which no fork copies.
"""

from __future__ import annotations

import ctypes
import errno
import os
import re
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from uuid import uuid4

from nas_lib.store.failures import explained
from nas_lib.store.objects import ObjectInfo, check_key, check_size

_STAGING = ".staging"  # half-written objects, and what a killed writer left; never listed
_NO_LINKS = (errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS)
_HERE, _NO_REPLACE, _EXCLUSIVE = -100, 1, 4  # AT_FDCWD, RENAME_NOREPLACE, RENAME_EXCL
_PART = re.compile(rf"{re.escape(_STAGING)}/[0-9a-f]{{32}}")


class FolderStore:
    """Each object is a file. The folder is created when it is first written to."""

    concurrency = 1

    def __init__(self, path: str | Path) -> None:
        self.uri = os.path.abspath(Path(path).expanduser())

    def get(self, key: str, *, at_most: int | None = None) -> bytes:
        """Return the object."""
        with explained("read", key, self.uri), open(self._path(key), "rb") as file:
            check_size(key, os.fstat(file.fileno()).st_size, at_most)
            return file.read()

    def has(self, key: str) -> bool:
        """Return whether there is such an object."""
        path = self._path(key)
        with explained("read", key, self.uri), suppress(FileNotFoundError, NotADirectoryError):
            return stat.S_ISREG(os.stat(path).st_mode)
        return False

    def create(self, key: str, data: bytes) -> bool:
        """Store the object if there is none; return whether it did."""
        path = self._path(key)
        with explained("write", key, self.uri), self._staged(path, data) as part:
            try:
                _name(part, path)
            except FileExistsError:
                return False
            return True

    def replace(self, key: str, data: bytes) -> None:
        """Store the object, in place of any other."""
        path = self._path(key)
        with explained("write", key, self.uri), self._staged(path, data) as part:
            os.replace(part, path)

    def delete(self, key: str) -> None:
        """Remove the object, if there is one."""
        with explained("delete", key, self.uri):
            Path(self._path(key)).unlink(missing_ok=True)

    def list(self, prefix: str) -> Iterator[ObjectInfo]:
        """Return what lies below this prefix, sorted by key."""
        with explained("list", prefix, self.uri):
            return iter(sorted(self._infos(prefix), key=lambda info: info.key))

    def keys(self, prefix: str, *, after: str = "") -> Sequence[str]:
        """Return the keys of what lies below this prefix and after this key, sorted."""
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
        staging = f"{self.uri}/{_STAGING}"
        os.makedirs(staging, exist_ok=True)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        part = f"{staging}/{uuid4().hex}"
        try:
            with open(part, "xb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())  # a power cut must not leave a name without its content
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


def _name(part: str, path: str) -> None:
    """Give a file its name unless there is one of that name.

    Raises:
        FileExistsError: There is.
        OSError: The disk cannot do that, or another reason.
    """
    try:
        os.link(part, path)
    except OSError as err:
        if err.errno not in _NO_LINKS:
            raise
        _rename(part, path)  # exFAT and some network disks have no hard links


def _rename(part: str, path: str) -> None:
    code = _renamed(part, path)
    if code in {*_NO_LINKS, errno.EINVAL}:
        raise OSError(
            code,
            "this disk can neither link a file nor rename one without replacing another, which "
            "a search needs; keep it on another disk (of a bucket that is mounted here: by its "
            "own address, such as s3:// or gs://)",
        )
    if code:
        raise OSError(code, os.strerror(code), path)


def _renamed(part: str, path: str) -> int:
    """Rename a file unless there is one of the new name; return 0, or why it could not be done.

    Python's own rename replaces the other.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    if hasattr(libc, "renameat2"):  # Linux
        failed = libc.renameat2(_HERE, os.fsencode(part), _HERE, os.fsencode(path), _NO_REPLACE)
    elif hasattr(libc, "renamex_np"):  # macOS
        failed = libc.renamex_np(os.fsencode(part), os.fsencode(path), _EXCLUSIVE)
    else:
        return errno.ENOSYS
    return ctypes.get_errno() if failed else 0


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
