"""Every way in which a request can fail is one sentence that says where, what and why."""

from __future__ import annotations

import socket
import time
from pathlib import Path

import pytest
import urllib3
from kfp_server import FakeKubeflow, Fault

from nas_lib.cluster.kubeflow import Kubeflow
from nas_lib.cluster.kubeflow_api import IN_CLUSTER_HOST, KubeflowApi
from nas_lib.errors import ClusterError

RUNS = "GET /apis/v2beta1/runs"


def listing(server: FakeKubeflow, **options: object) -> list[object]:
    return Kubeflow(KubeflowApi(server.url, **options)).runs(limit=20)  # type: ignore[arg-type]


def sentence(server: FakeKubeflow, **options: object) -> str:
    with pytest.raises(ClusterError) as refused:
        listing(server, **options)
    assert "\n" not in str(refused.value)
    assert server.url in str(refused.value)
    assert str(refused.value).startswith("cannot list the runs at ")
    return str(refused.value)


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (Fault(RUNS, status=400), "it answers 400: the tests want a 400"),
        (Fault(RUNS, status=401), "it does not know who asks (401); pass a valid --token"),
        (Fault(RUNS, status=403), "this identity may not (403: the tests want a 403)"),
        (Fault(RUNS, status=404), "there is none (404: the tests want a 404)"),
        (Fault(RUNS, status=409), "it exists already (409: the tests want a 409)"),
        (Fault(RUNS, status=500), "it answers 500: the tests want a 500"),
        (Fault(RUNS, status=503, times=9), "it is not available (503: the tests want a 503)"),
        (Fault(RUNS, login_page=True), "expected JSON, got the web page 'Sign in': a login page"),
        (Fault(RUNS, redirect=True), "it sends us elsewhere (302), as for a login; pass --token"),
        (Fault(RUNS, broken=True, times=9), "the connection broke"),
    ],
)
def test_a_failure_is_one_sentence(server: FakeKubeflow, fault: Fault, words: str) -> None:
    server.faults = [fault]

    assert words in sentence(server)


def test_reading_is_tried_again_where_the_gateway_or_the_connection_fails(
    server: FakeKubeflow,
) -> None:
    server.faults = [Fault(RUNS, status=503), Fault(RUNS, broken=True)]

    assert listing(server) == []
    assert server.count(RUNS) == 3  # two failures, then the answer


def test_a_slow_answer_is_waited_for(server: FakeKubeflow) -> None:
    server.faults = [Fault(RUNS, slow_s=0.5)]

    assert listing(server, answer_timeout_s=5.0) == []
    assert server.count(RUNS) == 1


def test_an_answer_that_does_not_come_ends_in_a_sentence(server: FakeKubeflow) -> None:
    server.faults = [Fault(RUNS, slow_s=1.0, times=9)]
    start = time.monotonic()

    assert "no answer in time" in sentence(server, answer_timeout_s=0.1)
    assert time.monotonic() - start < 5


def test_nobody_listening_is_said_so() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]

    with pytest.raises(ClusterError, match="no connection; is this the address, and is the port-"):
        Kubeflow(KubeflowApi(f"http://127.0.0.1:{port}")).runs(limit=20)


def test_a_server_without_tls_is_not_trusted(server: FakeKubeflow) -> None:
    host = server.url.replace("http:", "https:")

    with pytest.raises(ClusterError, match=r"certificate is not trusted; .* SSL_CERT_FILE"):
        Kubeflow(KubeflowApi(host)).runs(limit=20)


def test_a_token_is_shown_to_the_server(server: FakeKubeflow) -> None:
    server.token = "secret"

    assert listing(server, token="secret") == []
    assert "401" in sentence(server, token="wrong")
    assert "401" in sentence(server)


def test_in_a_pod_the_mounted_identity_counts_and_is_read_again(
    server: FakeKubeflow, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "token"
    path.write_text("first\n")
    monkeypatch.setenv("KF_PIPELINES_SA_TOKEN_PATH", str(path))
    kubeflow = Kubeflow(KubeflowApi(server.url))

    for token in ("first", "second"):  # Kubernetes renews it
        path.write_text(token)
        server.token = token
        assert kubeflow.runs(limit=20) == []


def test_the_host_is_asked_for_except_in_a_cluster(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
    with pytest.raises(ClusterError, match="no address of Kubeflow Pipelines: pass --host"):
        KubeflowApi(None)

    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "10.0.0.1")
    assert KubeflowApi(None).host == IN_CLUSTER_HOST


@pytest.mark.parametrize(
    ("given", "host"),
    [
        ("kubeflow.example.org/pipeline/", "https://kubeflow.example.org/pipeline"),
        ("http://localhost:8080/#/runs", "http://localhost:8080"),
    ],
)
def test_a_host_is_taken_as_users_have_it(given: str, host: str) -> None:
    assert KubeflowApi(given).host == host


def test_the_server_of_these_tests_refuses_what_the_models_lack(server: FakeKubeflow) -> None:
    body = b'{"display_name": "digits", "labels": {"search": "digits"}}'

    answer = urllib3.request("POST", f"{server.url}/apis/v2beta1/runs", body=body)

    assert answer.status == 400
    assert "unknown field 'labels'" in answer.json()["message"]  # runs have none
