"""What `nas submit` hands to Kubeflow, executed: the pipeline it uploads, with its arguments."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import kfp_server_api as kfp
import numpy as np
import pytest
import yaml
from bucket_files import put_files
from kfp import components, local
from kfp_server import FakeKubeflow, running_kubeflow
from nas_command import Nas
from PIL import Image
from searches import account, tabular

from nas_lib.cluster.kubeflow import Kubeflow
from nas_lib.cluster.kubeflow_api import KubeflowApi
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


def started_in_the_form(server: FakeKubeflow, **fields: object) -> str:
    """Upload the pipeline and start a run as the form does, which sends every field."""
    api = KubeflowApi(server.url)
    kubeflow = Kubeflow(api)
    version = kubeflow.version("nas-search-pod")
    spec = server.versions[version.id].pipeline_spec["pipeline_spec"]
    inputs = spec["root"]["inputDefinitions"]["parameters"]
    assert set(fields) <= set(inputs)
    shown = {name: each["defaultValue"] for name, each in inputs.items()}
    shown |= {name: int(value) for name, value in shown.items() if isinstance(value, float)}
    run = kfp.V2beta1Run(
        display_name="Run of nas-search-pod",
        experiment_id=kubeflow.experiment("Default"),
        pipeline_version_reference=kfp.V2beta1PipelineVersionReference(
            pipeline_id=version.pipeline_id, pipeline_version_id=version.id
        ),
        runtime_config=kfp.V2beta1RuntimeConfig(parameters=shown | fields),
    )
    return api.runs.run_service_create_run(run).run_id


@pytest.mark.usefixtures("warm")
def test_the_form_alone_searches_on_photos_in_a_bucket(
    server: FakeKubeflow, s3_uri: str, tmp_path: Path
) -> None:
    """From nothing to a report: nothing is on this machine but what the pods fetch."""
    generator = np.random.default_rng(0)
    for number in range(40):
        name = ("cat", "dog")[number % 2]
        (tmp_path / name).mkdir(exist_ok=True)
        pixels = generator.integers(0, 128, (12, 12, 3)) + 120 * (name == "cat")
        Image.fromarray(pixels.astype(np.uint8)).save(tmp_path / name / f"{number}.png")
    for name in ("cat", "dog"):
        put_files(tmp_path / name, f"{s3_uri}/photos/{name}")
    small = {
        "task.data.size": 8,
        "space": {"num_filters": [4], "pool_layers": [2], "depth": {"start": 3, "max": 3}},
        "children.epochs": 1,
        "search": {"max_children": 2, "children_per_round": 2},
    }

    run = started_in_the_form(
        server,
        search_uri=f"{s3_uri}/search",
        preset="photos",
        overrides={"task.data.path": f"{s3_uri}/photos", **small},
    )
    execute(server, run)

    view = view_search(OpenSearch(f"{s3_uri}/search"))
    assert view.problems == ()
    assert [row.status for row in view.rows][:2] == ["ok", "ok"]
    ((learned, *_),) = [view.learned]
    key = layout.report(learned.run, "report.html")
    page = SearchStore.open(f"{s3_uri}/search").objects.get(key).decode()
    assert f"image folder {s3_uri}/photos" in page
