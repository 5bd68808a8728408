"""Workers: who trains the children that the replicas propose, in this process or in others."""

from __future__ import annotations

import math
import signal
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from typing import Protocol

from nas_lib import steps
from nas_lib.blame import blamed_on_the_machine
from nas_lib.config import SearchConfig
from nas_lib.engine.time_limits import TimeIsUpError, TimeLimits, time_limit
from nas_lib.errors import ChildFailedError, ConfigError, NasError
from nas_lib.open_search import OpenSearch
from nas_lib.procedures import Listener
from nas_lib.records import ChildResult
from nas_lib.store.patience import patience_with
from nas_lib.training.machine import memory_limit_mb, num_cpus, visible_gpus
from nas_lib.training.supervisor import Ended, Supervisor

_LOOK_S = 1.0  # how often to see how long children have been trained
QUICK_S = 0.1  # of evaluations: so much may have to be done again after a kill
_MEMORY_SHARE = 0.9  # of what is here, for all children together


class Workers(Protocol):
    """Train children, several at a time."""

    @property
    def has_room(self) -> bool:
        """Whether another child may be started now."""
        ...

    @property
    def is_idle(self) -> bool:
        """Whether no child is being trained."""
        ...

    def start(self, child: str) -> None:
        """Begin to train a child."""
        ...

    def wait(self, timeout_s: float) -> list[str]:
        """Return the children that ended, waiting for the first at most this long.

        Raises:
            NasError: A child could not be trained for no fault of its own.
        """
        ...

    def give_up(self) -> None:
        """Stop what is being trained; nobody waits for it any more."""
        ...


MakeWorkers = Callable[[str], AbstractContextManager[Workers]]
"""From a run's id to the workers that it uses."""


def train_all(
    workers: Workers,
    children: Iterable[str],
    *,
    then: Callable[[str], Iterable[str]],
    beat: Callable[[], None],
    beat_s: float,
    patience_s: Callable[[], float] = lambda: math.inf,
) -> None:
    """Train these children, first in, first out, and whatever is to follow on each.

    Args:
        workers: Who trains.
        children: With whom to begin.
        then: Is called with each child that ended; returns more children.
        beat: Is called at least this often, to show life.
        beat_s: In seconds.
        patience_s: How much longer to wait; at 0 what is still being trained is given up.
    """
    waiting = deque(children)
    while waiting or not workers.is_idle:
        left_s = patience_s()
        if left_s <= 0:
            workers.give_up()
            return
        while waiting and workers.has_room:
            workers.start(waiting.popleft())
            beat()
        for child in workers.wait(min(beat_s, left_s)):
            waiting.extend(then(child))
        beat()


def default_workers(config: SearchConfig) -> int:
    """Return how many children to train at once here: one for each GPU, else for each CPU.

    Children on one GPU would have to share it, as those do for which the config names one.
    """
    if config.children.device.startswith("cuda:"):
        return 1
    return len(_gpus(config)) or max(1, num_cpus() // config.children.threads)


def _gpus(config: SearchConfig) -> tuple[str, ...]:
    """Return the GPUs to spread children over: none where they do not use any, or a named one."""
    return visible_gpus() if config.children.device in ("auto", "cuda") else ()


@contextmanager
def this_process(
    search: OpenSearch, run: str, listener: Listener, *, quick_s: float = QUICK_S
) -> Iterator[Workers]:
    """Yield who trains one child at a time here, for objects that live in this process.

    Args:
        search: The search.
        run: This run.
        listener: Is told how it goes.
        quick_s: So many seconds of evaluations may have to be done again after a kill.
    """
    try:
        yield InlineWorkers(search, run, listener, quick_s=quick_s)
    finally:
        with suppress(NasError):  # what ended the work is to be told
            search.store.settle_held()


@contextmanager
def worker_processes(
    search: OpenSearch, run: str, listener: Listener, *, num: int
) -> Iterator[WorkerProcesses]:
    """Yield who trains so many children at a time, each in a process of its own.

    Each process sees one GPU, if there are any; where there are more processes, they share them.
    """
    config = search.config
    share_mb = int(memory_limit_mb() * _MEMORY_SHARE) // num
    with Supervisor(
        "nas_lib.engine.workers:work",
        (search.uri, run),
        preload=search.task.preload,
        memory_mb=config.resources.memory_mb or share_mb,
        gpus=_gpus(config),
    ) as supervisor:
        try:
            yield WorkerProcesses(search, listener, supervisor, num_workers=num)
        except BaseException:  # whatever ends this run, those that it takes along did not fail
            for child in supervisor.running:
                _note_stop(search, child)
            raise


def work(uri: str, run: str, child: str) -> None:
    """Be a worker: train one child, in a process of its own."""
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})  # before threads that would take it
    with blamed_on_the_machine(f"training {child}"):
        search = OpenSearch(uri)
        patience_with(search.uri).answered = True  # to whoever began this process
        if not search.task.trains:  # nor looks for it at the end of an epoch
            signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})
        steps.train_child(search, child=child, run=run)


