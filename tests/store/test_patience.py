"""A store that was there and is away is waited for; one that never was is told at once."""

from __future__ import annotations

import re
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from s3_proxy import FaultyProxy, faulty_proxy
from s3_server import S3Server

from nas_lib.errors import ConfigError, ObjectNotFoundError, StoreAwayError
from nas_lib.store import network, patience
from nas_lib.store.objects import ObjectStore
from nas_lib.store.open import open_store
from nas_lib.store.patience import without_patience

CALLS: dict[str, Callable[[ObjectStore], object]] = {
    "get": lambda store: store.get("there"),
    "get many": lambda store: store.get_many(["there", "there"]),
    "has": lambda store: store.has("there"),
    "create": lambda store: store.create("new", b"x"),
    "replace": lambda store: store.replace("new", b"x"),
    "delete": lambda store: store.delete("there"),
    "list": lambda store: store.keys(""),
}


@pytest.fixture
def proxy(
    s3_uri: str, s3_server: S3Server, monkeypatch: pytest.MonkeyPatch
) -> Iterator[FaultyProxy]:
    """Put a proxy before the server; all that takes seconds takes a hundredth of that."""
    del s3_uri  # it sets the environment, which we change
    monkeypatch.setattr(network, "_GIVE_UP_AFTER_S", 0.05)
    monkeypatch.setattr(patience, "_PAUSE_S", 0.01)
    monkeypatch.setenv("NAS_STORE_TIMEOUT_S", "0.2")  # a call gives up after a quarter second
    monkeypatch.setenv("NAS_STORE_PATIENCE_S", "20")
    with faulty_proxy(s3_server.endpoint, seed=1, hang_s=1) as proxy:
        monkeypatch.setenv("AWS_ENDPOINT_URL", proxy.url)
        yield proxy


@pytest.fixture
def store(s3_uri: str, proxy: FaultyProxy) -> ObjectStore:
    """A store that has answered once."""
    del proxy
    store = open_store(s3_uri)
    store.create("there", b"content")
    return store


def said(capfd: pytest.CaptureFixture[str]) -> list[str]:
    """Return what we said; the proxy may complain of clients that hang up."""
    return [line for line in capfd.readouterr().err.splitlines() if line.startswith("nas: ")]


@contextmanager
def away_for(proxy: FaultyProxy, seconds: float) -> Iterator[None]:
    """Let the server be away for so long, from now on."""
    proxy.is_away = True
    back = threading.Timer(seconds, lambda: setattr(proxy, "is_away", False))
    back.start()
    yield
    back.cancel()
    proxy.is_away = False


def away_until_said(proxy: FaultyProxy, monkeypatch: pytest.MonkeyPatch, *, num_lines: int) -> None:
    """Let the server be away from now on, until so much is said of that."""
    say, lines = patience._say, []

    def say_and_come_back(line: str) -> None:
        say(line)
        lines.append(line)
        if len(lines) == num_lines:
            proxy.is_away = False

    monkeypatch.setattr(patience, "_say", say_and_come_back)
    proxy.is_away = True


