"""Supervisor: starts workers from a fork server, watches their memory, tells how they ended."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass

from nas_lib.blame import blamed_on_the_machine, killed_by
from nas_lib.errors import MachineError, NasError
from nas_lib.training.machine import ContainerMemory, process_memory_mb

_MEMORY_POLL_S = 0.05  # a process can take some 2 GiB of new memory a second
_CONTAINER_SHARE = 0.92  # of its container's memory may be used before a worker is ended


@dataclass(frozen=True)
class Ended:
    """How a worker ended.

    Attributes:
        task: What it worked on.
        exit_code: 0 if it is done, 2 or 3 after a `NasError`, which is not its own fault (3: the
            user's input), negative for a signal, 1 for any other end.
        message: What went wrong in a few words, empty if nothing did.
        details: The traceback, if there is one.
        out_of_memory: It was ended because it took more memory than there is for it.
    """

    task: str
    exit_code: int
    message: str = ""
    details: str = ""
    out_of_memory: bool = False


class Supervisor:
    """Runs `module:function(*arguments, task)` in a process of its own for each task.

    A worker that takes too much memory is ended before the kernel does so: in many clusters that
    would end the whole container, and with it the supervisor.
    """

    def __init__(
        self,
        work: str,
        arguments: tuple[str, ...],
        *,
        preload: tuple[str, ...] = (),
        memory_mb: int,
        container: ContainerMemory | None = None,
        gpus: tuple[str, ...] = (),
    ) -> None:
        """Start the fork server.

        Args:
            work: `module:function`.
            arguments: Handed to every call, before the task.
            preload: Modules that the work needs; the server imports them once for all.
            memory_mb: A worker whose own memory grows over this many MiB is ended.
            container: When all of this one's memory is nearly used, whoever used it, the largest
                worker is ended; by default the container that this process runs in.
            gpus: Each worker sees one of these only, as CUDA_VISIBLE_DEVICES names it: that which
                the fewest others have. Without any, it sees what this process does.
        """
        self._arguments = arguments
        self._limit_mb = memory_mb
        self._gpus = gpus
        self._container = container or ContainerMemory()
        self._num_killed = self._container.num_killed()
        self._tasks: dict[int, str] = {}  # of the workers, by number
        self._pids: dict[int, int] = {}
        self._taken: dict[int, str] = {}  # their GPUs
        self._excess: dict[int, str] = {}  # why we ended them
        self._since_s: dict[int, float] = {}  # when their processes began
        self._started = 0
        self._pending = b""
        self._polled_s = 0.0
        self._unfit = ""  # what the server said of itself
        with blamed_on_the_machine("starting workers"):
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
    def running(self) -> tuple[str, ...]:
        """The tasks that were started and have not ended."""
        return tuple(self._tasks.values())

    @property
    def running_s(self) -> dict[str, float]:
        """For how many seconds the process of each task has been there."""
        now_s = time.monotonic()
        return {self._tasks[number]: now_s - since_s for number, since_s in self._since_s.items()}

    def end(self, task: str) -> None:
        """End a task's worker by SIGKILL, with all processes that it started."""
        for number, pid in self._pids.items():
            if self._tasks[number] == task:
                _kill(pid)

    def ask_to_stop(self) -> None:
        """Send SIGTERM to all workers, for what their work makes of it; `wait` tells who ended."""
        for pid in self._pids.values():
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGTERM)

    def start(self, task: str) -> None:
        """Start a worker for this task."""
        number = self._started = self._started + 1
        self._tasks[number] = task
        assert self._server.stdin is not None
        request = [number, [*self._arguments, task], self._environment(number)]
        try:
            self._server.stdin.write(json.dumps(request).encode() + b"\n")
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

    def _environment(self, number: int) -> dict[str, str]:
        """Return what the worker's environment has of its own, and note which GPU it takes."""
        if not self._gpus:
            return {}
        gpu = min(self._gpus, key=list(self._taken.values()).count)
        self._taken[number] = gpu
        return {"CUDA_VISIBLE_DEVICES": gpu}

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
        if what == "started":
            self._pids[number] = value
            self._since_s[number] = time.monotonic()
            return None
        if what == "unfit":
            (self._unfit,) = last_words
            return None
        self._since_s.pop(number, None)
        self._pids.pop(number, None)  # there is none if it could not be started
        self._taken.pop(number, None)
        task, excess = self._tasks.pop(number), self._excess.pop(number, "")
        message, details = last_words
        if value < 0:
            message = killed_by(-value)
        if value == -signal.SIGKILL and (excess := self._kernels_reason() or excess):
            return Ended(task, value, excess, details, out_of_memory=True)
        return Ended(task, value, message, details)

    def _watch_memory(self) -> None:
        if time.monotonic() - self._polled_s < _MEMORY_POLL_S:
            return
        self._polled_s = time.monotonic()
        if self._excess or not self._pids:
            return  # a worker's memory is about to be free, or there is none
        sizes_mb = {number: process_memory_mb(pid) for number, pid in self._pids.items()}
        largest = max(sizes_mb, key=sizes_mb.__getitem__)
        if sizes_mb[largest] > self._limit_mb:
            what = f"more than a child may ({self._limit_mb} MiB)"
        elif self._container_is_full():
            what = f"and its container has no more than {self._container.limit_mb} MiB"
        else:
            return
        self._excess[largest] = f"used {sizes_mb[largest]} MiB of memory, {what}"
        _kill(self._pids[largest])

    def _container_is_full(self) -> bool:
        limit_mb = self._container.limit_mb
        return limit_mb is not None and self._container.used_mb() > limit_mb * _CONTAINER_SHARE

    def _kernels_reason(self) -> str:
        """Say why the kernel ended a worker, if it was faster than we; each time counts once."""
        limit_mb = self._container.limit_mb
        if limit_mb is None or self._container.num_killed() == self._num_killed:
            return ""
        self._num_killed += 1
        return f"killed by the kernel: its container has no more than {limit_mb} MiB of memory"

    def _server_lost(self) -> NasError:
        assert self._server.stdout is not None
        code = self._server.wait()
        with suppress(ValueError):  # it was killed while it spoke
            for line in (self._pending + self._server.stdout.read()).splitlines():
                self._report(*json.loads(line))
        self._pending = b""
        if self._unfit:
            return MachineError(f"no worker can be started on this machine: {self._unfit}")
        end = f"was {killed_by(-code)}" if code < 0 else f"ended (exit code {code})"
        return NasError(f"the process that starts the workers {end}")


def _kill(worker: int) -> None:
    with suppress(ProcessLookupError):  # it came to its end by itself
        os.killpg(worker, signal.SIGKILL)
