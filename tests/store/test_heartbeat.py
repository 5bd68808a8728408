"""Heartbeats: who waits for Jobs is heard, and whoever is not heard for long is gone."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from threading import Event

import pytest

from nas_lib.errors import StoreError
from nas_lib.store import SearchStore, heartbeat, layout
from tests.fakes.faulty_store import WatchedStore, nothing

CHILD, OTHER_ROUND = "r000-000003-01", "r000-000004-01"
KEY = "heartbeats/r000/000003.json"


@pytest.fixture
def store(tmp_path: object, monkeypatch: pytest.MonkeyPatch) -> SearchStore:
    monkeypatch.setattr(heartbeat, "BEAT_S", 0.05)
    monkeypatch.setattr(heartbeat, "LOOK_S", 0.02)
    monkeypatch.setattr(heartbeat, "SILENT_S", 0.2)  # 10 looks, as there are in 300 s
    return SearchStore.open(f"{tmp_path}")


@pytest.fixture
def in_a_context() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


def fails(action: str) -> Callable[[int, str, str], None]:
    def fail(called: int, name: str, key: str) -> None:
        if name == action:
            raise StoreError("it is away")

    return fail


def watched(store: SearchStore, on_call: Callable[[int, str, str], None]) -> SearchStore:
    return SearchStore(WatchedStore(store.objects, on_call))


def test_who_waits_is_heard_again_and_again(store: SearchStore) -> None:
    heard = set()
    with heartbeat.beating(store, CHILD, "run-1"):
        until_s = time.monotonic() + 20
        while len(heard) < 3 and time.monotonic() < until_s:
            heard.add(store.read(heartbeat.Heartbeat, KEY))

    assert {beat.run for beat in heard} == {"run-1"}
    assert len({beat.number for beat in heard}) == len(heard) == 3


def test_nothing_is_left_once_nobody_has_to_wait(store: SearchStore) -> None:
    with heartbeat.beating(store, CHILD, "run-1"):
        assert layout.heartbeat(0, 3) == KEY
        assert store.objects.has(KEY)

    assert not store.objects.has(KEY)


def test_whoever_ended_in_the_middle_leaves_it_to_the_next(store: SearchStore) -> None:
    with pytest.raises(ZeroDivisionError), heartbeat.beating(store, CHILD, "run-1"):
        1 / 0  # noqa: B018

    assert store.objects.has(KEY)


def test_while_somebody_is_heard_nobody_is_missed(
    store: SearchStore, in_a_context: ExitStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(heartbeat, "SILENT_S", 0.6)
    in_a_context.enter_context(heartbeat.beating(store, CHILD, "run-1"))
    silent = in_a_context.enter_context(heartbeat.silence(store, CHILD))

    assert not silent.wait(1)


@pytest.mark.parametrize("is_left", [True, False])
def test_whoever_is_not_heard_for_long_is_missed(store: SearchStore, is_left: bool) -> None:
    if is_left:  # by one that was killed
        store.objects.replace(KEY, b"as old as you like")
    began_s = time.monotonic()
    with heartbeat.silence(store, CHILD) as silent:
        assert silent.wait(20)

    assert time.monotonic() - began_s >= 0.2


def test_a_heartbeat_of_another_round_is_none(store: SearchStore, in_a_context: ExitStack) -> None:
    in_a_context.enter_context(heartbeat.beating(store, OTHER_ROUND, "run-1"))
    silent = in_a_context.enter_context(heartbeat.silence(store, CHILD))

    assert silent.wait(20)


def test_another_run_that_waits_is_as_good(store: SearchStore, in_a_context: ExitStack) -> None:
    silent = in_a_context.enter_context(heartbeat.silence(store, CHILD))
    for run in ("run-1", "run-2"):
        with heartbeat.beating(store, CHILD, run):
            assert not silent.wait(0.15)


def test_a_store_that_cannot_be_read_says_nothing(store: SearchStore) -> None:
    away = watched(store, fails("get"))
    with heartbeat.silence(away, CHILD) as silent:
        assert not silent.wait(0.6)
        away.objects._on_call = nothing  # it is back, and still nobody is heard
        assert silent.wait(20)


def test_a_process_that_stood_still_has_not_waited(store: SearchStore) -> None:
    """A node that is suspended, or a read that takes minutes: it counts as one look."""
    stood_still = Event()

    def stand_still(called: int, name: str, key: str) -> None:
        if called == 3:
            time.sleep(0.3)  # longer than nothing may be heard
            stood_still.set()

    with heartbeat.silence(watched(store, stand_still), CHILD) as silent:
        assert stood_still.wait(20)
        assert not silent.wait(0.08)  # 3 looks of 10, and up to 4 more
        assert silent.wait(20)


def test_a_store_that_is_away_for_a_while_does_not_end_the_beat(store: SearchStore) -> None:
    away = watched(store, nothing)
    with heartbeat.beating(away, CHILD, "run-1"):
        away.objects._on_call = fails("replace")
        time.sleep(0.15)
        before = store.read(heartbeat.Heartbeat, KEY)
        away.objects._on_call = nothing
        until_s = time.monotonic() + 20
        while (after := store.read(heartbeat.Heartbeat, KEY)) == before:
            assert time.monotonic() < until_s

    assert after.number > before.number