@pytest.mark.parametrize("name", CALLS)
def test_every_call_waits_for_a_store_that_was_there(
    store: ObjectStore,
    proxy: FaultyProxy,
    name: str,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    away_until_said(proxy, monkeypatch, num_lines=1)
    CALLS[name](store)

    began, back = said(capfd)  # of two threads only one has said so
    assert began.startswith("nas: cannot ")
    assert f"in {store.uri}: " in began or f"list {store.uri}: " in began
    assert ": trying again until " in began
    assert "right?" not in began
    assert back.startswith(f"nas: {store.uri} is back after ")


def test_a_wait_says_now_and_then_that_it_goes_on(
    store: ObjectStore,
    proxy: FaultyProxy,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(patience, "_SAID_EVERY_S", 0.1)
    away_until_said(proxy, monkeypatch, num_lines=3)
    store.get("there")

    lines = said(capfd)
    assert re.fullmatch(rf"nas: {store.uri} is still away, for \d+ s now", lines[1])
    assert len(lines) == 4  # the first, two of these, the last


def test_a_store_that_never_answered_is_given_up_at_once(
    s3_uri: str, proxy: FaultyProxy, capfd: pytest.CaptureFixture[str]
) -> None:
    proxy.is_away = True
    started_s = time.monotonic()

    with pytest.raises(StoreAwayError, match="reach the server; is AWS_ENDPOINT_URL right"):
        open_store(s3_uri).get("there")

    assert time.monotonic() - started_s < 5
    assert capfd.readouterr().err == ""


def test_no_such_object_is_an_answer(
    s3_uri: str,
    proxy: FaultyProxy,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    store = open_store(s3_uri)
    with pytest.raises(ObjectNotFoundError):
        store.get("nothing")

    away_until_said(proxy, monkeypatch, num_lines=1)
    with pytest.raises(ObjectNotFoundError):
        store.get("nothing")

    assert "is back after" in capfd.readouterr().err


def test_the_patience_has_an_end_and_is_not_begun_anew(
    store: ObjectStore, proxy: FaultyProxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NAS_STORE_PATIENCE_S", "1.0")
    proxy.is_away = True
    started_s = time.monotonic()
    with pytest.raises(StoreAwayError, match=r"cannot reach the server$"):
        store.get("there")
    first_s = time.monotonic() - started_s
    assert first_s >= 1

    with pytest.raises(StoreAwayError):
        store.get("there")  # as what cleans up after the first does
    assert time.monotonic() - started_s - first_s < 0.9

    proxy.is_away = False
    assert store.get("there") == b"content"
    with away_for(proxy, 0.5):
        assert store.get("there") == b"content"


def test_a_try_that_takes_longer_than_the_patience_does_not_begin_it_anew(
    store: ObjectStore, proxy: FaultyProxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As one may at a server that is silent."""
    monkeypatch.setenv("NAS_STORE_PATIENCE_S", "0.05")  # a call takes a quarter second
    proxy.is_away = True
    started_s = time.monotonic()
    with pytest.raises(StoreAwayError):
        store.get("there")
    assert time.monotonic() - started_s < 3


def test_who_may_do_without_does_not_wait(store: ObjectStore, proxy: FaultyProxy) -> None:
    proxy.is_away = True
    started_s = time.monotonic()

    with without_patience(), pytest.raises(StoreAwayError):
        store.create("new", b"x")

    assert time.monotonic() - started_s < 5


def interrupt_after(seconds: float) -> None:
    """Let Ctrl-C come, of which the main thread is told."""
    # a shell has what it starts in the background ignore it
    signal.signal(signal.SIGINT, signal.default_int_handler)
    main = threading.main_thread().ident
    threading.Timer(seconds, signal.pthread_kill, [main, signal.SIGINT]).start()


@pytest.mark.parametrize("name", CALLS)
def test_who_is_interrupted_waits_no_more_not_on_the_way_out_either(
    store: ObjectStore, proxy: FaultyProxy, name: str
) -> None:
    proxy.is_away = True
    interrupt_after(0.6)
    started_s = time.monotonic()
    try:
        CALLS[name](store)
    except KeyboardInterrupt:
        for _ in range(20):  # a lease, a report: each would take a quarter second at least
            with pytest.raises(StoreAwayError):
                store.replace("report", b"x")
    else:
        pytest.fail("it was not interrupted")
    assert time.monotonic() - started_s < 3


def test_who_is_interrupted_elsewhere_asks_a_store_that_is_away_once(
    store: ObjectStore, proxy: FaultyProxy
) -> None:
    """It may have gone while children were waited for."""
    proxy.is_away = True
    started_s = time.monotonic()
    try:
        raise KeyboardInterrupt
    except KeyboardInterrupt:
        with pytest.raises(StoreAwayError, match="cannot reach the server"):
            store.replace("report", b"x")
        for _ in range(20):
            with pytest.raises(StoreAwayError, match=f"^{store.uri} is away$"):
                store.get("there")
    assert time.monotonic() - started_s < 3


def test_who_is_interrupted_still_writes_to_a_store_that_is_there(store: ObjectStore) -> None:
    try:
        raise KeyboardInterrupt
    except KeyboardInterrupt:
        store.replace("report", b"x")
    assert store.get("report") == b"x"


def test_no_patience_is_a_setting(
    store: ObjectStore, proxy: FaultyProxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NAS_STORE_PATIENCE_S", "0")
    proxy.is_away = True
    with pytest.raises(StoreAwayError):
        store.get("there")


@pytest.mark.parametrize("text", ["soon", "-1", "nan", "86401"])
def test_a_patience_that_is_no_time_is_one_sentence(
    monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    monkeypatch.setenv("NAS_STORE_PATIENCE_S", text)
    with pytest.raises(ConfigError, match=f"NAS_STORE_PATIENCE_S must be .* a day, got '{text}'"):
        open_store("s3://b/p")
