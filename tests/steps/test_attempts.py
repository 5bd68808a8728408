"""Which attempts at a child count as failed."""

from __future__ import annotations

import os
import socket
import subprocess
import sys

import pytest

from nas_lib import steps
from nas_lib.open_search import OpenSearch
from nas_lib.records import ChildResult
from nas_lib.steps.attempts import Attempt
from nas_lib.store import SearchStore, layout, lease


@pytest.fixture
def store(tabular_uri: str) -> SearchStore:
    return SearchStore.open(tabular_uri)


@pytest.fixture
def child(tabular_uri: str) -> str:
    return steps.sample_architectures(OpenSearch(tabular_uri), replica=0, run="mine")[0]


def began(
    store: SearchStore,
    child: str,
    number: int,
    *,
    host: str,
    run: str = "lost",
    pid: int = 1,
    start: str = "gone",
) -> None:
    attempt = Attempt(run, host, pid, start, from_epoch=0, started_s=0.0)
    store.settle(layout.attempt(child, number), attempt)


def result(store: SearchStore, child: str) -> ChildResult:
    steps.train_child(OpenSearch(store.objects.uri), child=child, run="mine")
    return store.read(ChildResult, layout.child_result(child))


def test_those_that_ended_with_their_engine_do_not_count(store: SearchStore, child: str) -> None:
    for number in range(1, 6):
        began(store, child, number, host=socket.gethostname())

    assert result(store, child).status == "ok"


def test_those_on_machines_that_were_lost_count(store: SearchStore, child: str) -> None:
    for number in range(1, 4):
        began(store, child, number, host=f"pod-{number}")

    found = result(store, child)
    assert (found.status, found.reward) == ("crashed", 0)
    assert found.message == "3 attempts failed, the last one: pod-3 was lost"


def test_those_that_were_stopped_elsewhere_do_not_count(store: SearchStore, child: str) -> None:
    for number in range(1, 4):
        began(store, child, number, host="laptop")
        steps.stop_attempt(OpenSearch(store.objects.uri), child=child)

    assert result(store, child).status == "ok"


def test_those_before_a_newer_checkpoint_do_not_count(store: SearchStore, child: str) -> None:
    for number in range(1, 4):
        began(store, child, number, host=f"pod-{number}")
    store.objects.create(f"{layout.checkpoints_folder(child)}/0002.safetensors", b"")

    assert result(store, child).status == "ok"
    assert list(store.objects.keys(layout.CHECKPOINTS)) == []


def test_those_of_another_run_that_holds_the_lease_are_alive(
    store: SearchStore, child: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as elsewhere:
        elsewhere.setattr(socket, "gethostname", lambda: "elsewhere")
        lease.take(store, [0], "theirs", lease_s=600)
    for number in range(1, 4):
        began(store, child, number, host="elsewhere", run="theirs")

    assert result(store, child).status == "ok"


def test_those_of_this_very_run_on_other_hosts_were_given_up(
    store: SearchStore, child: str
) -> None:
    lease.take(store, [0], "mine", lease_s=600)
    for number in range(1, 4):
        began(store, child, number, host=f"pod-{number}", run="mine")

    assert result(store, child).status == "crashed"


def test_an_engine_killed_often_here_and_gone_on_with_elsewhere_lost_one_attempt(
    store: SearchStore, child: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each attempt is in a process of its own, which is killed."""
    for _ in range(5):
        subprocess.run(
            [sys.executable, "-c", _BEGIN_AND_DIE, store.objects.uri, child], check=False
        )
    keys = store.objects.keys(layout.attempts_folder(child))
    ends = [key.removeprefix(f"{layout.attempts_folder(child)}/") for key in keys]
    assert [name for name in ends if "stopped" in name] == [
        f"000{number}.stopped.json" for number in range(1, 5)
    ]

    monkeypatch.setattr(socket, "gethostname", lambda: "elsewhere")
    assert result(store, child).status == "ok"


_BEGIN_AND_DIE = """
import os, signal, sys
from nas_lib.steps.attempts import begin_attempt
from nas_lib.store import SearchStore
assert begin_attempt(SearchStore.open(sys.argv[1]), sys.argv[2], "run", max_attempts=3) is None
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_one_whose_process_lives_is_not_noted_as_stopped(store: SearchStore, child: str) -> None:
    start = lease.process_start(os.getpid())
    began(store, child, 1, host=socket.gethostname(), pid=os.getpid(), start=start)

    assert result(store, child).status == "ok"
    assert not [key for key in store.objects.keys(layout.CHILDREN) if "stopped" in key]
