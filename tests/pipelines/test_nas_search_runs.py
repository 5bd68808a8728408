"""nas_search under kfp.local: the same search as the command's, in tasks of their own."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import searches
from kfp import local
from kfp_nas.pipelines.nas_search import nas_search, nas_search_pod
from searches import SMALL_DIGITS

from nas_lib import steps
from nas_lib.config_file import resolve_config
from nas_lib.engine import search
from nas_lib.models import open_model
from nas_lib.open_search import OpenSearch
from nas_lib.records import ChildRow
from nas_lib.results import winner
from nas_lib.steps import view_search
from nas_lib.store import SearchStore, layout

CONFIG = resolve_config("digits", SMALL_DIGITS, stored=None)


@pytest.fixture(autouse=True)
def local_kubeflow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run each task in a process of its own, as a pod would be."""
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(sys.path))
    local.init(
        runner=local.SubprocessRunner(use_venv=False), pipeline_root=str(tmp_path / "artifacts")
    )


@pytest.fixture(scope="module")
def by_command(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Where the search lies that `nas search` does, undisturbed."""
    folder = tmp_path_factory.mktemp("command")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NAS_CACHE", str(folder / "cache"))
        return search(CONFIG, store=str(folder / "state"), workers=2).uri


def accounted(uri: str) -> list[tuple[str, str, float]]:
    def facts(row: ChildRow) -> tuple[str, str, float]:
        return row.id, row.architecture.config, row.reward

    return [facts(row) for row in view_search(OpenSearch(uri)).rows]


def ended(uri: str) -> tuple[list[tuple[str, str, float]], bytes]:
    """What came of a search: its children and rewards, and its controller, bit by bit."""
    store = SearchStore.open(uri)
    newest = store.newest(layout.versions(0))
    return accounted(uri), store.objects.get(layout.shard(0, newest))


FINAL = {"follows": True, "top": 1, "seeds": 1, "retrain": False, "children": {"epochs": 1}}


def test_two_runs_give_what_the_command_gives_and_then_a_model(
    by_command: str, tmp_path: Path
) -> None:
    uri = str(tmp_path / "state")

    nas_search(search_uri=uri, preset="digits", overrides=SMALL_DIGITS, rounds_per_run=1)
    assert accounted(uri) == accounted(by_command)[:2]
    shutil.copytree(uri, tmp_path / "copy")
    nas_search(search_uri=uri, preset="", overrides={"final": FINAL}, rounds_per_run=1)

    assert ended(uri) == ended(by_command)
    view = view_search(OpenSearch(uri))
    assert len({learned.run for learned in view.learned}) == 2
    assert view.problems == ()
    (final,) = view.finals
    (row,) = final.rows
    assert final.config.search.origins == (winner(view.rows).id,)
    info = open_model(uri).info
    assert (info.origin.child, info.test.value) == (row.id, final.test[0].score)
    assert view.test == ()  # of the search nobody has read one
    reports = list((tmp_path / "state" / "reports").glob("*/report.html"))
    assert len(reports) == 2
    # and what a pipeline began, the command finishes with what the store says
    copy = str(tmp_path / "copy")
    search(SearchStore.open(copy).config(), store=copy, workers=2)
    assert ended(copy) == ended(by_command)


def test_all_children_in_one_pod_are_the_same_children(by_command: str, tmp_path: Path) -> None:
    uri = str(tmp_path / "state")

    nas_search_pod(search_uri=uri, preset="digits", overrides=SMALL_DIGITS, rounds_per_run=1)

    assert accounted(uri) == accounted(by_command)[:2]


def test_a_search_in_s3_that_the_command_began_is_finished(by_command: str, s3_uri: str) -> None:
    search(CONFIG, store=s3_uri, workers=2, rounds=1)

    nas_search(search_uri=s3_uri, preset="digits", overrides=SMALL_DIGITS, rounds_per_run=5)

    assert ended(s3_uri) == ended(by_command)


TABULAR = {
    "space": {"kind": "custom", "object": "searches:SPACE"},
    "search": {"max_children": 4, "children_per_round": 2},
}


def test_a_finished_search_starts_no_training(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    uri = str(tmp_path / "state")
    config = resolve_config(
        "digits",
        {**TABULAR, "children": {"kind": "own", "evaluate": "searches:product"}},
        stored=None,
    )
    search(config, store=uri, workers=1)
    capfd.readouterr()

    nas_search(search_uri=uri, preset="", overrides={}, rounds_per_run=5)

    assert "train-child" not in capfd.readouterr().out
    assert len(view_search(OpenSearch(uri)).rows) == 4


def test_the_next_tick_finishes_what_a_dead_task_left_open(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the first tick the store fails in the middle of a child, so its task dies."""
    monkeypatch.chdir(tmp_path)
    uri = str(tmp_path / "state")
    overrides = {**TABULAR, "children": {"kind": "own", "evaluate": "searches:dies_once"}}
    overrides["search"] = {"max_children": 2, "children_per_round": 2}
    steps.prepare_data(OpenSearch(uri), config=resolve_config("digits", overrides, stored=None))

    with pytest.raises(RuntimeError, match="FAILURE"):  # a run of which a tick failed says so
        nas_search(
            search_uri=uri,
            preset="",
            overrides={"search.max_children": 4},
            rounds_per_run=2,
        )

    view = view_search(OpenSearch(uri))
    rounds = sorted(each.round for each in view.learned)
    assert rounds == [0]  # the second tick went on with round 0, and nothing was lost
    assert [row.reward for row in view.rows] == [
        searches.product(row.architecture) for row in view.rows
    ]
    first, then = view.problems
    assert first.message in {f"{row.id}: the store went away" for row in view.rows}
    assert (
        then.message == "the run did 1 of 2 planned rounds: round 2 (r000-000001) is not proposed"
    )


def test_the_report_names_the_child_whose_pod_was_killed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It could not note anything itself; Kubeflow's pages would show a red task and no word."""
    monkeypatch.chdir(tmp_path)
    uri = str(tmp_path / "state")
    overrides = {**TABULAR, "children": {"kind": "own", "evaluate": "searches:kills_its_pod_once"}}

    with pytest.raises(RuntimeError, match="FAILURE"):
        nas_search(search_uri=uri, preset="digits", overrides=overrides, rounds_per_run=1)

    killed = socket.gethostname()
    (row,) = view_search(OpenSearch(uri)).rows
    child = f"r000-000000-0{1 - int(row.id[-1])}"  # which of them came first is chance
    problems = SearchStore.open(uri).problems()
    assert {problem.step for problem in problems} == {"train_child"}
    ended, waits = (problem.message for problem in problems)
    assert f"{child}: its pod {killed} ended without a word" in ended
    assert waits == (
        "the run did 0 of 1 planned rounds: round 1 (r000-000000) has no result of "
        f"{child} (its attempt 1, on {killed}, ended without a word)"
    )


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"preset": "digit"}, "nas: no preset is called 'digit'"),
        ({"overrides": {"children.epoch": 3}}, "unknown setting children.epoch"),
        ({"preset": "nas-cnn"}, "nothing lies at task.data.path in this pod"),
        ({"search_uri": "ftp://somewhere"}, "nas: a store is a folder"),
    ],
)
def test_a_mistake_is_the_last_line_of_the_tasks_log(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], arguments: dict[str, object], sentence: str
) -> None:
    given = {"search_uri": str(tmp_path / "state"), "preset": "digits", "overrides": {}}

    with pytest.raises(RuntimeError, match="FAILURE"):
        nas_search(**{**given, **arguments})

    out = capfd.readouterr()
    lines = [line.strip() for line in (out.out + out.err).splitlines()]
    said = [index for index, line in enumerate(lines) if sentence in line]
    assert said
    assert "Traceback (most recent call last):" not in lines[: said[0]]


def test_a_preset_that_does_not_exist_is_in_the_report(tmp_path: Path) -> None:
    uri = str(tmp_path / "state")
    with pytest.raises(RuntimeError, match="FAILURE"):
        nas_search(search_uri=uri, preset="digit", overrides={})

    (problem,) = SearchStore.open(uri).problems()
    assert problem.step == "prepare_data"
    pages = list((tmp_path / "artifacts").rglob("report"))
    assert any("no preset is called" in page.read_text() for page in pages)


def test_the_pipelines_module_imports_without_the_repository(tmp_path: Path) -> None:
    command = "from kfp_nas.pipelines.nas_search import nas_search; print(nas_search.name)"

    done = subprocess.run(
        [sys.executable, "-c", command], cwd=tmp_path, capture_output=True, text=True, check=True
    )

    assert done.stdout == "nas-search\n"
