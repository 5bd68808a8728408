"""Many processes that write to one store, all at once."""

from __future__ import annotations

import os
import resource
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from multiprocessing.synchronize import Barrier
from typing import Any

START_TIMEOUT_S = 120


def run_together(
    work: Callable[..., Any], arguments: Sequence[tuple[Any, ...]], environment: Mapping[str, str]
) -> list[Any]:
    """Call `work(wait, *arguments)` in one process for each of the arguments; return the results.

    `wait()` returns once all processes have come so far. They are forked from a server that has
    torch loaded and used no store: S3 does not outlive a fork.
    """
    context = get_context("forkserver")
    context.set_forkserver_preload(["nas_lib.controllers.reinforce", work.__module__])
    num = len(arguments)
    with ProcessPoolExecutor(
        num, mp_context=context, initializer=_join, initargs=(context.Barrier(num), environment)
    ) as pool:
        futures = [pool.submit(_call, work, each) for each in arguments]
        return [future.result() for future in futures]


def peak_mb() -> float:
    """Return the most memory that this process ever had, shared pages included, in MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


_barriers: list[Barrier] = []  # of this process: none, or the one of its pool


def _join(barrier: Barrier, environment: Mapping[str, str]) -> None:
    _barriers.append(barrier)
    os.environ.update(environment)


def _call(work: Callable[..., Any], arguments: tuple[Any, ...]) -> Any:
    return work(lambda: _barriers[0].wait(START_TIMEOUT_S), *arguments)
