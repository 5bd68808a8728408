"""Attempts: how often a child was tried, so that one that kills its process ends somewhere.

An attempt is noted before a child trains. It counts as failed if its failure was noted, or if it
ran on another machine and left nothing: a pod that was lost. One that its engine's stop ended does
not count, nor one on this machine that was ended together with its engine, so a search may be
killed as often as one likes; nor one after which a later attempt got further, by a checkpoint.
"""

from __future__ import annotations

import socket
import time

from pydantic import ConfigDict
from pydantic.dataclasses import dataclass as checked_dataclass

from nas_lib.records import ChildResult
from nas_lib.store import SearchStore, layout

_STRICT = ConfigDict(extra="forbid")


@checked_dataclass(frozen=True, config=_STRICT)
class Attempt:
    """An attempt to train a child began."""

    run: str
    host: str
    from_epoch: int  # finished epochs in the checkpoint it went on from
    started_s: float


@checked_dataclass(frozen=True, config=_STRICT)
class Failure:
    """An attempt failed; in one line, and with the traceback if there is one."""

    message: str
    details: str = ""


@checked_dataclass(frozen=True, config=_STRICT)
class Stop:
    """An attempt was stopped with its engine."""


def begin_attempt(
    store: SearchStore, child: str, run: str, *, max_attempts: int
) -> ChildResult | None:
    """Note a new attempt; return the result `crashed` where there have been too many."""
    epochs = store.numbers(layout.checkpoints_folder(child), ".safetensors")
    from_epoch = epochs[-1] if epochs else 0
    numbers = store.numbers(layout.attempts_folder(child), ".json")
    found = (_failure(store, child, number, from_epoch) for number in numbers)
    failures = [failure for failure in found if failure is not None]
    if len(failures) >= max_attempts:
        message = f"{len(failures)} attempts failed, the last one: {failures[-1]}"
        return ChildResult(child, "crashed", 0.0, where=socket.gethostname(), message=message)
    attempt = Attempt(run, socket.gethostname(), from_epoch, started_s=time.time())
    store.settle(layout.attempt(child, len(numbers) + 1), attempt)
    return None


def fail_attempt(store: SearchStore, child: str, message: str, details: str) -> None:
    """Note that the child's newest attempt failed."""
    number = len(store.numbers(layout.attempts_folder(child), ".json"))
    failure = Failure(" ".join(message.split())[:500], details)
    store.settle(layout.attempt(child, number, end="failed"), failure)


def stop_attempt(store: SearchStore, child: str) -> None:
    """Note that the child's newest attempt was stopped with its engine."""
    number = len(store.numbers(layout.attempts_folder(child), ".json"))
    if number:  # else the worker had not come so far
        store.settle(layout.attempt(child, number, end="stopped"), Stop())


def _failure(store: SearchStore, child: str, number: int, from_epoch: int) -> str | None:
    """Say how an attempt failed that got no further than `from_epoch`; None if it did not."""
    attempt = store.read(Attempt, layout.attempt(child, number))
    if attempt.from_epoch < from_epoch:
        return None
    failure = store.find(Failure, layout.attempt(child, number, end="failed"))
    if failure is not None:
        return failure.message
    stopped = store.find(Stop, layout.attempt(child, number, end="stopped"))
    is_lost = stopped is None and attempt.host != socket.gethostname()
    return f"{attempt.host} was lost" if is_lost else None
