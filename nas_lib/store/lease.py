"""Leases: which run is at work on a replica.

A lease only saves double work; safety comes from create-only state. The newest number counts. A
holder on this machine is dead when its process is gone; any other is dead when nothing changed for
one time-to-live on our own clock, so no two machines' clocks are ever compared.
"""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from pydantic.dataclasses import dataclass as checked_dataclass

from nas_lib.records import STRICT, Count, Seconds
from nas_lib.store import layout
from nas_lib.store.search_store import SearchStore

_POLLS_PER_LEASE = 50
_ASKED_EVERY_S = 60.0  # about whom is waited for; so often he is named, too
_KEPT = 100  # renewals, some 25 times what a lease lasts; a search of a month makes 100,000

IsAlive = Callable[[str], bool | None]
"""Whether a run of this id still lives; None where that cannot be told."""

_runs_here: set[str] = set()  # under way in this process; one that failed may not have said so


@checked_dataclass(frozen=True, config=STRICT)
class Lease:
    """A run's claim on a replica."""

    run: str
    host: str
    pid: Count
    process_start: str  # tells a process from a later one with the same pid
    created_s: Seconds = 0.0  # seconds since 1970 on the holder's clock, which only it compares
    released: bool = False

    def __str__(self) -> str:
        return f"run {self.run} (process {self.pid} on {self.host})"


def take(
    store: SearchStore,
    replicas: Sequence[int],
    run: str,
    *,
    lease_s: float,
    is_alive: IsAlive = lambda run: None,
    say: Callable[[str], None] = lambda line: None,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> dict[int, Lease]:
    """Take the replicas' leases for this run, waiting at most one time-to-live for dead holders.

    Args:
        store: The search's.
        replicas: Whose leases.
        run: This run.
        lease_s: Time-to-live of a lease.
        is_alive: Is asked about holders elsewhere, so that one that has ended is not waited for.
        say: Is told for whom is waited: at once, and once a minute.
        clock: Returns seconds; another one in tests.
        sleep: Waits.

    Returns:
        The leases of those that others hold; the rest is ours now.

    Raises:
        StoreError: The store cannot hold a search.
    """
    store.require_create_only()
    _runs_here.add(run)
    first_seen = {replica: _newest(store, replica) for replica in replicas}
    newest = dict(first_seen)
    held: dict[int, Lease] = {}
    waiting = _Waiting(is_alive, say, clock, until_s=clock() + lease_s)
    while newest:
        expired = clock() >= waiting.until_s
        for replica, (number, holder) in list(newest.items()):
            renewed = number != first_seen[replica][0]
            dead = expired and not renewed
            if holder is None or _is_free(holder, run) or dead or waiting.is_over(replica, holder):
                mine = _mine(run)
                winner = store.settle(layout.lease(replica, number + 1), mine)
                if winner != mine:
                    held[replica] = winner
            elif _is_local(holder) or (expired and renewed):
                held[replica] = holder  # its process is there, or it renewed while we watched
            else:
                continue
            del newest[replica]
        if newest:
            sleep(lease_s / _POLLS_PER_LEASE)
            asked_s = clock()
            newest = {replica: _newest(store, replica) for replica in newest}
            waiting.until_s += clock() - asked_s  # of a store that is away no holder is heard
    return held


class _Waiting:
    """For whom a run waits; about each of them is asked, and told, once a minute."""

    def __init__(
        self,
        is_alive: IsAlive,
        say: Callable[[str], None],
        clock: Callable[[], float],
        *,
        until_s: float,
    ) -> None:
        self._is_alive = is_alive
        self._say = say
        self._clock = clock
        self.until_s = until_s
        self._asked_s: dict[str, float] = {}  # when, by run
        self._over: set[str] = set()

    def is_over(self, replica: int, holder: Lease) -> bool:
        """Return whether the run that holds the replica is known to have ended."""
        now_s = self._clock()
        left_s = self.until_s - now_s
        is_new = now_s - self._asked_s.get(holder.run, -_ASKED_EVERY_S) >= _ASKED_EVERY_S
        if not _is_local(holder) and left_s > 0 and is_new:
            self._asked_s[holder.run] = now_s
            if self._is_alive(holder.run) is False:
                self._over.add(holder.run)
                self._say(f"{holder} has ended, and its replica {replica} is free")
            else:
                until = datetime.now().astimezone() + timedelta(seconds=left_s)
                self._say(
                    f"{holder} has replica {replica}: waiting until {until:%H:%M %Z} for it to let "
                    "go; if it is silent until then it counts as dead"
                )
        return holder.run in self._over


def renew(store: SearchStore, replica: int, run: str, *, lease_s: float) -> None:
    """Show that this run is alive, four times in a time-to-live at most, if it has the lease."""
    number, holder = _newest(store, replica)
    if holder is not None and holder.run == run and not holder.released:
        mine = _mine(run)
        if abs(mine.created_s - holder.created_s) >= lease_s / 4:
            store.settle(layout.lease(replica, number + 1), mine)
            if number > _KEPT:  # those stay: who stood still for a while must find its number taken
                store.objects.delete(layout.lease(replica, number - _KEPT))


def release(store: SearchStore, replica: int, run: str) -> None:
    """Give the lease back, if it is this run's own; the run ends here."""
    _runs_here.discard(run)
    number, holder = _newest(store, replica)
    if holder is not None and holder.run == run and not holder.released:
        store.settle(layout.lease(replica, number + 1), replace(_mine(run), released=True))


def holder(store: SearchStore, replica: int) -> Lease | None:
    """Return the lease of the run that is at work on the replica, None where it was given back."""
    _, newest = _newest(store, replica)
    return None if newest is None or newest.released else newest


def holders(store: SearchStore, num_replicas: int) -> dict[int, Lease]:
    """Return who is at work on each replica, as far as can be told at once.

    A lease whose process is gone from this machine counts no more; one from elsewhere does.
    """
    replicas = range(num_replicas)
    newest = store.each(lambda replica: _newest(store, replica)[1], replicas)
    found = zip(replicas, newest, strict=True)
    return {replica: lease for replica, lease in found if lease and not _is_over(lease)}


def process_start(pid: int) -> str:
    """Return when a process of this machine started, in the kernel's words; empty if it is gone."""
    try:
        with open(f"/proc/{pid}/stat") as stat:
            return stat.read().rpartition(")")[2].split()[19]
    except FileNotFoundError:
        return "alive" if not os.path.exists("/proc/self") and _exists(pid) else ""


def _exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _mine(run: str) -> Lease:
    pid = os.getpid()
    return Lease(run, socket.gethostname(), pid, process_start(pid), created_s=time.time())


def _is_local(lease: Lease) -> bool:
    return lease.host == socket.gethostname()


def _is_free(lease: Lease, run: str) -> bool:
    return lease.run == run or _is_over(lease)


def _is_over(lease: Lease) -> bool:
    if lease.released or not _is_local(lease):
        return lease.released
    if process_start(lease.pid) != lease.process_start:
        return True
    return lease.pid == os.getpid() and lease.run not in _runs_here


def _newest(store: SearchStore, replica: int) -> tuple[int, Lease | None]:
    number = store.newest(layout.leases(replica))
    if number is None:
        return 0, None
    return number, store.read(Lease, layout.lease(replica, number))
