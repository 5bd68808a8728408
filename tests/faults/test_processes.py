"""Workers and engines are killed as processes, and two runs overlap."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest
from accounts import check
from faulty_store import run_watched
from searches import SUPPORT, tabular
from tally import Tally

from nas_lib.config import SearchConfig
from nas_lib.config_file import resolve_config, to_yaml
from nas_lib.records import ChildResult
from nas_lib.steps.attempts import Attempt
from nas_lib.store import SearchStore, layout

KILLS = [pytest.param(4, id="few"), pytest.param(30, id="many", marks=pytest.mark.faults)]
OTHER_HOST = SUPPORT.parent / "fakes/other_host"  # its sitecustomize gives us another name


def start(
    folder: Path, config: SearchConfig, *, host: str = "here", workers: int = 2
) -> subprocess.Popen[str]:
    """Start `nas search` on what it takes for this host."""
    (folder / "search.yaml").write_text(to_yaml(config))
    arguments = ["search", "search.yaml", "--store", "state", "--workers", f"{workers}"]
    return subprocess.Popen(
        [sys.executable, "-m", "nas_lib.cli", *arguments],
        cwd=folder,
        env={
            **os.environ,
            "PYTHONPATH": os.pathsep.join(map(str, (OTHER_HOST, SUPPORT))),
            "TEST_HOSTNAME": host,
        },
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def finish(process: subprocess.Popen[str]) -> None:
    _, errors = process.communicate(timeout=120)
    assert process.returncode == 0, errors


def store_in(folder: Path) -> SearchStore:
    return SearchStore.open(str(folder / "state"))


def wait_until(condition: Callable[[], bool], *, of: subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert of.poll() is None, of.stderr.read()
        assert time.monotonic() < deadline, "it did not come to that"
        time.sleep(0.005)


@pytest.mark.parametrize("num_kills", KILLS)
def test_a_search_survives_the_death_of_workers(
    tmp_path: Path, tally: Tally, num_kills: int
) -> None:
    config = tabular(
        "searches:slow_product", max_children=8 * num_kills, children_per_round=4, replicas=2
    )
    engine = start(tmp_path, config)
    chance = random.Random(num_kills)
    seen: set[str] = set()
    while engine.poll() is None:
        for path in (tmp_path / "state" / "children").glob("*/attempts/0001.json"):
            if str(path) in seen:
                continue
            seen.add(str(path))
            if chance.random() < 0.3 and tally_kill(path):
                tally.kills["worker"] += 1
        time.sleep(0.002)
    finish(engine)

    tally.add(check(str(tmp_path / "state"), finished=True))
    killed = list((tmp_path / "state" / "children").glob("*/attempts/0001.failed.json"))
    assert len(killed) >= num_kills / 2


def tally_kill(attempt: Path) -> bool:
    """Kill the worker that noted this attempt, if it is still there."""
    key = str(attempt.relative_to(attempt.parents[3]))
    pid = SearchStore.open(str(attempt.parents[3])).read(Attempt, key).pid
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
        return True
    return False


@pytest.mark.parametrize("victim", ["worker", pytest.param("engine", marks=pytest.mark.faults)])
def test_a_preempted_child_ends_with_the_same_bits(
    tmp_path: Path, tally: Tally, victim: str
) -> None:
    """A real network is trained, and killed after its second checkpoint."""
    overrides = {
        "task.max_train": 400,
        "space.depth": {"start": 2, "max": 2},
        "children": {"epochs": 20, "checkpoint_every_s": 0},  # an epoch takes 20 ms
        "search": {"max_children": 1, "children_per_round": 1},
    }
    config = resolve_config("digits", overrides, stored=None)
    child = "r000-000000-00"
    run_watched(str(tmp_path / "undisturbed/state"), config)
    undisturbed = store_in(tmp_path / "undisturbed")

    (tmp_path / "preempted").mkdir()
    engine = start(tmp_path / "preempted", config, workers=1)
    preempted = store_in(tmp_path / "preempted")
    folder = tmp_path / "preempted" / "state"
    checkpoints = layout.checkpoints(layout.checkpoints_folder(child))
    wait_until(lambda: preempted.numbers(checkpoints)[-1:] >= [2], of=engine)
    worker = preempted.read(Attempt, layout.attempt(child, 1)).pid
    os.kill(worker if victim == "worker" else engine.pid, signal.SIGKILL)
    tally.kills[victim] += 1
    if victim == "engine":
        engine.communicate()
        engine = start(tmp_path / "preempted", config, workers=1)
    finish(engine)

    second = preempted.read(Attempt, layout.attempt(child, 2))
    assert second.from_epoch >= 2  # it did not begin again
    weights = layout.child_weights(child)
    assert preempted.objects.get(weights) == undisturbed.objects.get(weights)
    assert timeless(preempted, child) == timeless(undisturbed, child)
    tally.add(check(str(folder), finished=True))


def timeless(store: SearchStore, child: str) -> ChildResult:
    """Return a child's result without the time that it took, and where."""
    result = store.read(ChildResult, layout.child_result(child))
    epochs = tuple(replace(epoch, seconds=0) for epoch in result.epochs)
    return replace(result, epochs=epochs, seconds=0, where="")


@pytest.mark.parametrize(
    "is_dead",
    [pytest.param(False, id="stopped"), pytest.param(True, id="dead", marks=pytest.mark.faults)],
)
def test_a_run_that_shows_no_life_is_taken_over(
    tmp_path: Path, tally: Tally, is_dead: bool
) -> None:
    """On another host; if the first one comes back, both work, and each round counts once."""
    config = tabular("searches:slow_product", max_children=40, lease_s=1, replicas=2)
    first = start(tmp_path, config, host="first", workers=1)
    learned = tmp_path / "state" / layout.round_state(0, 1, "learned")
    wait_until(learned.exists, of=first)
    first.send_signal(signal.SIGKILL if is_dead else signal.SIGSTOP)
    tally.kills["engine"] += is_dead
    taken_at = len(list(learned.parent.glob("*.learned.json")))

    second = start(tmp_path, config, host="second", workers=1)
    later = tmp_path / "state" / layout.round_state(0, taken_at + 2, "learned")
    wait_until(later.exists, of=second)
    if not is_dead:
        first.send_signal(signal.SIGCONT)
        finish(first)
    finish(second)
    first.communicate()

    store = store_in(tmp_path)
    hosts = {store.read(Attempt, key).host for key in attempts(store)}
    assert hosts == {"first", "second"}
    tally.add(check(str(tmp_path / "state"), finished=True))


def attempts(store: SearchStore) -> list[str]:
    return [
        key for key in store.objects.keys(layout.CHILDREN) if key.endswith("/attempts/0001.json")
    ]
