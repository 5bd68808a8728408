from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest
import toy_finals
from searches import SMALL_DIGITS, store_of, tabular
from small_mlflow import Mlflow, Tracked, running_mlflow

import nas_lib
from nas_lib import steps
from nas_lib.config import MlflowConfig, NotifyConfig, SearchConfig
from nas_lib.config_file import resolve_config
from nas_lib.engine import Listener
from nas_lib.open_search import OpenSearch
from nas_lib.records import ChildResult
from nas_lib.store import layout
from nas_lib.tracking import Tracker, mirror
from nas_lib.tracking import server as server_module


class Said(Listener):
    def __init__(self) -> None:
        self.lines: list[str] = []

    def warned(self, message: str) -> None:
        self.lines.append(message)


def tracked(server: Mlflow, config: SearchConfig | None = None, **mlflow: object) -> SearchConfig:
    settings = MlflowConfig(uri=server.url, **{"wait_s": 170.0, **mlflow})
    config = config or tabular(max_children=8, confirm=None)
    return config.model_copy(update={"notify": NotifyConfig(mlflow=settings)})


def numbers(run: Tracked) -> dict[str, float]:
    return {each["key"]: each["value"] for each in run.metrics}


def test_each_child_is_a_run_with_what_it_was_given_and_came_to() -> None:
    with running_mlflow() as server:
        handle = nas_lib.search(tracked(server), store="memory://tracked")

    assert sorted(server.children) == [row.id for row in handle.children]
    (search,) = server.searches
    proposed = store_of(handle).proposed("r000-000001-02").children[2]
    run, row = server.children["r000-000001-02"], handle.children[6]
    assert run.info["status"] == "FINISHED"
    assert run.tags["mlflow.parentRunId"] == search.info["run_id"]
    assert run.tags["nas.status"] == "ok"
    assert run.params == {
        "architecture": row.architecture.config,
        "architecture_id": row.architecture.id,
        "seed": str(proposed.seed),
        "replica": "0",
        "round": "1",
        "decisions": " ".join(map(str, row.architecture.tokens)),
    }
    found = numbers(run)
    assert (found["score"], found["reward"]) == (row.score, row.reward)
    assert found["seconds"] == row.seconds
    assert search.info["run_name"] == "tabular"
    assert search.info["status"] == "FINISHED"
    assert search.params["controller.kind"] == "reinforce"
    assert handle.view.best is not None
    assert numbers(search)["best_score"] == handle.view.best.row.score
    assert store_of(handle).problems() == []


@pytest.mark.usefixtures("in_this_process")
def test_a_trained_childs_curve_its_decisions_and_the_winners_test_are_told(tmp_path: Path) -> None:
    """The process beside the run tells it."""
    config = resolve_config("digits", {**SMALL_DIGITS, "children.epochs": 2}, stored=None)
    assert config is not None
    with running_mlflow() as server:
        handle = nas_lib.search(tracked(server, config), store=tmp_path / "s", workers=1)

    best = handle.best
    assert best is not None
    result = store_of(handle).read(ChildResult, layout.child_result(best.id))
    run = server.children[best.id]
    for name in ("score", "train_loss", "valid_loss", "learning_rate"):
        wanted = [getattr(epoch, name) for epoch in result.epochs]
        assert run.curve(f"epoch.{name}") == wanted
        assert len(wanted) == 2
    assert numbers(run)["num_parameters"] == result.num_parameters
    assert numbers(run)["num_multiply_adds"] == result.num_multiply_adds
    decided = {name: text for name, text in run.params.items() if name.startswith("decision.")}
    assert " ".join(decided.values()) == " ".join(map(str, best.architecture.tokens))
    readings = {reading.child: reading.score for reading in handle.view.test}
    assert best.id in readings
    assert {
        child: numbers(each)["test_score"]
        for child, each in server.children.items()
        if "test_score" in numbers(each)
    } == readings


def test_searches_that_are_stopped_and_done_again_have_each_child_once() -> None:
    with running_mlflow() as server:
        for rounds in (1, None, None):
            handle = nas_lib.search(tracked(server), store="memory://told-again", rounds=rounds)

        assert sorted(server.children) == [row.id for row in handle.children]
        assert len(server.all_runs) == 9  # 8 children and the search
        assert server.asked.count("runs/create") == 9


@pytest.mark.parametrize("after", [9, 23])
def test_what_a_broken_connection_left_half_told_is_told_anew(after: int) -> None:
    said = Said()
    with running_mlflow() as server:
        server.breaks_after.append(after)
        handle = nas_lib.search(tracked(server), store=f"memory://half-{after}", listener=said)
        assert handle.view.finished
        assert len(server.children) < 8
        (problem,) = store_of(handle).problems()
        for sentence in (*said.lines, problem.message):
            assert sentence.startswith(f"MLflow at {server.url} was not told of everything: ")

        server.breaks_after.clear()  # mended
        nas_lib.search(tracked(server), store=f"memory://half-{after}")

        assert sorted(server.children) == [row.id for row in handle.children]
        assert {run.info["status"] for run in server.runs} == {"FINISHED"}
        assert all("reward" in numbers(run) for run in server.children.values())
        assert len(server.searches) == 1


