"""Supervisor: starts workers from a fork server, watches their memory, tells how they ended."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
import time
from dataclasses import dataclass

from nas_lib.errors import NasError
from nas_lib.training.machine import process_memory_mb

_MEMORY_POLL_S = 0.25


@dataclass(frozen=True)
class Ended:
    """How a worker ended.

    Attributes:
        task: What it worked on.
        exit_code: 0 if it is done, 1 after an exception, 2 after a `NasError`, which is not its
            own fault; negative for a signal.
        message: What went wrong in a few words, empty if nothing did.
        details: The traceback, if there is one.
        memory_mb: Its memory when the supervisor ended it for that, else None.
    """

    task: str
    exit_code: int
    message: str = ""
    details: str = ""
    memory_mb: int | None = None


@dataclass
class _Worker:
    task: str
    pid: int | None = None
    memory_mb: int | None = None


class Supervisor:
    """Runs `module:function(*arguments, task)` in a process of its own for each task."""

    def __init__(
        self,
        work: str,
        arguments: tuple[str, ...],
        *,
        preload: tuple[str, ...] = (),
        memory_mb: int,
    ) -> None:
        """Start the fork server.

        Args:
            work: `module:function`.
            arguments: Handed to every call, before the task.
            preload: Modules that the work needs; the server imports them once for all.
            memory_mb: A worker whose own memory grows over this many MiB is ended.
        """
        self._arguments = arguments
        self._limit_mb = memory_mb
        self._workers: dict[int, _Worker] = {}
        self._started = 0
        self._pending = b""
        self._polled_s = 0.0
        self._server = subprocess.Popen(
            [sys.executable, "-m", "nas_lib.training.fork_server", work, *preload],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            bufsize=0,
            start_new_session=True,  # Ctrl-C is for the engine, which then ends the workers
            env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        )

    def __enter__(self) -> Supervisor:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.stop()

    @property
    def num_running(self) -> int:
        """How many tasks were started and have not ended."""
        return len(self._workers)

    def start(self, task: str) -> None:
        """Start a worker for this task."""
        number = self._started = self._started + 1
        self._workers[number] = _Worker(task)
        assert self._server.stdin is not None
        request = json.dumps([number, [*self._arguments, task]]).encode() + b"\n"
        try:
            self._server.stdin.write(request)
        except BrokenPipeError as err:
            raise self._server_lost() from err

    def wait(self, timeout_s: float) -> list[Ended]:
        """Return the workers that ended, waiting for the first one at most this long.

        Raises:
            NasError: The fork server itself is gone.
        """
        deadline = time.monotonic() + timeout_s
        while True:
            self._watch_memory()
            left_s = max(0.0, deadline - time.monotonic())
            ended = self._read(min(left_s, _MEMORY_POLL_S))
            if ended or left_s == 0:
                return ended

    def stop(self) -> None:
        """End the server and all workers at once."""
        assert self._server.stdin is not None
        self._server.stdin.close()
        try:
            self._server.wait(timeout=5)
        except subprocess.TimeoutExpired:
            self._server.kill()
            self._server.wait()

    def _read(self, timeout_s: float) -> list[Ended]:
        assert self._server.stdout is not None
        stream = self._server.stdout.fileno()
        if not select.select([stream], [], [], timeout_s)[0]:
            return []
        data = os.read(stream, 65536)
        if not data:
            raise self._server_lost()
        *lines, self._pending = (self._pending + data).split(b"\n")
        reports = [self._report(*json.loads(line)) for line in lines]
        return [ended for ended in reports if ended is not None]

    def _report(self, number: int, what: str, value: int, *last_words: str) -> Ended | None:
        worker = self._workers[number]
        if what == "started":
            worker.pid = value
            return None
        del self._workers[number]
        message, details = last_words
        if value < 0:
            message = f"killed by {signal.Signals(-value).name}"
        return Ended(worker.task, value, message, details, worker.memory_mb)

    def _watch_memory(self) -> None:
        if time.monotonic() - self._polled_s < _MEMORY_POLL_S:
            return
        self._polled_s = time.monotonic()
        for worker in self._workers.values():
            if worker.pid is None or worker.memory_mb is not None:
                continue
            used_mb = process_memory_mb(worker.pid)
            if used_mb > self._limit_mb:
                worker.memory_mb = used_mb
                os.kill(worker.pid, signal.SIGKILL)

    def _server_lost(self) -> NasError:
        code = self._server.wait()
        return NasError(f"the process that starts the workers ended (exit code {code})")
