"""Whose fault it is where a child could not be judged: its own, or that of the machine.

Only what a user's evaluation raises, or a training, is the child's. Everything around it is ours,
and would fail for any child: then the search stops, and no child loses an attempt by it.
"""

from __future__ import annotations

import errno
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager

from nas_lib.errors import ChildFailedError, MachineError, NasError, described, one_line, visible
from nas_lib.redaction import without_secrets

_MORE_FILES = "allow more open files (ulimit -n)"
_MORE_PROCESSES = "allow more processes (ulimit -u, or the container's limit of them)"
_SHORTAGES = {
    os.strerror(errno.ENOSPC): "make room, or let TMPDIR and NAS_CACHE name folders with some",
    os.strerror(errno.EDQUOT): "make room, or let TMPDIR and NAS_CACHE name folders with some",
    os.strerror(errno.EROFS): "let TMPDIR and NAS_CACHE name folders that can be written",
    os.strerror(errno.EMFILE): _MORE_FILES,
    os.strerror(errno.ENFILE): _MORE_FILES,
    os.strerror(errno.EAGAIN): _MORE_PROCESSES,  # a fork's answer
    "can't start new thread": _MORE_PROCESSES,
    "failed to map segment": "allow more address space (ulimit -v)",
}
"""What a machine may run out of, as errors of Python, torch and their libraries say it."""


def shortage(err: BaseException) -> str:
    """Say what the machine lacks and what to do, if that is what an error is about; else nothing.

    Lack of memory is none: how much it takes is a child's own affair.
    """
    try:
        os.getcwd()
    except FileNotFoundError:
        return "the working folder was deleted: start again in one that is there"
    text = described(err)
    return next((f"{text}: {todo}" for lack, todo in _SHORTAGES.items() if lack in text), "")


_WANT_OF_MEMORY = (
    "most likely for want of memory: raise resources.memory (of pods), or lower --workers or set "
    "resources.memory_mb"
)


def killed_by(number: int) -> str:
    """Say which signal ended a process, and what to do where that means something."""
    name = f"killed by {signal.Signals(number).name}"
    return f"{name}, {_WANT_OF_MEMORY}" if number == signal.SIGKILL else name


@contextmanager
def blamed_on_the_child(*, but: tuple[type[Exception], ...] = ()) -> Iterator[None]:
    """Take what is raised in here for the child's failure, unless the machine lacks something.

    Args:
        but: These are not the child's either.

    Raises:
        ChildFailedError: It is the child's.
    """
    try:
        yield
    except NasError:
        raise
    except (Exception, SystemExit) as err:
        if isinstance(err, but) or shortage(err):
            raise
        raise ChildFailedError(described(err)) from err


@contextmanager
def blamed_on_the_machine(what: str) -> Iterator[None]:
    """Take what is raised in here and is no child's failure for that of the machine.

    Args:
        what: What could not be done on it, such as `training r000-000000-00`.

    Raises:
        MachineError: In one sentence.
    """
    try:
        yield
    except (NasError, ChildFailedError):
        raise
    except Exception as err:
        reason = shortage(err) or described(err)
        raise MachineError(f"{what} is not possible on this machine: {reason}") from err


@contextmanager
def shortage_told() -> Iterator[None]:
    """Say in one sentence what the machine lacks, where that is what ends the work in here.

    Raises:
        MachineError: It lacks something.
    """
    try:
        yield
    except NasError:
        raise
    except Exception as err:
        if reason := shortage(err):
            raise MachineError(reason) from err
        raise


# --- whatever ends a command, or a pod -----------------------------------------------------------

_MORE_MEMORY = "allow more of it (ulimit -v, or the container's limit), or end other processes"
_NO_MEMORY = ("can't allocate memory", "bad_alloc", "could not create a primitive")
"""As torch says it on a CPU."""


def sentence_of(err: BaseException) -> str:
    """Return in one sentence what went wrong, whether anybody foresaw it or not."""
    if isinstance(err, NasError):
        return visible(str(err))
    said = _foreseen(err) or f"internal error: {described(err)} (NAS_DEBUG=1 shows where)"
    return without_secrets(said)


def is_foreseen(err: BaseException) -> bool:
    """Say whether this comes of what a user did or a machine lacks: no mistake of ours."""
    return isinstance(err, NasError) or bool(_foreseen(err))


def _foreseen(err: BaseException) -> str:
    while isinstance(err, ImportError) and isinstance(err.__cause__, ImportError):
        err = err.__cause__  # which says what there is not, in place of what to try
    said = one_line(err, 300)
    match err:
        case MemoryError():
            return f"memory has run out: {_MORE_MEMORY}"
        case RuntimeError() if any(text in said for text in _NO_MEMORY):
            return f"memory has run out ({said}): {_MORE_MEMORY}"
        case SystemError():  # as Python has it where memory runs out in the middle of something
            return f"Python itself failed ({said}), as it does without memory: {_MORE_MEMORY}"
        case RecursionError():
            return f"something is nested too deeply ({said})"
    if lack := shortage(err):
        return lack
    match err:
        case OSError(errno=int()):
            where = f"{one_line(err.filename)}: " if err.filename is not None else ""
            return f"{where}{one_line(err.strerror)}"
        case ImportError():
            return f"a part of this installation cannot be loaded, install it again: {said}"
    return ""
