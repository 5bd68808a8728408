"""What a Job's pod does with its child where it is stopped, or nobody waits for it any more."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from job_pod import IMPATIENT
from searches import SMALL_DIGITS, tabular

from nas_lib import steps
from nas_lib.config import SearchConfig
from nas_lib.config_file import resolve_config
from nas_lib.open_search import OpenSearch
from nas_lib.steps.attempts import Attempt
from nas_lib.steps.begun import begun_steps
from nas_lib.store import SearchStore, heartbeat, layout

CHILD, RUN = "r000-000000-00", "run-1"
LONG = {"epochs": 5000, "keep": 1, "checkpoint_every_s": 3600.0}
"""Without being asked, children would make no checkpoint."""
NAS = "from nas_lib.cli import main; main()"


@pytest.fixture
def uri(tmp_path: Path) -> str:
    return proposed(
        tmp_path, resolve_config("digits", {**SMALL_DIGITS, "children": LONG}, stored=None)
    )


def proposed(folder: Path, config: SearchConfig) -> str:
    uri = str(folder / "state")
    steps.prepare_data(OpenSearch(uri), config=config)
    steps.sample_architectures(OpenSearch(uri), replica=0, run=RUN)
    return uri


def begin(uri: str, program: str) -> subprocess.Popen[str]:
    """Begin what a Job's pod runs."""
    return subprocess.Popen(
        [sys.executable, "-c", program, "train-child", uri, CHILD, "--run", RUN],
        cwd=Path(uri).parent,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def until(condition: Callable[[], bool]) -> None:
    until_s = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < until_s
        time.sleep(0.02)


def has_begun(uri: str, attempt: int = 1) -> bool:
    return SearchStore.open(uri).objects.has(layout.attempt(CHILD, attempt))


def was_stopped(uri: str, attempt: int) -> bool:
    return SearchStore.open(uri).objects.has(layout.attempt(CHILD, attempt, end="stopped"))


def epochs_stored(uri: str) -> list[int]:
    return SearchStore.open(uri).numbers(layout.checkpoints(layout.checkpoints_folder(CHILD)))


def test_a_child_that_nobody_waits_for_stops_with_a_checkpoint_from_which_the_next_goes_on(
    uri: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(heartbeat, "BEAT_S", 0.2)
    pod = begin(uri, IMPATIENT)
    with heartbeat.beating(SearchStore.open(uri), CHILD, RUN):
        until(lambda: has_begun(uri))
        time.sleep(1.2)  # longer than nobody may be heard
        assert pod.poll() is None
    said, _ = pod.communicate(timeout=60)
    assert pod.returncode == 75
    assert f"{CHILD}: its run has shown no life for 1 s" in said
    assert was_stopped(uri, 1)

    with begin(uri, NAS) as pod:
        until(lambda: has_begun(uri, 2))
        pod.kill()
    second = SearchStore.open(uri).read(Attempt, layout.attempt(CHILD, 2))
    assert 0 < second.from_epoch == epochs_stored(uri)[-1]


def test_a_pod_that_is_taken_away_leaves_a_checkpoint(uri: str) -> None:
    pod = begin(uri, NAS)
    until(lambda: has_begun(uri))
    assert epochs_stored(uri) == []

    pod.send_signal(signal.SIGTERM)
    _, said = pod.communicate(timeout=30)

    assert (pod.returncode, said) == (130, "nas: stopped\n")
    assert was_stopped(uri, 1)
    assert len(epochs_stored(uri)) == 1
    assert begun_steps(SearchStore.open(uri), RUN) == []  # no pod is missing in the report


def test_an_evaluation_of_ones_own_is_ended_at_once(tmp_path: Path) -> None:
    """It has no checkpoint to make."""
    uri = proposed(tmp_path, tabular("searches:hanging"))
    pod = begin(uri, IMPATIENT)

    pod.communicate(timeout=30)

    assert pod.returncode == 75
    assert was_stopped(uri, 1)
