"""What is a child's fault, what is the machine's or the user's, and what all children share."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from searches import account, tabular

from nas_lib.engine import search
from nas_lib.errors import ConfigError, CrashedRoundError, MachineError, NasError
from nas_lib.store import SearchStore, layout


def attempts_in(uri: str) -> list[str]:
    """Return how attempts ended, as their keys say it."""
    keys = SearchStore.open(uri).objects.keys(layout.CHILDREN)
    return [key.rpartition("/")[2] for key in keys if "/attempts/" in key]


@pytest.mark.parametrize(
    ("evaluate", "message"),
    [
        ("searches:ends_its_process", r"it ended its process \(exit code [023]\)"),
        ("searches:interrupted", "KeyboardInterrupt"),
    ],
)
def test_however_a_worker_ends_without_a_result_its_child_crashed(
    tmp_path: Path, evaluate: str, message: str
) -> None:
    handle = search(tabular(evaluate), store=str(tmp_path), workers=2)

    crashed = [row for row in handle.children if row.status == "crashed"]
    assert handle.view.finished
    assert {row.architecture.tokens[0] for row in crashed} == {0}
    said = f"3 attempts failed, the last one: {message}"
    assert all(re.fullmatch(said, row.message) for row in crashed)


@pytest.mark.parametrize("workers", [1, None])
def test_what_the_machine_lacks_stops_the_search_and_costs_no_attempt(
    tmp_path: Path, workers: int | None
) -> None:
    uri = str(tmp_path) if workers else "memory://without-room"

    with pytest.raises(NasError, match=r"training r000-000000-00 .* left on device: make room"):
        search(tabular("searches:without_room"), store=uri, workers=workers)

    assert attempts_in(uri) == ["0001.json", "0001.stopped.json"]


def test_the_working_folder_may_not_be_deleted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    (tmp_path / "here").rmdir()

    with pytest.raises(MachineError, match="the working folder was deleted: start again in one"):
        search(tabular("searches:failing"), store="memory://nowhere")


def test_where_all_of_a_round_crash_alike_the_search_stops_and_loses_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    config, uri = tabular("searches:unless_mended"), str(tmp_path / "state")
    sentence = r"all children of round 1 of replica 0 crashed alike \(3 attempts .* no driver for"
    for _ in range(2):
        with pytest.raises(CrashedRoundError, match=sentence):
            search(config, store=uri, workers=2)
    assert len(attempts_in(uri)) == 4 * 3 * 2  # only those of the last run

    Path("mended").touch()
    resumed = search(config, store=uri, workers=2)

    assert account(resumed) == account(search(config, store="memory://mended"))
    assert {row.status for row in resumed.children} == {"ok"}


def test_so_it_does_where_rounds_are_of_one_child_after_the_second() -> None:
    config = tabular("searches:long_winded", max_children=8, children_per_round=1)

    with pytest.raises(CrashedRoundError, match="all children of round 2"):
        search(config, store="memory://one-by-one")


def test_who_says_so_goes_on_and_has_them_counted() -> None:
    config, uri = tabular("searches:long_winded", max_children=8), "memory://all-crash"
    with pytest.raises(CrashedRoundError):
        search(config, store=uri)
    children = config.children.model_copy(update={"when_all_crash": "go_on"})

    handle = search(config.model_copy(update={"children": children}), store=uri)

    assert [row.status for row in handle.children] == ["crashed"] * 8
    assert handle.view.finished


def test_a_reward_that_is_no_number_stops_the_search(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"returned '0\.7', a str: a reward is a number"):
        search(tabular("searches:text"), store=str(tmp_path), workers=1)

    assert not [key for key in attempts_in(str(tmp_path)) if "failed" in key]


@pytest.mark.parametrize(
    ("module", "said"),
    [
        ("1 / 0", "cannot be imported, it raises ZeroDivisionError: division by zero"),
        ("import sys; sys.exit(0)", "cannot be imported, it raises SystemExit: 0"),
        ("def evaluate(): ...", "should be a function of an architecture: too many"),
        ("evaluate = 3", "should be a function of an architecture, got int"),
    ],
)
def test_an_evaluation_that_cannot_work_is_refused_before_there_are_children(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, module: str, said: str
) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    name = f"problem_{len(module)}"
    (tmp_path / f"{name}.py").write_text(module)

    with pytest.raises(ConfigError, match=rf"children\.evaluate .*{said}"):
        search(tabular(f"{name}:evaluate"), store=str(tmp_path / "state"), workers=1)

    assert not (tmp_path / "state").exists()