class InlineWorkers:
    """Train one child at a time, while it is waited for."""

    def __init__(self, search: OpenSearch, run: str, listener: Listener, *, quick_s: float) -> None:
        self._search = search
        self._run = run
        self._listener = listener
        self._quick_s = quick_s
        self._limits = TimeLimits(search)
        self._child: str | None = None
        self._failed: set[str] = set()
        self._is_quick = False  # as far as the newest evaluation says
        self._held_s = 0.0  # what evaluations took whose results are only kept in mind

    @property
    def has_room(self) -> bool:
        """Whether there is no child to be waited for."""
        return self._child is None

    @property
    def is_idle(self) -> bool:
        """Whether there is no child to be waited for."""
        return self._child is None

    def start(self, child: str) -> None:
        """Take the child to train."""
        self._child = child

    def wait(self, timeout_s: float) -> list[str]:
        """Train the child until it has its result."""
        child, self._child = self._child, None
        assert child is not None
        while not self._try(child):
            pass
        self._limits.note(_tell_ended(self._search, self._listener, child))
        return [child]

    def give_up(self) -> None:
        """Forget a child that was taken and not begun."""
        self._child = None

    def _try(self, child: str) -> bool:
        self._listener.started(child)
        limit_s = self._limits.limit_s(child)
        try:
            with blamed_on_the_machine(f"training {child}"), time_limit(limit_s):
                self._judge(child)
        except TimeIsUpError:
            assert limit_s is not None
            _end_late(self._search, child, self._limits.words(limit_s), limit_s)
        except ChildFailedError as err:
            self._failed.add(child)
            steps.fail_attempt(self._search, child=child, message=str(err))
            self._listener.failed(child, str(err))
            return False
        except BaseException:
            _note_stop(self._search, child)
            raise
        return True

    def _judge(self, child: str) -> None:
        """Judge a child; where that takes no time, its round may be lost as a whole.

        A round that this run has not proposed is one that a run before may have died of.
        """
        began_s = time.monotonic()
        if self._is_quick and self._is_new(child):
            steps.judge_at_once(self._search, child=child, run=self._run)
        else:
            steps.train_child(self._search, child=child, run=self._run)
        took_s = time.monotonic() - began_s
        self._is_quick = not self._search.task.trains and took_s < self._quick_s
        self._held_s += took_s
        if self._held_s >= self._quick_s:
            self._search.store.settle_held()
            self._held_s = 0.0

    def _is_new(self, child: str) -> bool:
        return child not in self._failed and self._search.store.proposed(child).run == self._run


class WorkerProcesses:
    """Train several children at once, each in a process of its own."""

    def __init__(
        self, search: OpenSearch, listener: Listener, supervisor: Supervisor, *, num_workers: int
    ) -> None:
        self._search = search
        self._listener = listener
        self._supervisor = supervisor
        self._num_workers = num_workers
        self._limits = TimeLimits(search)
        self._late: dict[str, tuple[str, float]] = {}  # whom we ended, and after how many seconds

    @property
    def has_room(self) -> bool:
        """Whether a worker is free."""
        return len(self._supervisor.running) < self._num_workers

    @property
    def is_idle(self) -> bool:
        """Whether all workers are free."""
        return not self._supervisor.running

    def start(self, child: str) -> None:
        """Start a worker for the child."""
        self._listener.started(child)
        self._supervisor.start(child)

    def wait(self, timeout_s: float) -> list[str]:
        """Return the children that got their results; try again those that failed."""
        done = []
        for ended in self._supervisor.wait(min(timeout_s, _LOOK_S)):
            if self._is_done(ended):
                self._limits.note(_tell_ended(self._search, self._listener, ended.task))
                done.append(ended.task)
            else:
                self.start(ended.task)
        self._watch_time()
        return done

    def give_up(self) -> None:
        """End the workers; no more can be started."""
        self._supervisor.stop()

    def wind_down(self, within_s: float) -> None:
        """Have the workers stop at the end of their epochs, with a checkpoint, if they may."""
        until_s = time.monotonic() + within_s
        while self._supervisor.running and (left_s := until_s - time.monotonic()) > 0:
            self._supervisor.ask_to_stop()  # also who only begins
            for ended in self._supervisor.wait(min(left_s, _LOOK_S)):
                if ended.exit_code:
                    _note_stop(self._search, ended.task)

    def _watch_time(self) -> None:
        """End children that take longer than they may; speak of those that take long."""
        for child, seconds in self._supervisor.running_s.items():
            if child in self._late:
                continue
            if excess := self._limits.excess(child, seconds):
                self._late[child] = excess, seconds
                self._supervisor.end(child)
            elif remark := self._limits.remark(child, seconds):
                self._listener.warned(remark)

    def _is_done(self, ended: Ended) -> bool:
        """Settle how a worker ended; False if its child is to be tried again."""
        late = self._late.pop(ended.task, None)
        if late and ended.exit_code < 0:  # else it was done when we came to end it
            _end_late(self._search, ended.task, *late)
        elif ended.out_of_memory:
            steps.end_child(
                self._search, child=ended.task, status="out_of_memory", message=ended.message
            )
        elif ended.exit_code in (2, 3):
            _note_stop(self._search, ended.task)
            raise (ConfigError if ended.exit_code == 3 else NasError)(ended.message)
        elif ended.exit_code != 0:
            steps.fail_attempt(
                self._search, child=ended.task, message=ended.message, details=ended.details
            )
            self._listener.failed(ended.task, ended.message)
            return False
        return True


def _note_stop(search: OpenSearch, child: str) -> None:
    """Note that an attempt ended for no fault of the child, if the store can be written."""
    with suppress(NasError):
        steps.stop_attempt(search, child=child)


def _end_late(search: OpenSearch, child: str, message: str, seconds: float) -> None:
    steps.end_child(search, child=child, status="timed_out", message=message, seconds=seconds)


def _tell_ended(search: OpenSearch, listener: Listener, child: str) -> ChildResult:
    result = search.store.find_result(child)
    assert result is not None
    listener.ended(result)
    return result
