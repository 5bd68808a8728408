"""What `nas submit` hands to Kubeflow, executed: the pipeline it uploads, with its arguments."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from kfp import components, local
from kfp_server import FakeKubeflow, running_kubeflow
from nas_command import Nas
from searches import account, tabular

from nas_lib.config import RandomConfig
from nas_lib.config_file import to_yaml
from nas_lib.engine import search
from nas_lib.open_search import OpenSearch
from nas_lib.steps import view_search
from nas_lib.store import SearchStore, layout


@pytest.fixture(autouse=True)
def local_kubeflow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run each task in a process of its own, as a pod would be."""
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(sys.path))
    local.init(
        runner=local.SubprocessRunner(use_venv=False), pipeline_root=str(tmp_path / "artifacts")
    )


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeKubeflow]:
    monkeypatch.setenv("NAS_IMAGE", "kfp-nas:test")
    with running_kubeflow() as running:
        monkeypatch.setenv("KF_PIPELINES_ENDPOINT", running.url)
        yield running


@pytest.fixture
def nas(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Nas:
    return Nas(monkeypatch, capsys)


def execute(server: FakeKubeflow, run_id: str) -> None:
    """Do here what this run would do: the pipeline that was uploaded, with the run's arguments."""
    run = server.runs[run_id]
    version = server.versions[run.pipeline_version_reference.pipeline_version_id]
    text = yaml.safe_dump(version.pipeline_spec["pipeline_spec"])
    parameters = {**run.runtime_config.parameters}
    # kfp.local refuses null; only sizes of final networks are, and here is no network
    nulls = {key for key, value in parameters["overrides"].items() if value is None}
    assert all(key.startswith("final.") for key in nulls)
    parameters["overrides"] = {
        key: value for key, value in parameters["overrides"].items() if key not in nulls
    }
    components.load_component_from_text(text)(**parameters)


@pytest.mark.usefixtures("warm")
def test_two_replicas_are_two_runs_of_one_search_that_a_laptop_finishes(
    server: FakeKubeflow, nas: Nas, s3_uri: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """At random, as then what a replica proposes does not depend on when the other one learns."""
    config = tabular(max_children=8, children_per_round=2, replicas=2, controller=RandomConfig())
    (tmp_path / "search.yaml").write_text(to_yaml(config))

    command = ("submit", tmp_path / "search.yaml", "--store", s3_uri, "--rounds-per-run", "1")
    code, _, error = nas(*command, "--set", "resources.fanout=pod", "--json")
    assert (code, error) == (0, "")
    for run_id in server.runs:
        execute(server, run_id)
    capsys.readouterr()  # what the tasks said

    listed = json.loads(nas("runs", s3_uri, "--json")[1])["runs"]
    assert {each["id"]: each["replica"] for each in listed} == dict(
        zip(server.runs, (0, 1), strict=True)
    )
    view = view_search(OpenSearch(s3_uri))
    assert [(each.replica, each.round) for each in view.learned] == [(0, 0), (1, 0)]
    by_run = [each.run for each in view.learned]
    assert len(set(by_run)) == 2
    for run, least in zip(by_run, (0, 1), strict=True):
        page = SearchStore.open(s3_uri).objects.get(layout.report(run, "report.html")).decode()
        assert f"This run, {run}, learned from 1 round" in page
        assert f"2 replicas, 0 at work; rounds {least} to 1 of 2" in page
    # and what two runs began, the command finishes, both replicas of it
    assert nas("search", "--store", s3_uri, "--workers", "1")[0] == 0
    undisturbed = account(search(config, store=str(tmp_path / "undisturbed"), workers=1))
    view = view_search(OpenSearch(s3_uri))
    assert [(row.id, row.architecture.config, row.reward) for row in view.rows] == undisturbed
