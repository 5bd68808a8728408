from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from pods_server import FakePods, running_pods

from nas_lib.cluster.pod_logs import PodLog, pod_logs
from nas_lib.errors import ClusterError

RUN = {"pipeline/runid": "run-1"}


@pytest.fixture
def kubeconfig(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "kubeconfig"
    monkeypatch.setenv("KUBECONFIG", str(path))
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
    return path


@pytest.fixture
def pods(kubeconfig: Path) -> Iterator[FakePods]:
    with running_pods(kubeconfig) as running:
        yield running


def read(task: str | None = None) -> list[PodLog]:
    return list(pod_logs("run-1", namespace="kubeflow", task=task))


def test_the_logs_of_a_runs_tasks_come_oldest_first(pods: FakePods) -> None:
    path = "digits-x7k2p(0).root(0)"
    pods.add("p3", 3, RUN, place=f"{path}.train-child(0:r000)(0).executor(0)", log="trained\n")
    pods.add("p1", 1, RUN, place=f"{path}.prepare-data(0).executor(0)", log="prepared\n")
    pods.add("p2", 2, RUN, place=f"{path}.train-child-driver(0)", log="driver\n")
    pods.add("p4", 4, {"pipeline/runid": "run-2"}, place=f"{path}.x.executor", log="other\n")

    assert read() == [
        PodLog("prepare-data", "p1", "Succeeded", "prepared\n"),
        PodLog("train-child", "p3", "Succeeded", "trained\n"),
    ]


def test_one_task_can_be_asked_for(pods: FakePods) -> None:
    pods.add("p1", 1, RUN, place="d.root.prepare-data.executor", log="prepared\n")
    pods.add("p2", 2, RUN, place="d.root.write-report.executor", log="written\n")

    assert [log.pod for log in read(task="write-report")] == ["p2"]


def test_the_jobs_of_children_belong_to_their_run(pods: FakePods) -> None:
    labels = {"kfp-nas/run": "run-1", "kfp-nas/child": "r000-000003-01"}
    pods.add("digits-1234abcd-r000-000003-01-x2b4c", 1, labels, log="epoch 1\n")

    assert [(log.task, log.text) for log in read()] == [("r000-000003-01", "epoch 1\n")]


def test_a_log_that_is_json_stays_as_it_is(pods: FakePods) -> None:
    pods.add("p1", 1, RUN, place="d.root.a.executor", log='{"score": 0.5}')

    assert read()[0].text == '{"score": 0.5}'


def test_a_pod_that_has_not_started_has_no_log(pods: FakePods) -> None:
    pods.add("p1", 1, RUN, place="d.root.a.executor", log=None)

    assert read() == [PodLog("a", "p1", "Pending", "(no log yet)\n")]


def test_deleted_pods_are_said_to_be_gone(pods: FakePods) -> None:
    with pytest.raises(ClusterError, match="no pod of the run run-1 is left in the namespace kub"):
        read()


def test_kubernetes_may_refuse(pods: FakePods) -> None:
    pods.status = 403

    with pytest.raises(ClusterError, match="cannot list pods in namespace kubeflow: 403 Forbidden"):
        read()


def test_without_a_kubeconfig_the_command_for_elsewhere_is_said(kubeconfig: Path) -> None:
    with pytest.raises(ClusterError) as refused:
        read()

    assert "kubectl logs -n kubeflow -l pipeline/runid=run-1 -c main" in str(refused.value)


@pytest.mark.parametrize("content", [b"", b"hello", b"{{{", b"[1]", b"\x00\x1b", b"contexts: 5"])
def test_a_kubeconfig_that_is_none_is_one_sentence(kubeconfig: Path, content: bytes) -> None:
    kubeconfig.write_bytes(content)
    with pytest.raises(ClusterError, match="no Kubernetes cluster is known here: "):
        read()


def test_a_kubeconfig_that_is_a_folder_is_one_sentence(kubeconfig: Path) -> None:
    kubeconfig.mkdir()
    with pytest.raises(ClusterError, match="no Kubernetes cluster is known here: "):
        read()
