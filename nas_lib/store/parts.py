"""Parts: files with a content and no name yet, and how they get their names.

A part is on the disk before it is named: a power cut must not leave a name without its content. To
wait for a disk takes longest of all that a store does; for several files at once it takes hardly
longer than for one.
"""

from __future__ import annotations

import ctypes
import errno
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from uuid import uuid4

from nas_lib.errors import LostRaceError

NO_LINKS = (errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS)
_HERE, _NO_REPLACE, _EXCLUSIVE = -100, 1, 4  # AT_FDCWD, RENAME_NOREPLACE, RENAME_EXCL


def new_part(staging: str, path: str) -> str:
    """Return the path of a new part, with its folder and that of what it becomes."""
    for folder in (staging, os.path.dirname(path)):
        if not os.path.isdir(folder):
            os.makedirs(folder, exist_ok=True)
    return f"{staging}/{uuid4().hex}"


class Group:
    """Files that get their names together, in order."""

    def __init__(self) -> None:
        self._found: dict[str, bytes] = {}  # by path
        self._parts: list[tuple[str, str, int]] = []  # part, path, descriptor
        self._steps: list[Callable[[], object]] = []

    def find(self, path: str) -> bytes | None:
        """Return what a file of this group holds."""
        return self._found.get(path)

    def add(self, path: str, data: bytes, *, staging: str) -> None:
        """Add a file, which nobody has seen yet."""
        part = new_part(staging, path)
        descriptor = os.open(part, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666)
        self._parts.append((part, path, descriptor))
        with open(descriptor, "wb", closefd=False) as file:
            file.write(data)
        self._found[path] = data
        self._steps.append(lambda: name(part, path))

    def then(self, step: Callable[[], object], *, path: str = "", data: bytes = b"") -> None:
        """Do this after what was added so far has its names; a file may come of it."""
        if path:
            self._found[path] = data
        self._steps.append(step)

    def flush(self) -> None:
        """Wait for the disk, then give the files their names; the group is empty afterwards.

        Raises:
            LostRaceError: There is a file of that name; those after it get none.
        """
        parts, steps = self._parts, self._steps
        self._found, self._parts, self._steps = {}, [], []
        try:
            _sync([descriptor for _, _, descriptor in parts])
            for step in steps:
                step()
        except FileExistsError as err:
            raise LostRaceError("another run at work on the same was faster") from err
        finally:
            for part, _, descriptor in parts:
                os.close(descriptor)
                with suppress(FileNotFoundError):
                    os.unlink(part)


def _sync(descriptors: list[int]) -> None:
    """Wait until files are on the disk: at the same time, so that it writes them at once."""
    if len(descriptors) < 2:
        for descriptor in descriptors:
            os.fsync(descriptor)
        return
    with ThreadPoolExecutor(len(descriptors)) as threads:
        list(threads.map(os.fsync, descriptors))


def name(part: str, path: str) -> None:
    """Give a file its name unless there is one of that name.

    Raises:
        FileExistsError: There is.
        OSError: The disk cannot do that, or another reason.
    """
    try:
        os.link(part, path)
    except OSError as err:
        if err.errno not in NO_LINKS:
            raise
        _rename(part, path)  # exFAT and some network disks have no hard links


def _rename(part: str, path: str) -> None:
    code = _renamed(part, path)
    if code in {*NO_LINKS, errno.EINVAL}:
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
