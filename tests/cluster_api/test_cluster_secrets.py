"""However much Kubernetes or Kubeflow says, no error shows by what we are known there."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from canaries import all_of, leaks
from echoing import CANARY, PEM, EchoingServer
from kfp_server import FakeKubeflow
from small_server import running

from nas_lib.cluster.kubeflow import Kubeflow
from nas_lib.cluster.kubeflow_api import KubeflowApi
from nas_lib.cluster.kubernetes_api import KubernetesApi
from nas_lib.errors import NasError

SECRET = f"{CANARY}/opaque+token"
STATUSES = [200, 302, 400, 401, 403, 404, 409, 500, 503]


def silent(call: Callable[[], object]) -> str:
    with pytest.raises(NasError) as caught:
        call()
    assert leaks(all_of(caught.value), {"token": SECRET}) == []
    return str(caught.value)


@pytest.fixture
def token_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setenv("KF_PIPELINES_SA_TOKEN_PATH", str(tmp_path / "token"))
    (tmp_path / "token").write_text(f"{SECRET}\n")
    return tmp_path / "token"


@pytest.mark.usefixtures("token_file")
@pytest.mark.parametrize("token", [SECRET, None])  # of --token, of the file
@pytest.mark.parametrize("status", STATUSES)
def test_kubeflow_tells_nothing(status: int, token: str | None) -> None:
    with running(EchoingServer, status=status, secrets=[SECRET]) as url:
        kubeflow = Kubeflow(KubeflowApi(url, token=token))
        silent(lambda: kubeflow.runs(limit=20))


@pytest.mark.parametrize("host", [f"https://me:{CANARY}@host", f"me:{CANARY}#1@host"])
def test_a_user_and_password_of_kubeflow_are_refused_unrepeated(host: str) -> None:
    assert "--token" in silent(lambda: KubeflowApi(host))


def test_the_address_of_a_page_is_without_a_password(
    server: FakeKubeflow, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KF_PIPELINES_UI_ENDPOINT", f"https://me:{CANARY}@host")
    run = type("Some", (), {"id": "1"})()
    assert Kubeflow(KubeflowApi(server.url)).url(run) == "https://***@host/#/recurringrun/details/1"


def kubeconfig(path: Path, url: str, user: Mapping[str, Any]) -> str:
    named = {
        "clusters": [{"name": "a", "cluster": {"server": url}}],
        "users": [{"name": "a", "user": dict(user)}],
        "contexts": [{"name": "a", "context": {"cluster": "a", "user": "a"}}],
    }
    path.write_text(
        yaml.safe_dump({"apiVersion": "v1", "kind": "Config", "current-context": "a", **named})
    )
    return str(path)


@pytest.mark.parametrize(
    "user",
    [
        {"token": SECRET},
        {"username": "me", "password": SECRET},
        {"client-key-data": b64encode(PEM.encode()).decode()},
    ],
)
@pytest.mark.parametrize("status", STATUSES[1:])
def test_kubernetes_tells_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, status: int, user: Mapping[str, Any]
) -> None:
    with running(EchoingServer, status=status, secrets=[SECRET]) as url:
        monkeypatch.setenv("KUBECONFIG", kubeconfig(tmp_path / "kubeconfig", url, user))
        api = KubernetesApi("nas", give_up_after_s=0)
        if user.get("client-key-data"):
            monkeypatch.setenv("MY_TOKEN", SECRET)  # who has a key has sent no token
        silent(lambda: api.jobs({}))
        silent(lambda: list(api.changes({}, "1", 0.1)) and None) if status in (400, 403) else None


@pytest.mark.parametrize(
    "text", [f"a: [{CANARY}\nb: {{", f"\xff{CANARY}", f"users: {CANARY}", f"users: [{{{CANARY}: 1"]
)
def test_a_broken_kubeconfig_is_one_sentence_that_quotes_none_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    (tmp_path / "kubeconfig").write_bytes(text.encode("latin-1"))
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "kubeconfig"))
    assert "\n" not in silent(lambda: KubernetesApi("nas"))
