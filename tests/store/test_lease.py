from __future__ import annotations

import os
import re
import socket
from dataclasses import replace
from typing import Any

import pytest

from nas_lib.store import SearchStore, layout, lease
from nas_lib.store.lease import Lease

LEASE_S = 600.0


class Clock:
    """A clock that only sleeping moves; `on_sleep` is what others do meanwhile."""

    def __init__(self) -> None:
        self.now = 0.0
        self.on_sleep = lambda: None

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds
        self.on_sleep()


@pytest.fixture
def store(request: pytest.FixtureRequest) -> SearchStore:
    return SearchStore.open(f"memory://{request.node.name}")


@pytest.fixture
def clock() -> Clock:
    return Clock()


def take(store: SearchStore, run: str, clock: Clock, **asking: Any) -> Lease | None:
    held = lease.take(store, [0], run, lease_s=LEASE_S, clock=clock, sleep=clock.sleep, **asking)
    return held.get(0)


def hold(store: SearchStore, number: int, *, host: str, pid: int = 1, start: str = "1") -> None:
    """Let another process hold the lease."""
    store.settle(layout.lease(0, number), Lease("other", host, pid, start))


def test_a_free_lease_is_taken_at_once(store: SearchStore, clock: Clock) -> None:
    assert take(store, "mine", clock) is None
    assert clock.now == 0


def test_the_same_run_takes_its_own_lease_again(store: SearchStore, clock: Clock) -> None:
    take(store, "mine", clock)

    assert take(store, "mine", clock) is None
    assert clock.now == 0


def test_a_holder_alive_on_this_machine_is_named_at_once(store: SearchStore, clock: Clock) -> None:
    take(store, "first", clock)

    holder = take(store, "second", clock)

    assert str(holder) == f"run first (process {os.getpid()} on {socket.gethostname()})"
    assert clock.now == 0


def test_a_holder_whose_process_is_gone_is_dead_at_once(store: SearchStore, clock: Clock) -> None:
    hold(store, 1, host=socket.gethostname(), pid=2**22 + 1)

    assert take(store, "mine", clock) is None
    assert clock.now == 0


def test_a_later_process_with_the_same_number_is_not_the_holder(
    store: SearchStore, clock: Clock
) -> None:
    hold(store, 1, host=socket.gethostname(), pid=os.getppid(), start="long ago")

    assert take(store, "mine", clock) is None


def test_a_silent_holder_elsewhere_is_dead_after_one_time_to_live(
    store: SearchStore, clock: Clock
) -> None:
    hold(store, 1, host="elsewhere")

    assert take(store, "mine", clock) is None
    assert clock.now == pytest.approx(LEASE_S, rel=0.05)


def test_a_holder_elsewhere_that_renews_is_alive(store: SearchStore, clock: Clock) -> None:
    hold(store, 1, host="elsewhere")
    clock.on_sleep = lambda: hold(store, 2, host="elsewhere")

    holder = take(store, "mine", clock)

    assert holder is not None
    assert holder.host == "elsewhere"
    assert clock.now == pytest.approx(LEASE_S, rel=0.05)  # waited once, and no longer


def test_a_store_that_was_away_for_long_makes_no_holder_dead(
    store: SearchStore, clock: Clock
) -> None:
    """He could not renew his lease either."""
    hold(store, 1, host="elsewhere")
    read, num_reads = store.objects.get, 0

    def read_late(key: str, *, at_most: int | None = None) -> bytes:
        nonlocal num_reads
        num_reads += 1
        clock.now += LEASE_S if num_reads == 3 else 0.0
        return read(key, at_most=at_most)

    store.objects.get = read_late  # type: ignore[method-assign]
    clock.on_sleep = lambda: num_reads > 3 and hold(store, 2, host="elsewhere")

    holder = take(store, "mine", clock)

    assert holder is not None
    assert clock.now == pytest.approx(2 * LEASE_S, rel=0.05)


def test_a_holder_elsewhere_that_lets_go_is_followed(store: SearchStore, clock: Clock) -> None:
    hold(store, 1, host="elsewhere")
    released = Lease("other", "elsewhere", 1, "1", released=True)
    clock.on_sleep = lambda: store.settle(layout.lease(0, 2), released) and None

    assert take(store, "mine", clock) is None
    assert clock.now < LEASE_S / 2


def test_a_holder_elsewhere_whose_run_has_ended_is_not_waited_for(
    store: SearchStore, clock: Clock
) -> None:
    hold(store, 1, host="elsewhere")
    said: list[str] = []

    assert take(store, "mine", clock, is_alive=lambda run: run != "other", say=said.append) is None
    assert clock.now == 0
    assert said == ["run other (process 1 on elsewhere) has ended, and its replica 0 is free"]


def test_a_holder_that_ends_while_it_is_waited_for_is_followed_a_minute_later(
    store: SearchStore, clock: Clock
) -> None:
    hold(store, 1, host="elsewhere")

    assert take(store, "mine", clock, is_alive=lambda run: clock.now < 100) is None
    assert clock.now == pytest.approx(120, abs=LEASE_S / 50)


