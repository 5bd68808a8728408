"""Controllers compared by trained children: killed in the middle, continued, and nothing twice."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import pytest
from searches import SMALL_DIGITS

import nas_lib
from nas_lib.config import SearchConfig
from nas_lib.config_file import resolve_config
from nas_lib.results import Comparison


@pytest.fixture(autouse=True)
def in_this_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """Train in the process that asks: others take seconds to begin."""
    monkeypatch.setattr("nas_lib.engine.entry.num_processes", lambda *_: 0)


def small() -> SearchConfig:
    budget = {"search": {"max_children": 2, "children_per_round": 1}}
    config = resolve_config("digits", {**SMALL_DIGITS, **budget}, stored=None)
    assert config is not None
    return config


def compared(state: Path) -> Comparison:
    return nas_lib.compare(small(), against="random", seeds=1, store=state)


def files(folder: Path) -> dict[Path, float]:
    return {path: path.stat().st_mtime for path in folder.rglob("*") if path.is_file()}


def kill_once_there_is(place: Path, state: Path) -> None:
    """Compare in a process of its own, and kill that as soon as there is this file."""
    process = os.fork()
    if process == 0:
        compared(state)
        os._exit(0)
    deadline = time.monotonic() + 60
    while not place.exists():
        assert time.monotonic() < deadline, f"{place} did not appear"
        time.sleep(0.002)
    os.kill(process, signal.SIGKILL)
    os.waitpid(process, 0)


def test_killed_in_the_second_search_it_goes_on_there_and_then_finds_all_done(
    tmp_path: Path,
) -> None:
    state = tmp_path / "state"
    second = state / "random/0"
    kill_once_there_is(second / "rounds/r000/000000.rewarded.json", state)
    (first,) = (path for path in state.iterdir() if path != second.parent)
    of_first, child = files(first), second / "children/r000-000000-00/result.json"
    first_child = child.read_bytes()

    comparison = compared(state)

    assert files(first) == of_first
    assert child.read_bytes() == first_child
    assert [entry.values["children"] for entry in comparison.entries] == [2, 2]
    assert [each.label for each in comparison.differences] == [
        "auto (gaussian-process) minus random"
    ]
    before = files(state)
    assert compared(state) == comparison
    assert files(state) == before
