"""nas_search under kfp.local: the same search as the command's, in tasks of their own."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import searches
from kfp import local
from kfp_nas.pipelines.nas_search import nas_search, nas_search_pod
from searches import SMALL_DIGITS
from toy_text import text_children, write_toy_text

from nas_lib import steps
from nas_lib.config import LayersConfig, NasRnnSpaceConfig, RoundsConfig, SearchConfig
from nas_lib.config_file import resolve_config
from nas_lib.engine import search
from nas_lib.models import open_model
from nas_lib.open_search import OpenSearch
from nas_lib.records import ChildRow
from nas_lib.steps import view_search
from nas_lib.store import SearchStore, layout

OVERRIDES = {
    **{name: value for name, value in SMALL_DIGITS.items() if name != "space.depth"},
    "final.size": {},
    "space": {
        "kind": "nasnet",
        "blocks": 1,
        "operations": ["conv1", "max3"],
        "child": {"cells": 1, "filters": 4},
    },
    "search": {
        "max_children": 6,
        "children_per_round": 2,
        "confirm": {"networks": 2, "trainings": 1},
    },
}
FINAL = {"follows": True, "top": 1, "seeds": 1, "retrain": False, "children": {"epochs": 1}}


@pytest.fixture(autouse=True)
def local_kubeflow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run each task in a process of its own, as a pod would be."""
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(sys.path))
    local.init(
        runner=local.SubprocessRunner(use_venv=False), pipeline_root=str(tmp_path / "artifacts")
    )


def accounted(uri: str) -> list[tuple[str, str, float]]:
    def facts(row: ChildRow) -> tuple[str, str, float]:
        return row.id, row.architecture.config, row.reward

    return [facts(row) for row in view_search(OpenSearch(uri)).rows]


def ended(uri: str) -> tuple[list[tuple[str, str, float]], bytes]:
    """What came of a search: its children and rewards, and its controller, bit by bit."""
    store = SearchStore.open(uri)
    newest = store.newest(layout.versions(0))
    return accounted(uri), store.objects.get(layout.shard(0, newest))


@pytest.mark.usefixtures("warm")
def test_the_command_a_pod_and_tasks_do_a_round_each_and_then_comes_a_model(
    s3_uri: str, tmp_path: Path
) -> None:
    """In S3. Each goes on where the one before has stopped, and all is as if one had done it.

    In the space of NASNet's cells, of which nothing on the way knows. The best two are trained
    again in the last tick.
    """
    config = resolve_config("digits", OVERRIDES, stored=None)
    undisturbed = search(config, store=str(tmp_path / "undisturbed"), workers=2).uri

    search(config, store=s3_uri, workers=2, rounds=1)
    nas_search_pod(search_uri=s3_uri, preset="digits", overrides=OVERRIDES, rounds_per_run=1)
    assert accounted(s3_uri) == accounted(undisturbed)[:4]
    nas_search(search_uri=s3_uri, preset="", overrides={"final": FINAL}, rounds_per_run=5)

    assert ended(s3_uri) == ended(undisturbed)
    view = view_search(OpenSearch(s3_uri))
    runs = {learned.run for learned in view.learned}
    assert len(runs) == 3
    assert view.problems == ()
    (final,) = view.finals
    (row,) = final.rows
    assert len(view.again) == 2
    assert final.config.search.origins == (view.best.row.id,)
    info = open_model(s3_uri).info
    assert (info.origin.child, info.test.value) == (row.id, final.test[0].score)
    assert view.test == ()  # of the search nobody has read one
    store = SearchStore.open(s3_uri)
    assert all(store.objects.has(layout.report(run, "report.html")) for run in runs)


@pytest.mark.usefixtures("warm")
def test_recurrent_cells_are_found_in_a_pod_as_by_the_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another task and another space: nothing on the way knows of either."""
    document = SearchConfig(
        task=write_toy_text(tmp_path / "texts"),
        space=NasRnnSpaceConfig(base=2, child=LayersConfig(hidden=4)),
        children=text_children(epochs=1),
        search=RoundsConfig(max_children=2, children_per_round=2),
    )
    monkeypatch.setattr("nas_lib.engine.entry.num_processes", lambda *_: 0)  # in this process
    undisturbed = search(document, store=str(tmp_path / "undisturbed")).uri
    uri, overrides = str(tmp_path / "state"), document.model_dump(mode="json", exclude_none=True)

    nas_search_pod(search_uri=uri, preset="digits", overrides=overrides, rounds_per_run=1)

    assert ended(uri) == ended(undisturbed)
    assert view_search(OpenSearch(uri)).problems == ()


TABULAR = {
    "space": {"kind": "custom", "object": "searches:SPACE"},
    "search": {"max_children": 4, "children_per_round": 2},
}


@pytest.mark.usefixtures("warm")
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


@pytest.mark.usefixtures("warm")
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


@pytest.mark.usefixtures("warm")
def test_a_mistake_is_the_last_line_of_the_tasks_log_and_in_the_report(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    uri, sentence = str(tmp_path / "state"), "nas: no preset is called 'digit'"

    with pytest.raises(RuntimeError, match="FAILURE"):
        nas_search(search_uri=uri, preset="digit", overrides={})

    assert_last_line(sentence, capfd)
    (problem,) = SearchStore.open(uri).problems()
    assert problem.step == "prepare_data"
    pages = list((tmp_path / "artifacts").rglob("report"))
    assert any("no preset is called" in page.read_text() for page in pages)


@pytest.mark.usefixtures("warm")
def test_of_a_place_that_is_no_store_there_is_a_line_in_the_log(
    capfd: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(RuntimeError, match="FAILURE"):
        nas_search(search_uri="ftp://somewhere", preset="digits", overrides={})

    assert_last_line("nas: a store is a folder", capfd)


def assert_last_line(sentence: str, capfd: pytest.CaptureFixture[str]) -> None:
    """Of a task; the other tasks say something, too."""
    out = capfd.readouterr()
    lines = [line.strip() for line in (out.out + out.err).splitlines()]
    said = [index for index, line in enumerate(lines) if sentence in line]
    assert said
    assert "Traceback (most recent call last):" not in lines[: said[0]]


def test_the_pipelines_module_imports_without_the_repository(tmp_path: Path) -> None:
    command = "from kfp_nas.pipelines.nas_search import nas_search; print(nas_search.name)"

    done = subprocess.run(
        [sys.executable, "-c", command], cwd=tmp_path, capture_output=True, text=True, check=True
    )

    assert done.stdout == "nas-search\n"