@pytest.mark.parametrize("known", [True, None])
def test_a_holder_that_may_be_alive_is_waited_for_and_named_at_once_and_once_a_minute(
    store: SearchStore, clock: Clock, known: bool | None
) -> None:
    hold(store, 1, host="elsewhere")
    clock.on_sleep = lambda: hold(store, 2, host="elsewhere")
    said: list[tuple[float, str]] = []

    holder = take(
        store,
        "mine",
        clock,
        is_alive=lambda run: known,
        say=lambda line: said.append((clock.now, line)),
    )

    assert holder is not None
    assert [when for when, _ in said] == [60.0 * minute for minute in range(10)]
    for _, line in said:
        sentence = (
            r"run other \(process 1 on elsewhere\) has replica 0: waiting until \d\d:\d\d \S+ for"
        )
        assert re.match(sentence, line)


def test_a_run_that_holds_several_replicas_is_asked_about_once(
    store: SearchStore, clock: Clock
) -> None:
    for replica in range(3):
        store.settle(layout.lease(replica, 1), Lease("other", "elsewhere", 1, "1"))
    asked: list[str] = []

    def is_alive(run: str) -> bool:
        asked.append(run)
        return False

    held = lease.take(
        store,
        range(3),
        "mine",
        lease_s=LEASE_S,
        is_alive=is_alive,
        clock=clock,
        sleep=clock.sleep,
    )

    assert (held, asked, clock.now) == ({}, ["other"], 0)


def test_a_released_lease_is_free(store: SearchStore, clock: Clock) -> None:
    take(store, "first", clock)
    lease.release(store, 0, "first")

    assert take(store, "second", clock) is None


def test_only_the_holder_can_renew_or_release(store: SearchStore, clock: Clock) -> None:
    take(store, "first", clock)

    lease.renew(store, 0, "second", lease_s=0)
    lease.release(store, 0, "second")

    assert store.numbers(layout.leases(0)) == [1]
    assert take(store, "second", clock) is not None


def test_it_is_renewed_four_times_in_a_time_to_live_at_most(
    store: SearchStore, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("time.time", lambda: 1000.0)
    take(store, "mine", clock)

    for now in (1149.0, 1151.0, 1200.0, 1302.0):  # a quarter of 600 s is 150 s
        monkeypatch.setattr("time.time", lambda now=now: now)
        lease.renew(store, 0, "mine", lease_s=LEASE_S)

    assert store.numbers(layout.leases(0)) == [1, 2, 3]


def test_renewals_leave_a_hundred_before_them(store: SearchStore, clock: Clock) -> None:
    take(store, "mine", clock)
    for _ in range(102):
        lease.renew(store, 0, "mine", lease_s=0)

    assert store.numbers(layout.leases(0)) == list(range(3, 104))


def test_replicas_have_leases_of_their_own(store: SearchStore, clock: Clock) -> None:
    take(store, "first", clock)

    assert lease.take(store, [1], "second", lease_s=LEASE_S) == {}


def test_dead_holders_of_many_replicas_are_waited_for_once(
    store: SearchStore, clock: Clock
) -> None:
    for replica in range(5):
        store.settle(layout.lease(replica, 1), Lease("other", "elsewhere", 1, "1"))

    held = lease.take(store, range(8), "mine", lease_s=LEASE_S, clock=clock, sleep=clock.sleep)

    assert held == {}
    assert clock.now == pytest.approx(LEASE_S, rel=0.03)


def test_a_holder_of_one_of_many_replicas_is_named(store: SearchStore, clock: Clock) -> None:
    theirs = Lease("other", socket.gethostname(), os.getppid(), lease.process_start(os.getppid()))
    store.settle(layout.lease(2, 1), theirs)

    held = lease.take(store, [1, 2, 3], "mine", lease_s=LEASE_S, clock=clock, sleep=clock.sleep)

    assert held == {2: theirs}
    assert clock.now == 0


def test_all_holders_are_those_whose_newest_lease_counts(store: SearchStore) -> None:
    elsewhere = Lease("before", "elsewhere", pid=1, process_start="1")
    newest = [
        replace(elsewhere, run="at work"),
        replace(elsewhere, released=True),
        Lease("gone", socket.gethostname(), pid=2**22 + 1, process_start="1"),
    ]
    for replica, held in enumerate(newest):
        store.settle(layout.lease(replica, 1), elsewhere)
        store.settle(layout.lease(replica, 2), held)

    assert lease.holders(store, 4) == {0: newest[0]}  # the fourth replica never had one


def test_a_run_of_this_process_that_ended_without_a_word_holds_nothing(
    store: SearchStore, clock: Clock
) -> None:
    take(store, "first", clock)
    held = take(store, "second", clock)
    assert held is not None
    assert held.run == "first"

    away = SearchStore.open("memory://another-store")  # as if the first one could not be reached
    lease.release(away, 0, "first")

    assert take(store, "second", clock) is None
    assert clock.now == 0
