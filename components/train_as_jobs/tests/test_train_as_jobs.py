import os
import sys
from pathlib import Path

import pytest
from kfp import local
from kfp_nas.components.sample_architectures import sample_architectures
from kfp_nas.components.train_as_jobs import train_as_jobs

from nas_lib import steps
from nas_lib.open_search import OpenSearch
from nas_lib.records import ChildResult
from nas_lib.store import SearchStore, layout
from tests.fakes.job_controller import start_function
from tests.fakes.small_kubernetes import NAMESPACE, running_small_kubernetes


def train(command: list[str]) -> None:
    """What `nas train-child URI CHILD --run RUN` does in a Job's pod."""
    steps.train_child(OpenSearch(command[2]), child=command[3], run=command[5])


def test_it_makes_a_job_for_each_child_and_returns_their_rewards_in_order(
    tabular_uri: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Alone, under kfp.local, in a process of its own."""
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(sys.path))
    local.init(local.SubprocessRunner(use_venv=False), pipeline_root=str(tmp_path / "artifacts"))
    children = sample_architectures.python_func(tabular_uri, 0, "run")
    monkeypatch.setenv("NAS_NAMESPACE", NAMESPACE)
    monkeypatch.setenv("NAS_IMAGE", "kfp-nas:test")
    monkeypatch.setenv("NAS_SERVICE_ACCOUNT", "pipeline-runner")
    with running_small_kubernetes(tmp_path / "kubernetes") as cluster:
        cluster.jobs.start = start_function(train)
        monkeypatch.setenv("KUBECONFIG", str(cluster.kubeconfig))

        rewards = train_as_jobs(
            search_uri=tabular_uri,
            children=children,
            run="run",
            store_secret="secret",
            store_settings="settings",
        ).output

        made = {job["metadata"]["labels"]["kfp-nas/child"] for job in cluster.all("jobs")}
    store = SearchStore.open(tabular_uri)
    results = [store.read(ChildResult, layout.child_result(child)) for child in children]
    assert rewards == [result.reward for result in results]
    assert made == set(children)
