"""Searches that are killed: nothing is lost, nothing counts twice."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest
from searches import SUPPORT, account, tabular

from nas_lib.config_file import to_yaml
from nas_lib.engine import search
from nas_lib.open_search import OpenSearch
from nas_lib.records import Learned, Rewarded
from nas_lib.steps import view_search
from nas_lib.store import History, SearchStore, layout

NUM_KILLS = 8


def start(folder: Path, *, evaluate: str = "searches:slow_product") -> subprocess.Popen[str]:
    """Start `nas search` on a tabular search in this folder."""
    config = folder / "search.yaml"
    config.parent.mkdir(parents=True, exist_ok=True)
    config.write_text(to_yaml(tabular(evaluate, max_children=48)))
    return subprocess.Popen(
        [sys.executable, "-m", "nas_lib.cli", "search", config, "--store", folder / "state"],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(SUPPORT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        # A shell's background jobs ignore it, and so would we.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )


def test_kill_9_at_any_moment_loses_nothing_and_counts_nothing_twice(tmp_path: Path) -> None:
    pauses = random.Random(0)
    for _ in range(NUM_KILLS):
        process = start(tmp_path)
        time.sleep(pauses.uniform(0.5, 2.5))
        process.kill()
        process.communicate()
    process = start(tmp_path)
    _, errors = process.communicate()

    assert process.returncode == 0, errors
    view = view_search(OpenSearch(str(tmp_path / "state")))
    whole = search(tabular("searches:product", max_children=48), store="memory://undisturbed")
    assert [(row.id, row.architecture.config, row.reward) for row in view.rows] == account(whole)
    store = SearchStore.open(str(tmp_path / "state"))
    assert Counter(row.id for row in view.rows).most_common(1)[0][1] == 1
    assert [each.round for each in History(store, 1).read(Rewarded)] == list(range(12))
    assert [each.versions for each in History(store, 1).read(Learned)] == [
        (n,) for n in range(1, 13)
    ]
    assert store.numbers(layout.versions(0)) == list(range(13))


def test_workers_die_with_an_engine_that_is_killed(tmp_path: Path) -> None:
    process = start(tmp_path, evaluate="searches:hanging")
    workers = wait_for_workers(tmp_path)

    process.kill()
    process.communicate()

    wait_until_gone(workers)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_stop_is_one_sentence_and_takes_the_workers_along(tmp_path: Path, number: int) -> None:
    process = start(tmp_path, evaluate="searches:hanging")
    workers = wait_for_workers(tmp_path)

    process.send_signal(number)
    _, errors = process.communicate(timeout=20)

    assert process.returncode == 130
    assert errors.splitlines()[-1].startswith("nas: stopped; everything finished is in")
    wait_until_gone(workers)
    assert list((tmp_path / "state" / "reports").glob("*/report.html"))
    store = SearchStore.open(str(tmp_path / "state"))
    attempts = [info.key for info in store.objects.list("children")]
    assert not [key for key in attempts if "failed" in key]  # a stop is no failed attempt


def wait_for_workers(folder: Path) -> list[int]:
    """Return the process ids of two hanging workers."""
    deadline = time.monotonic() + 30
    while len(found := list(folder.glob("hanging-*.pid"))) < 2:
        assert time.monotonic() < deadline, "no worker started"
        time.sleep(0.05)
    return [int(path.stem.removeprefix("hanging-")) for path in found]


def wait_until_gone(processes: list[int]) -> None:
    deadline = time.monotonic() + 5
    while alive := [each for each in processes if _is_alive(each)]:
        assert time.monotonic() < deadline, f"still alive: {alive}"
        time.sleep(0.05)


def _is_alive(process: int) -> bool:
    try:
        state = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"