@pytest.mark.parametrize("lost", [2, 5, 9, 28])
def test_answers_that_are_lost_on_the_way_leave_each_child_there_once(
    lost: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Requests 1 to 7 are of the search, and then four of each child, in two batches."""
    monkeypatch.setattr(mirror, "_BATCH", 4)
    with running_mlflow() as server:
        server.lost.append(lost)
        handle = nas_lib.search(tracked(server), store=f"memory://lost-{lost}")

    assert sorted(server.children) == [row.id for row in handle.children]
    assert {run.info["status"] for run in server.runs} == {"FINISHED"}
    (search,) = server.searches
    assert search.params["controller.kind"] == "reinforce"
    (problem,) = store_of(handle).problems()
    assert "was not told of everything" in problem.message


def test_another_experiment_is_told_all_anew() -> None:
    with running_mlflow() as server:
        for experiment in ("one", "two"):
            config = tracked(server, experiment=experiment)
            nas_lib.search(config, store="memory://two-experiments")

    assert sorted(run.info["experiment_id"] for run in server.runs) == ["1"] * 9 + ["2"] * 9


def test_a_server_that_is_away_or_slow_does_not_hold_up_a_search() -> None:
    away, slow = Said(), Said()
    with running_mlflow() as server:
        pass
    nas_lib.search(tracked(server), store="memory://away", listener=away)
    with running_mlflow(pause_s=0.5) as server:
        began_s = time.monotonic()
        handle = nas_lib.search(tracked(server, wait_s=0.2), store="memory://slow", listener=slow)
        took_s = time.monotonic() - began_s

    assert handle.view.finished
    assert took_s < 3  # 8 children, each with three requests of half a second, four at once: 3 s
    assert [line.partition(":")[0] for line in away.lines] == ["MLflow at http"]
    assert "within 0 s (notify.mlflow.wait_s): the next run" in slow.lines[0]


def test_a_run_that_is_killed_takes_along_who_tells_of_it(tmp_path: Path) -> None:
    """Else a second run would tell the same at the same time."""
    beside = [sys.executable, "-m", "nas_lib.tracking", str(tmp_path / "s"), "run", "0"]
    with running_mlflow(pause_s=1.0) as server:
        steps.prepare_data(OpenSearch(str(tmp_path / "s")), config=tracked(server))
        process = subprocess.Popen(beside, stdin=subprocess.PIPE)
        assert process.stdin is not None
        process.stdin.close()  # as where its other end dies

        assert process.wait(60) == 1


def test_two_replicas_that_begin_at_once_have_one_run_above_them() -> None:
    with running_mlflow() as server:
        config = tracked(server, tabular(max_children=16, replicas=2, shards=2, confirm=None))
        for replica in (0, 1):
            nas_lib.search(config, store="memory://told-replicas", replicas=[replica])

    assert len(server.searches) == 1
    assert len(server.children) == 16


def test_how_far_it_is_is_noted_once_for_some_rounds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mirror, "_BATCH", 5)
    with running_mlflow() as server:
        config = tracked(server, tabular(max_children=12, children_per_round=3, confirm=None))
        handle = nas_lib.search(config, store="memory://many")

        assert len(server.children) == 12
        batches = store_of(handle).objects.keys(layout.TRACKING)
        assert len([key for key in batches if "/r000/" in key]) == 2  # of 6 = 2 x 3 children each


def test_a_batch_of_more_children_than_the_server_lists_at_once_is_known_whole(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(server_module, "_MOST_FOUND", 3)
    with running_mlflow() as server:
        server.lost.append(39)  # a child's end, the last of 7 + 8 * 4
        handle = nas_lib.search(tracked(server), store="memory://pages")

        assert sorted(server.children) == [row.id for row in handle.children]


def test_a_final_training_lies_within_its_search_and_a_pod_tells_of_its_rounds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With nobody told before: the search's own run is made with the first that needs it."""
    monkeypatch.setattr(Tracker, "_is_of_this_process", True)  # another one has to begin first
    with running_mlflow() as server:
        search, final = toy_finals.begun(tmp_path)
        for opened in (search, final):
            opened.want(tracked(server, opened.config))
            opened.settle_wanted()
        toy_finals.do_round(final)

        (inner,) = [run for run in server.searches if "final" in run.info["run_name"]]
        (outer,) = [run for run in server.searches if run is not inner]
        assert inner.tags["mlflow.parentRunId"] == outer.info["run_id"]
        children = server.children.values()
        assert children
        assert {run.tags["mlflow.parentRunId"] for run in children} == {inner.info["run_id"]}


def test_who_tells_needs_a_client(monkeypatch: pytest.MonkeyPatch) -> None:
    said = Said()
    monkeypatch.setattr("nas_lib.tracking.tracker.find_spec", lambda name: None)
    with running_mlflow() as server:
        handle = nas_lib.search(tracked(server), store="memory://no-client", listener=said)

    assert handle.view.finished
    assert said.lines == ["notify.mlflow.uri needs MLflow's client: pip install 'kfp-nas[mlflow]'"]
