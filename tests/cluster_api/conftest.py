from __future__ import annotations

import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from command import Nas
from kfp_server import FakeKubeflow, running_kubeflow

from nas_lib.cluster import making
from nas_lib.cluster.kubeflow import Kubeflow
from nas_lib.cluster.kubeflow_api import KubeflowApi


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[FakeKubeflow]:
    """A Kubeflow of its own for each test, and nothing of this machine's own settings."""
    for name in ("KF_PIPELINES_ENDPOINT", "KF_PIPELINES_UI_ENDPOINT", "NAS_KUBEFLOW_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("KF_PIPELINES_SA_TOKEN_PATH", str(tmp_path / "no-token"))
    monkeypatch.setenv("NAS_IMAGE", "registry.example.org/kfp-nas:test")
    monkeypatch.setattr(making, "LOOK_AGAIN_S", 0.01)
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
