from __future__ import annotations

import signal
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest
from kfp_server import FakeKubeflow, running_kubeflow
from nas_command import Nas

from nas_lib.cluster import idempotent_create, job_news, jobs, kubernetes_api
from nas_lib.cluster.kubeflow import Kubeflow
from nas_lib.cluster.kubeflow_api import KubeflowApi
from nas_lib.steps import RoundSummary
from tests.cluster_api.job_rounds import Image
from tests.fakes.job_controller import start_function
from tests.fakes.small_kubernetes import NAMESPACE, SmallKubernetes, running_small_kubernetes


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[FakeKubeflow]:
    """A Kubeflow of its own for each test, and nothing of this machine's own settings."""
    for name in ("KF_PIPELINES_ENDPOINT", "KF_PIPELINES_UI_ENDPOINT", "NAS_KUBEFLOW_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("KF_PIPELINES_SA_TOKEN_PATH", str(tmp_path / "no-token"))
    monkeypatch.setenv("NAS_IMAGE", "registry.example.org/kfp-nas:test")
    monkeypatch.setattr(idempotent_create, "LOOK_AGAIN_S", (0.01, 0.02))
    with running_kubeflow() as running:
        yield running


@pytest.fixture
def nas(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> Iterator[Nas]:
    """Let the command think that this process is its own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    handler = signal.getsignal(signal.SIGTERM)
    yield Nas(monkeypatch, capsys)
    signal.signal(signal.SIGTERM, handler)


@pytest.fixture
def kubeflow(server: FakeKubeflow) -> Kubeflow:
    return Kubeflow(KubeflowApi(server.url))


@pytest.fixture
def image() -> Iterator[Image]:
    image = Image()
    yield image
    image.let_go()


@pytest.fixture
def cluster(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, image: Image
) -> Iterator[SmallKubernetes]:
    """A cluster whose pods call `image`, and the environment of a pod that makes Jobs there."""
    monkeypatch.setattr(kubernetes_api, "_FIRST_BACKOFF_S", 0.01)
    monkeypatch.setattr(job_news, "_PAUSE_S", 0.05)
    monkeypatch.setattr(jobs, "_DELETED_POLL_S", 0.05)
    monkeypatch.setattr(jobs, "_QUIET_S", 1.0)
    monkeypatch.setenv("NAS_NAMESPACE", NAMESPACE)
    monkeypatch.setenv("NAS_IMAGE", "kfp-nas:test")
    monkeypatch.setenv("NAS_SERVICE_ACCOUNT", "pipeline-runner")
    with running_small_kubernetes(tmp_path / "kubernetes") as running:
        running.jobs.start = start_function(image)
        monkeypatch.setenv("KUBECONFIG", str(running.kubeconfig))
        yield running


@pytest.fixture
def in_background() -> Iterator[Callable[..., Future[RoundSummary]]]:
    with ThreadPoolExecutor() as pool:
        yield pool.submit
