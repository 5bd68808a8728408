"""Who trains a search's children on this machine: processes of their own, or this one."""

from __future__ import annotations

import os
import sys

from nas_lib.config import SearchConfig
from nas_lib.engine.workers import MakeWorkers, default_workers, this_process, worker_processes
from nas_lib.errors import ConfigError
from nas_lib.named_objects import INLINE
from nas_lib.open_search import OpenSearch
from nas_lib.procedures import Listener


def require_fork() -> None:
    """Refuse a system without what workers and leases are made of, before anything is created."""
    if not hasattr(os, "fork"):
        raise ConfigError(
            "a search needs Linux, macOS or WSL (the Windows Subsystem for Linux): its workers are "
            f"forks of one process, and there is no fork here ({sys.platform})"
        )


def num_processes(config: SearchConfig, uri: str, workers: int | None) -> int:
    """Return how many worker processes to have; 0 to train in this process.

    Args:
        config: The search's configuration.
        uri: Where its state lies.
        workers: How many the user wants, None for as many as there is room for.

    Raises:
        ConfigError: There cannot be so many.
    """
    if workers is not None and workers < 1:
        raise ConfigError(f"workers should be at least 1, got {workers}")
    if _is_inline(config, uri):
        if workers is not None and workers > 1:
            raise ConfigError(
                f"{workers} workers cannot share objects or memory of this process: name space and "
                "evaluation in the config as module:name, keep the state in a folder, or use one"
            )
        return 0
    return workers or default_workers(config)


def crew(search: OpenSearch, listener: Listener, num_workers: int) -> MakeWorkers:
    """Return what makes so many workers for a run; those of this process where it is 0."""
    if num_workers == 0:
        return lambda run: this_process(search, run, listener)
    return lambda run: worker_processes(search, run, listener, num=num_workers)


def _is_inline(config: SearchConfig, uri: str) -> bool:
    """Say whether children can be trained in this process only."""
    named = (getattr(config.children, "evaluate", ""), getattr(config.space, "object", ""))
    return INLINE in named or uri.startswith("memory:")
