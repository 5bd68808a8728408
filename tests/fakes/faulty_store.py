"""A store that fails, or kills its own process, at a chosen call; and searches that run in it."""

from __future__ import annotations

import errno
import os
import signal
import traceback
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from nas_lib.config import SearchConfig
from nas_lib.engine import Engine, Listener, SearchHandle
from nas_lib.engine.workers import this_process
from nas_lib.errors import StoreError
from nas_lib.open_search import OpenSearch
from nas_lib.steps import prepare_data
from nas_lib.store import ObjectInfo, ObjectStore, parts
from nas_lib.store import folder as folder_module

CALLS = ("get", "has", "create", "link", "replace", "delete", "list", "keys", "get_many")
OnCall = Callable[[int, str, str], None]
"""Is told before each call: its number from 1, its name, and the key or prefix."""


class WatchedStore:
    """A store that tells before each call."""

    def __init__(self, objects: ObjectStore, on_call: OnCall) -> None:
        self._objects = objects
        self._on_call = on_call
        self.calls: list[str] = []

    def __getattr__(self, name: str) -> Any:
        value = getattr(self._objects, name)
        if name not in CALLS:
            return value

        def call(key: str | Sequence[str], *arguments: Any, **options: Any) -> Any:
            self.calls.append(name)
            self._on_call(len(self.calls), name, str(key))
            return value(key, *arguments, **options)

        return call


class LateListing:
    """A store whose listing lacks all that was created since, as some servers have it for a while.

    To ask for an object is never late.
    """

    def __init__(self, objects: ObjectStore) -> None:
        self._objects = objects
        self._listed = set(objects.keys(""))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._objects, name)

    def list(self, prefix: str) -> Iterator[ObjectInfo]:
        return (info for info in self._objects.list(prefix) if info.key in self._listed)

    def keys(self, prefix: str, *, after: str = "") -> list[str]:
        return [key for key in self._objects.keys(prefix, after=after) if key in self._listed]


def nothing(called: int, name: str, key: str) -> None:
    """Let the call be."""


def run_watched(
    uri: str, config: SearchConfig, on_call: OnCall = nothing, *, quick_s: float = 0.0
) -> list[str]:
    """Run a search to its end in this process; return the names of the calls that it made.

    Results of children are stored at once, unless evaluations may be done again.
    """
    search = OpenSearch(uri)
    search.store.objects = watched = WatchedStore(search.store.objects, on_call)
    run_here(search, config, quick_s=quick_s)
    return watched.calls


def run_here(
    search: OpenSearch,
    config: SearchConfig,
    *,
    rounds: int | None = None,
    quick_s: float = 0.0,
    listener: Listener | None = None,
) -> SearchHandle:
    """Run a search in this process, in the store that it has now."""
    prepare_data(search, config=config, settles=False)
    listener = listener or Listener()
    engine = Engine(
        search,
        make_workers=lambda run: this_process(search, run, listener, quick_s=quick_s),
        listener=listener,
    )
    return SearchHandle(search.uri, engine.run_id, engine.run(rounds))


def run_until_killed(
    uri: str, config: SearchConfig, on_call: OnCall, *, quick_s: float = 0.0
) -> bool:
    """Run a search in a process of its own; return whether it was killed."""
    process = os.fork()
    if process == 0:
        try:
            run_watched(uri, config, on_call, quick_s=quick_s)
        except BaseException:
            traceback.print_exc()
            os._exit(1)
        os._exit(0)
    _, status = os.waitpid(process, 0)
    code = os.waitstatus_to_exitcode(status)
    assert code in (0, -signal.SIGKILL), f"the search ended with {code}"
    return code == -signal.SIGKILL


def kill_before(number: int) -> OnCall:
    """Kill the process before the call with this number."""

    def on_call(called: int, name: str, key: str) -> None:
        if called == number:
            os.kill(os.getpid(), signal.SIGKILL)

    return on_call


def kill_within(number: int) -> OnCall:
    """Kill the process in this call, which writes: the file is written and has no name yet."""

    def on_call(called: int, name: str, key: str) -> None:
        if called == number:
            folder_module.os = parts.os = _KillingOs()

    return on_call


class _KillingOs:
    """The module `os`, but giving a file its name kills the process."""

    def __getattr__(self, name: str) -> Any:
        if name in ("link", "replace"):
            os.kill(os.getpid(), signal.SIGKILL)
        return getattr(os, name)


class DiskWithoutLinks:
    """The module `os` on a disk that has no hard links."""

    def __getattr__(self, name: str) -> Any:
        return getattr(os, name)

    def link(self, source: str, target: str) -> None:
        raise OSError(errno.EPERM, os.strerror(errno.EPERM), target)


def fail_at(number: int) -> OnCall:
    """Let the call with this number fail as a full or broken disk does."""

    def on_call(called: int, name: str, key: str) -> None:
        if called == number:
            reason = os.strerror(errno.ENOSPC if name in ("create", "replace") else errno.EIO)
            raise StoreError(f"cannot {name} {key}: {reason}")

    return on_call
