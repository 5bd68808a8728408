"""A process that has torch loaded and forks itself for each piece of work.

Starting a Python with torch takes seconds, a fork milliseconds; a process per child returns all
its memory, and a kill is an exit code. It is run as

    python -m nas_lib.training.fork_server module:function [module ...]

with the modules that the work will need. A request is a line of JSON on standard input,
`[number, arguments, environment]`, all arguments strings, with the variables that this worker's
environment has besides the server's; it is answered on standard output by
`[number, "started", pid]` and `[number, "ended", code, message, traceback]`. The code is 0 where
the work returned, which no exit code of the process stands for: the work may end it. It is
negative for a signal, as subprocess has it, 2 for a `NasError` of the run, as if no process could
be had, 3 for one of the user's input, and 1 for any other end. A server that cannot go on says
`[0, "unfit", 0, message]`.

The server ends with its standard input, and takes its workers along: they die with the engine,
however that dies.
"""

from __future__ import annotations

import ctypes
import gc
import importlib
import json
import os
import select
import signal
import sys
import traceback
from collections.abc import Callable
from contextlib import suppress
from typing import IO, TextIO, cast

from nas_lib.blame import shortage
from nas_lib.errors import ChildFailedError, NasError, described
from nas_lib.redaction import without_secrets
from nas_lib.streams import SteadyStream, hold_descriptors, quiet

_PR_SET_PDEATHSIG = 1
_PIPE_SIZE = 65536  # bytes; a character takes 6 at most in JSON
_MESSAGE_SIZE = 1000
_TRACEBACK_SIZE = 8000


class ForkServer:
    """Forks workers for the requests on one stream and reports on another."""

    def __init__(self, work: Callable[..., None], requests: IO[bytes], reports: IO[bytes]) -> None:
        self._work = work
        self._requests = requests
        self._reports = reports
        self._running: dict[int, tuple[int, int]] = {}  # pid -> number, pipe of last words

    def serve(self) -> None:
        """Work until the requests end, then kill what still runs."""
        wake_read, wake_write = os.pipe()
        os.set_blocking(wake_write, False)
        signal.set_wakeup_fd(wake_write)
        signal.signal(signal.SIGCHLD, lambda *_: None)  # a handler, so that the pipe is written
        try:
            self._loop(wake_read)
        finally:
            for pid in self._running:
                os.killpg(pid, signal.SIGKILL)

    def _loop(self, wake: int) -> None:
        stream = self._requests.fileno()
        pending = b""
        while True:
            ready, _, _ = select.select([stream, wake], [], [])
            if wake in ready:
                os.read(wake, 4096)
                self._reap()
            if stream in ready:
                data = os.read(stream, 65536)
                if not data:
                    return
                *lines, pending = (pending + data).split(b"\n")
                for line in lines:
                    self._fork(*json.loads(line))

    def _fork(self, number: int, arguments: list[str], environment: dict[str, str]) -> None:
        parent = os.getpid()
        try:
            words_read, words_write = os.pipe()
            pid = os.fork()
        except OSError as err:
            lack = shortage(err) or described(err)
            self._report(number, "ended", 2, f"no process can be started: {lack}", "")
            return
        if pid == 0:
            try:
                os.setpgid(0, 0)
                os.environ.update(environment)  # before CUDA reads it, which it does once
                self._run(arguments, parent, words_write)
            finally:  # whatever happened: the server's own work is not ours
                os._exit(0)
        os.close(words_write)
        with suppress(OSError):  # it was first; a group of its own, to be ended with all it starts
            os.setpgid(pid, pid)
        self._running[pid] = (number, words_read)
        self._report(number, "started", pid)

    def _run(self, arguments: list[str], parent: int, words: int) -> None:
        """Be the worker; its last words say how it ended."""
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        _die_with(parent)
        os.close(self._requests.fileno())
        os.close(self._reports.fileno())
        last_words: tuple[int, str, str] = (0, "", "")
        try:
            self._work(*arguments)
        except BaseException as err:
            code, message = _told(err)
            # nobody reads before we are dead, so it must fit into the pipe, escapes and all
            details = without_secrets(traceback.format_exc())
            last_words = code, message[:_MESSAGE_SIZE], details[-_TRACEBACK_SIZE:]
        os.write(words, json.dumps(last_words).encode())
        sys.stdout.flush()
        sys.stderr.flush()

    def _reap(self) -> None:
        while self._running:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if pid == 0:
                return
            number, words = self._running.pop(pid)
            self._report(number, "ended", *_last_words(words, os.waitstatus_to_exitcode(status)))

    def _report(self, *report: object) -> None:
        self._reports.write(json.dumps(report).encode() + b"\n")
        self._reports.flush()


def _told(err: BaseException) -> tuple[int, str]:
    """Return the code of an exception, and what to say of it."""
    if isinstance(err, NasError):
        return 1 + err.exit_code, str(err)
    return 1, str(err) if isinstance(err, ChildFailedError) else described(err)


def _last_words(pipe: int, exit_code: int) -> tuple[int, str, str]:
    """Read how a worker ended, and close the pipe; one that died without a word crashed."""
    os.set_blocking(pipe, False)  # a process that it left behind may hold the other end
    with suppress(BlockingIOError), os.fdopen(pipe, "rb", buffering=0) as words:
        if told := os.read(words.fileno(), _PIPE_SIZE):
            code, message, details = json.loads(told)
            return code, message, details
    if exit_code < 0:
        return exit_code, "", ""
    return 1, f"it ended its process (exit code {exit_code})", ""


def _die_with(parent: int) -> None:
    """Have the kernel kill this process when the server dies, where it can (Linux)."""
    if sys.platform != "linux":
        return
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)  # it died before we asked


def main() -> None:
    """Serve the function named on the command line."""
    hold_descriptors()
    reports = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what the work prints is no report
    sys.stdout = cast("TextIO", SteadyStream(sys.stdout))  # it may print to a full disk
    sys.stderr = cast("TextIO", SteadyStream(sys.stderr))
    try:
        module, _, function = sys.argv[1].partition(":")
        with quiet():
            for name in sys.argv[2:]:
                importlib.import_module(name)
            work = getattr(importlib.import_module(module), function)
            gc.freeze()  # the collector leaves the shared pages of a forked process alone
            ForkServer(work, sys.stdin.buffer, reports).serve()
    except Exception as err:  # its reader may be gone, and then nobody asks
        with suppress(BrokenPipeError), reports:
            reports.write(json.dumps([0, "unfit", 0, shortage(err) or described(err)]).encode())
        sys.exit(1)


if __name__ == "__main__":
    main()
