"""The `nas` command.

Only what it takes to end with one sentence is imported here: whatever goes wrong later, imports
included, is told in one.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from nas_lib.blame import sentence_of
from nas_lib.errors import ConfigError, InterruptedSearchError, NasError, one_line
from nas_lib.redaction import redacted
from nas_lib.streams import plain_streams, quiet, without_logs

__all__ = ["main"]

_MAX_MESSAGE = 20_000  # characters: wrong settings are a line each
_SIGNALS = [  # Windows has no SIGHUP
    getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)
]


def main() -> None:
    """Run the command; errors are one sentence and an exit code, never a traceback."""
    with plain_streams() as streams, _stopping() as stop:
        try:
            with quiet(), without_logs(), _threads_told():
                code = _run()
        except BaseException as err:
            is_asked, stop.is_over = stop.is_asked, True
            if "NAS_DEBUG" in os.environ and not isinstance(err, SystemExit):
                redacted(err)
                raise
            code = _tell(InterruptedSearchError("stopped") if _is_stop(err, is_asked) else err)
        stop.is_over = True
        lost = streams.failure()
        if lost is not None and not isinstance(lost, BrokenPipeError):  # as `| head` does
            _say(f"output is lost: {one_line(lost.strerror or lost)}")
    sys.exit(code or int(lost is not None))


def _run() -> int:
    try:
        sys.path.insert(0, os.getcwd())  # for `module:name` objects of the user's own
    except FileNotFoundError as err:
        raise ConfigError("the folder that this began in is gone: change to another one") from err
    from nas_lib.cli.commands import run

    return run()


def _tell(error: BaseException) -> int:
    """Say in one sentence what went wrong; return the exit code."""
    match error:
        case NasError():
            _say(str(error))
            return error.exit_code
        case SystemExit(code=str(message)):
            _say(message.removeprefix("nas: "))
            return 1
        case SystemExit(code=code):
            return int(code or 0)
        case _:
            _say(sentence_of(error))
            return 1


def _say(message: str) -> None:
    sys.stderr.write(f"nas: {message[:_MAX_MESSAGE]}\n")


@contextmanager
def _threads_told() -> Iterator[None]:
    """Say in one sentence what a thread dies of."""

    def tell(dead: threading.ExceptHookArgs) -> None:
        if dead.exc_value is None or isinstance(dead.exc_value, SystemExit):
            return
        if "NAS_DEBUG" in os.environ:
            redacted(dead.exc_value)
            before(dead)
        else:
            _say(sentence_of(dead.exc_value))

    before, threading.excepthook = threading.excepthook, tell
    try:
        yield
    finally:
        threading.excepthook = before


# --- being stopped -------------------------------------------------------------------------------


class _Stop:
    """Whether somebody asked us to stop, and whether it is too late for that."""

    is_asked = False
    is_over = False

    def __call__(self, _signal: int, _frame: FrameType | None) -> None:
        """Raise KeyboardInterrupt where we are."""
        self.is_asked = True
        if not self.is_over:
            raise KeyboardInterrupt


@contextmanager
def _stopping() -> Iterator[_Stop]:
    """Take Ctrl-C, SIGTERM and a terminal that is closed as a request to stop."""
    stop = _Stop()
    before = {number: signal.getsignal(number) for number in _SIGNALS}
    for number, handler in before.items():
        if handler is not signal.SIG_IGN:  # nohup, and shells for what runs in the background
            signal.signal(number, stop)
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _is_stop(error: BaseException, is_asked: bool) -> bool:
    """Say whether that is why: a library may have made another error of it on the way."""
    is_ours = isinstance(error, NasError | SystemExit)
    return isinstance(error, KeyboardInterrupt) or (is_asked and not is_ours)
