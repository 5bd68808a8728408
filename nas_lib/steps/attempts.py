"""Attempts: how often a child was tried, so that one that kills its process ends somewhere.

An attempt is noted before a child trains. It counts as failed if its failure was noted, or if it
ran on another machine and left nothing: a pod that was lost. It does not count

- if its engine's stop ended it, or if its process on this machine ended together with its engine,
  so that a search may be killed as often as one likes;
- if it may be alive: its process is there, or its run is another one that holds the lease;
- if a later attempt got further, by a checkpoint.
"""

from __future__ import annotations

import os
import socket
import time

from pydantic.dataclasses import dataclass as checked_dataclass

from nas_lib.errors import one_line
from nas_lib.open_search import OpenSearch
from nas_lib.records import STRICT, ChildId, ChildResult, Count, Seconds
from nas_lib.store import SearchStore, layout, lease


@checked_dataclass(frozen=True, config=STRICT)
class Attempt:
    """An attempt to train a child began."""

    run: str
    host: str
    pid: Count
    process_start: str  # tells a process from a later one with the same pid
    from_epoch: Count  # finished epochs in the checkpoint it went on from
    started_s: Seconds

    @classmethod
    def begun_here(cls, run: str, from_epoch: int) -> Attempt:
        """Return the attempt that this process begins now."""
        pid = os.getpid()
        start = lease.process_start(pid)
        return cls(run, socket.gethostname(), pid, start, from_epoch, started_s=time.time())

    @property
    def is_local(self) -> bool:
        """Whether it ran on this machine."""
        return self.host == socket.gethostname()

    @property
    def process_lives(self) -> bool:
        """Whether its process is still there, on this machine."""
        return lease.process_start(self.pid) == self.process_start


@checked_dataclass(frozen=True, config=STRICT)
class Failure:
    """An attempt failed; in one line, and with the traceback if there is one."""

    message: str
    details: str = ""


@checked_dataclass(frozen=True, config=STRICT)
class Stop:
    """An attempt was stopped with its engine."""


def begin_attempt(
    store: SearchStore, child: str, run: str, *, max_attempts: int
) -> ChildResult | None:
    """Note a new attempt; return the result `crashed` where there have been too many."""
    epochs = store.numbers(layout.checkpoints(layout.checkpoints_folder(child)))
    from_epoch = epochs[-1] if epochs else 0
    num_before = _num_attempts(store, child)
    numbers = range(1, num_before + 1)
    found = (_failure(store, child, number, run, from_epoch) for number in numbers)
    failures = [failure for failure in found if failure is not None]
    if len(failures) >= max_attempts:
        message = f"{len(failures)} attempts failed, the last one: {failures[-1]}"
        return ChildResult(child, "crashed", 0.0, where=socket.gethostname(), message=message)
    note_attempt(store, child, run, number=num_before + 1, from_epoch=from_epoch)
    return None


def note_attempt(
    store: SearchStore, child: str, run: str, *, number: int = 1, from_epoch: int = 0
) -> None:
    """Note that an attempt begins here, under this number or the next one that is free."""
    attempt = Attempt.begun_here(run, from_epoch)
    while store.settle(layout.attempt(child, number), attempt) != attempt:
        number += 1  # another run began one just now


def _num_attempts(store: SearchStore, child: str) -> int:
    return store.newest(layout.attempts(child)) or 0


def fail_attempt(search: OpenSearch, *, child: str, message: str, details: str = "") -> None:
    """Note that the child's newest attempt failed, and where (`details`: a traceback)."""
    store = search.store
    number = _num_attempts(store, child)
    failure = Failure(one_line(message, 500), details)
    store.settle(layout.attempt(child, number, end="failed"), failure)


def stop_attempt(search: OpenSearch, *, child: str) -> None:
    """Note that the child's newest attempt was stopped with its engine: it does not count."""
    store = search.store
    number = _num_attempts(store, child)
    if number:  # else the worker had not come so far
        store.settle(layout.attempt(child, number, end="stopped"), Stop())


def last_words(store: SearchStore, child: str) -> str:
    """Say how the newest attempt at a child without a result ended, if there was one."""
    number = _num_attempts(store, child)
    if not number:
        return "its training never began"
    which = f"its attempt {number}"
    failure = store.find(Failure, layout.attempt(child, number, end="failed"))
    if failure is not None:
        return f"{which} failed: {failure.message}"
    if store.find(Stop, layout.attempt(child, number, end="stopped")) is not None:
        return f"{which} was stopped"
    host = store.read(Attempt, layout.attempt(child, number)).host
    return f"{which}, on {host}, ended without a word"


def _failure(store: SearchStore, child: str, number: int, run: str, from_epoch: int) -> str | None:
    """Say how an attempt failed that got no further than `from_epoch`; None if it did not."""
    attempt = store.read(Attempt, layout.attempt(child, number))
    if attempt.from_epoch < from_epoch:
        return None
    failure = store.find(Failure, layout.attempt(child, number, end="failed"))
    if failure is not None:
        return failure.message
    if store.find(Stop, layout.attempt(child, number, end="stopped")) is not None:
        return None
    if attempt.is_local:
        if not attempt.process_lives:  # it ended with its engine, which another machine cannot see
            store.settle(layout.attempt(child, number, end="stopped"), Stop())
        return None
    return None if _may_be_alive(store, child, attempt, run) else f"{attempt.host} was lost"


def _may_be_alive(store: SearchStore, child: str, attempt: Attempt, run: str) -> bool:
    """Say whether an attempt of another run is to be taken for alive, by that run's lease.

    One of this very run is not: its task was given up before ours began.
    """
    if attempt.run == run:
        return False
    holder = lease.holder(store, ChildId.parse(child).replica)
    return holder is not None and holder.run == attempt.run
