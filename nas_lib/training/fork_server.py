"""A process that has torch loaded and forks itself for each piece of work.

Starting a Python with torch takes seconds, a fork milliseconds; a process per child returns all
its memory, and a kill is an exit code. It is run as

    python -m nas_lib.training.fork_server module:function [module ...]

with the modules that the work will need. A request is a line of JSON on standard input,
`[number, arguments, environment]`, all arguments strings, with the variables that this worker's
environment has besides the server's; it is answered on standard output by
`[number, "started", pid]` and `[number, "ended", exit code, message, traceback]`. The code is
negative for a signal, as subprocess has it, and above 0 for an exception: 1 for any, 2 for a
`NasError` of the run, 3 for one of the user's input.

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
from typing import IO

from nas_lib.errors import NasError

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
                os.kill(pid, signal.SIGKILL)

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
        words_read, words_write = os.pipe()
        pid = os.fork()
        if pid == 0:
            os.environ.update(environment)  # before CUDA reads it, which it does once
            os._exit(self._run(arguments, parent, words_write))
        os.close(words_write)
        self._running[pid] = (number, words_read)
        self._report(number, "started", pid)

    def _run(self, arguments: list[str], parent: int, words: int) -> int:
        """Be the worker: return its exit code."""
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        _die_with(parent)
        os.close(self._requests.fileno())
        os.close(self._reports.fileno())
        try:
            self._work(*arguments)
        except BaseException as err:
            code, message = 1, f"{type(err).__name__}: {err}"
            if isinstance(err, NasError):
                code, message = 1 + err.exit_code, str(err)
            # nobody reads before we are dead, so it must fit into the pipe, escapes and all
            last_words = [message[:_MESSAGE_SIZE], traceback.format_exc()[-_TRACEBACK_SIZE:]]
            os.write(words, json.dumps(last_words).encode())
            return code
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
        return 0

    def _reap(self) -> None:
        while self._running:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if pid == 0:
                return
            number, words = self._running.pop(pid)
            os.set_blocking(words, False)  # a process that it left behind may hold the other end
            try:
                last_words = json.loads(os.read(words, _PIPE_SIZE) or b'["", ""]')
            except BlockingIOError:
                last_words = ["", ""]
            os.close(words)
            self._report(number, "ended", os.waitstatus_to_exitcode(status), *last_words)

    def _report(self, *report: object) -> None:
        self._reports.write(json.dumps(report).encode() + b"\n")
        self._reports.flush()


def _die_with(parent: int) -> None:
    """Have the kernel kill this process when the server dies, where it can (Linux)."""
    if sys.platform != "linux":
        return
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)  # it died before we asked


def main() -> None:
    """Serve the function named on the command line."""
    module, _, function = sys.argv[1].partition(":")
    for name in sys.argv[2:]:
        importlib.import_module(name)
    work = getattr(importlib.import_module(module), function)
    reports = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # what the work prints is no report
    gc.freeze()  # the collector leaves the shared pages of a forked process alone
    ForkServer(work, sys.stdin.buffer, reports).serve()


if __name__ == "__main__":
    main()
