"""Standard output and standard error as this library's own processes have them.

What is printed may come from outside (names, messages, logs), and what it is printed to may be
closed, full, or not know its characters. None of that is a reason to end a search, or to let a
terminal be steered.
"""

from __future__ import annotations

import io
import logging
import os
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import IO, BinaryIO, TextIO, cast

from nas_lib.errors import visible


class SteadyStream(io.TextIOBase):
    """Writes what can be written; the rest is lost, and the first reason noted.

    Attributes:
        failure: Why something was lost, None where nothing was.
    """

    def __init__(self, stream: IO[str] | None) -> None:
        """Take a stream; None is one that was closed when Python began."""
        self.failure: OSError | None = None
        self._stream = stream

    @property
    def encoding(self) -> str:  # type: ignore[override]
        """The encoding of what is beneath."""
        return getattr(self._stream, "encoding", None) or "utf-8"

    @property
    def buffer(self) -> BinaryIO:
        """What takes bytes, for those who write them."""
        if self._stream is None:
            raise AttributeError("buffer")
        return cast("TextIO", self._stream).buffer

    def write(self, text: str) -> int:
        """Write a text; what the encoding does not know is replaced."""
        if self._stream is None:
            self._lose(OSError("it is closed") if text else None)
            return len(text)
        try:
            self._stream.write(text.encode(self.encoding, "replace").decode(self.encoding))
        except (OSError, ValueError) as err:  # ValueError: it was closed by somebody
            self._lose(err)
        return len(text)

    def flush(self) -> None:
        """Write what is waiting."""
        try:
            if self._stream is not None:
                self._stream.flush()
        except (OSError, ValueError) as err:
            self._lose(err)

    def close(self) -> None:
        """Leave open what is beneath: it is not ours, and gone where Python ends before this."""

    def isatty(self) -> bool:
        """Say whether a person is looking."""
        with suppress(OSError, ValueError):
            return self._stream is not None and self._stream.isatty()
        return False

    def fileno(self) -> int:
        """Return the descriptor."""
        if self._stream is None:
            raise io.UnsupportedOperation("fileno")
        return self._stream.fileno()

    def writable(self) -> bool:
        """Say that it is."""
        return True

    def _lose(self, reason: Exception | None) -> None:
        """Note why; what is waiting, here and when Python ends, goes nowhere."""
        if reason is None:
            return
        if self.failure is None:
            self.failure = reason if isinstance(reason, OSError) else OSError(str(reason))
        with suppress(OSError, ValueError):
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, self.fileno())
            os.close(nowhere)


class PlainStream(SteadyStream):
    """Shows what would steer a terminal, instead of writing it.

    Attributes:
        live: The stream beneath, for our own progress, which does steer a terminal.
    """

    def __init__(self, live: SteadyStream) -> None:
        super().__init__(cast("TextIO", live))
        self.live = live

    @property
    def buffer(self) -> BinaryIO:
        """There is none: what is written would not be looked at."""
        raise AttributeError("buffer")

    def write(self, text: str) -> int:
        """Write a text; of control characters only line breaks and tabs are written as such."""
        return super().write(visible(text))


@dataclass(frozen=True)
class Streams:
    """The standard streams of a command, to ask what became of what was written."""

    output: SteadyStream
    errors: SteadyStream

    def failure(self) -> OSError | None:
        """Write what is waiting; return why something is lost, None where nothing is."""
        self.output.flush()
        self.errors.flush()
        return self.output.failure or self.errors.failure


@contextmanager
def plain_streams() -> Iterator[Streams]:
    """Let nothing that is printed meanwhile steer a terminal or fail."""
    hold_descriptors()
    before = sys.stdout, sys.stderr
    streams = Streams(SteadyStream(before[0]), SteadyStream(before[1]))
    sys.stdout = cast("TextIO", PlainStream(streams.output))
    sys.stderr = cast("TextIO", PlainStream(streams.errors))
    try:
        yield streams
    finally:
        streams.failure()
        sys.stdout, sys.stderr = before


def hold_descriptors() -> None:
    """Keep closed standard streams from becoming those of whatever is opened next."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            opened = os.open(os.devnull, os.O_RDWR)  # the lowest that is free: this one
            os.set_inheritable(opened, True)


@contextmanager
def quiet() -> Iterator[None]:
    """Keep from people what libraries warn of, and what goes wrong while objects are cleared away.

    Logs are shown where somebody has said where to. `NAS_DEBUG`, or Python's own `-W` and
    `PYTHONWARNINGS`, bring all of it back.
    """
    if _is_debugging():
        yield
        return
    before = logging.lastResort, sys.unraisablehook
    logging.lastResort, sys.unraisablehook = logging.NullHandler(), lambda _: None
    try:
        with warnings.catch_warnings():
            warnings.showwarning = lambda *_, **__: None  # filters are changed by libraries too
            yield
    finally:
        logging.lastResort, sys.unraisablehook = before


@contextmanager
def without_logs() -> Iterator[None]:
    """Let nobody log meanwhile who has not said where to: some libraries do, in lines of theirs."""
    root, nowhere = logging.getLogger(), logging.NullHandler()
    if not _is_debugging():
        root.addHandler(nowhere)
    try:
        yield
    finally:
        root.removeHandler(nowhere)


def _is_debugging() -> bool:
    return "NAS_DEBUG" in os.environ or bool(sys.warnoptions)
