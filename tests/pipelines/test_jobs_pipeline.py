"""Pipelines with a Job for each network, under kfp.local."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from kfp import local
from kfp_nas.pipelines.nas_search import nas_search_jobs
from kfp_nas.pipelines.transfer import transfer_jobs
from s3_server import S3Server
from searches import account

from nas_lib.config_file import resolve_config
from nas_lib.engine import search
from nas_lib.open_search import OpenSearch
from nas_lib.steps import view_search
from tests.fakes.small_kubernetes import NAMESPACE, SmallKubernetes, running_small_kubernetes

TABULAR = {
    "space": {"kind": "custom", "object": "searches:SPACE"},
    "children": {"kind": "own", "evaluate": "searches:product"},
    "search": {"max_children": 2, "children_per_round": 2},
}


@pytest.fixture(autouse=True)
def local_kubeflow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run each task in a process of its own, as a pod would be."""
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(sys.path))
    local.init(
        runner=local.SubprocessRunner(use_venv=False), pipeline_root=str(tmp_path / "artifacts")
    )


@pytest.fixture
def cluster(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, s3_server: S3Server
) -> Iterator[SmallKubernetes]:
    """A cluster that knows the S3 server; its pods know nothing else of it."""
    keys = {"accesskey": s3_server.access_key, "secretkey": s3_server.secret_key}
    settings = {"a-secret": keys, "a-config-map": {"endpoint": s3_server.endpoint}}
    with running_small_kubernetes(tmp_path / "kubernetes", settings) as running:
        # what the pipeline has the task find in its pod; kfp.local sets none of it
        monkeypatch.setenv("KUBECONFIG", str(running.kubeconfig))
        monkeypatch.setenv("NAS_NAMESPACE", NAMESPACE)
        monkeypatch.setenv("NAS_IMAGE", "kfp-nas:test")
        monkeypatch.setenv("NAS_SERVICE_ACCOUNT", "pipeline-runner")
        yield running


def accounted(uri: str) -> list[tuple[str, str, float]]:
    return [
        (row.id, row.architecture.config, row.reward) for row in view_search(OpenSearch(uri)).rows
    ]


@pytest.mark.usefixtures("warm")
def test_jobs_train_what_the_command_trains(cluster: SmallKubernetes, s3_uri: str) -> None:
    """In S3, each child a Job whose pod is a process that has its keys from a Secret."""
    config = resolve_config("digits", TABULAR, stored=None)
    by_command = account(search(config, store="memory://children-as-jobs"))

    nas_search_jobs(
        search_uri=s3_uri,
        preset="digits",
        overrides=TABULAR,
        rounds_per_run=1,
        store_secret="a-secret",
        store_settings="a-config-map",
    )

    assert accounted(s3_uri) == by_command
    assert len(by_command) == 2
    assert [pod["status"]["phase"] for pod in cluster.all("pods")] == ["Succeeded"] * 2
    assert view_search(OpenSearch(s3_uri)).problems == ()


@pytest.mark.usefixtures("warm")
def test_a_transfer_trains_published_cells_and_ends_with_a_model(
    cluster: SmallKubernetes, s3_uri: str
) -> None:
    final = {"seeds": 1, "size": {"cells": 1, "filters": 2}, "children": {"epochs": 1}}

    transfer_jobs(
        search_uri=s3_uri,
        source="nasnet-a",
        preset="digits",
        overrides={"task.max_train": 100, "final": {**final, "retrain": False}},
        store_secret="a-secret",
        store_settings="a-config-map",
    )

    view = view_search(OpenSearch(s3_uri))
    assert view.problems == ()
    assert [row.status for final in view.finals for row in final.rows] == ["ok"]
    assert len(view.models) == 1
    assert len(cluster.all("pods")) == 1
