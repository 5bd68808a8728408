from __future__ import annotations

import json
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


def read(task: str | None = None, *, everything: bool = False) -> list[PodLog]:
    return list(pod_logs("run-1", namespace="kubeflow", task=task, everything=everything))


def sections(task: str) -> list[tuple[str, str, str]]:
    return [(log.task, log.about, log.text) for log in read(task)]


SEARCH = "nas-search-x7k2p(0).root(0).search(0)"
ROUND = f"{SEARCH}.rounds(0).round(0).iteration-iterations(0:0)(0).iteration-item(0)"


def started_by_argo(**inputs: object) -> list[str]:
    """The command of a task's container, as Argo 4.0.5 and the driver of Kubeflow 2.17.0 make it.

    A driver hands all numbers on as JSON's, which Go writes as it likes.
    """
    executor_input = {"inputs": {"parameterValues": {"search_uri": "s3://b/s", **inputs}}}
    launch = ["/kfp-launcher/launch", "--pipeline_name", "nas-search", "--run_id", "run-1"]
    launch += ["--execution_id", "12", "--executor_input", json.dumps(executor_input)]
    launch += ["--component_spec", "{}", "--pod_name", "$(KFP_POD_NAME)", "--"]
    return ["/var/run/argo/argoexec", "emissary", "--loglevel", "info", "--", *launch]


def test_the_logs_of_a_runs_tasks_come_oldest_first(pods: FakePods) -> None:
    pods.add("p4", 4, RUN, place=f"{SEARCH}.onExit(0).write-report(0).executor(0)", log="page\n")
    pods.add("p1", 1, RUN, place=f"{SEARCH}.prepare-data(0).executor(0)", log="prepared\n")
    pods.add("p2", 2, RUN, place=f"{ROUND}.sample-architectures(0).executor(0)", log="8\n")
    pods.add("p3", 3, RUN, place=f"{ROUND}.children(0).iteration-driver(0)", log="driver\n")
    pods.add("p5", 5, {"pipeline/runid": "run-2"}, place=f"{SEARCH}.x.executor", log="other\n")

    assert read() == [
        PodLog("prepare-data", "", "p1", "Succeeded", "prepared\n"),
        PodLog("sample-architectures", "", "p2", "Succeeded", "8\n"),
        PodLog("write-report", "", "p4", "Succeeded", "page\n"),
    ]
    assert "driver\n" in [log.text for log in read(everything=True)]


@pytest.fixture
def a_round_of_tasks(pods: FakePods) -> None:
    """Two rounds of two children, each a task, and what learns from them."""
    for turn in (0, 1):
        place = ROUND.replace("(0:0)", f"({turn}:{turn})")
        ids = [f"r000-{turn:06d}-{index:02d}" for index in (0, 1)]
        for index, child in enumerate(ids):
            at = f"{place}.children(0).iteration-iterations({index}:{index})(0)"
            at += ".iteration-item(0).train-child(0).executor(0)"
            command = started_by_argo(child=child, run="run-1")
            pods.add(f"c{turn}{index}", 2, RUN, place=at, command=command, log=f"of {child}\n")
        command = started_by_argo(children=ids, rewards=[0.5, 0.25])
        at = f"{place}.aggregate-rewards(0).executor(0)"
        pods.add(f"a{turn}", 3, RUN, place=at, command=command, log="best\n")
        command = started_by_argo(replica=0.0, round=float(turn))
        at = f"{place}.update-controller(0).executor(0)"
        pods.add(f"u{turn}", 4, RUN, place=at, command=command, log="learned\n")


@pytest.mark.usefixtures("a_round_of_tasks")
def test_a_child_that_is_a_task_is_found_by_its_id(pods: FakePods) -> None:
    assert sections("r000-000001-01") == [
        ("train-child", "r000-000001-01", "of r000-000001-01\n"),
    ]


@pytest.mark.usefixtures("a_round_of_tasks")
def test_a_round_is_found_by_its_id(pods: FakePods) -> None:
    assert [(task, about) for task, about, _ in sections("r000-000001")] == [
        ("train-child", "r000-000001-00"),
        ("train-child", "r000-000001-01"),
        ("aggregate-rewards", "r000-000001"),
        ("update-controller", "r000-000001"),
    ]


@pytest.mark.usefixtures("a_round_of_tasks")
def test_a_step_may_be_written_as_in_the_graph_or_as_a_component(pods: FakePods) -> None:
    assert sections("train_child") == sections("train-child")
    assert len(sections("train-child")) == 4


@pytest.mark.parametrize("task", ["train-children", "train-as-jobs"])
def test_of_a_pod_that_trains_several_only_what_names_the_child_is_shown(
    task: str, pods: FakePods
) -> None:
    command = started_by_argo(children=["r000-000000-00", "r000-000000-03"])
    log = "r000-000000-00: ok\nr000-000000-03 failed: no memory\nr000-000000-033\n"
    place = f"{ROUND}.{task}(0).executor(0)"
    pods.add("p1", 1, RUN, place=place, command=command, log=log)

    found = sections("r000-000000-03")

    assert found == [(task, "r000-000000-03", "r000-000000-03 failed: no memory\n")]
    assert sections("r000-000000") == [(task, "r000-000000", log)]


def test_what_started_a_step_is_left_out_unless_asked_for(pods: FakePods) -> None:
    """As the main container of a task of Kubeflow 2.17.0 has it, on Argo 4.0.5."""
    log = """\
time=2026-11-29T10:00:00.000Z level=INFO msg="capturing logs" argo=true
I1129 10:00:00.123456      17 launcher_v2.go:194] PipelineRoot defaults to "minio://m".
I1129 10:00:00.123456      17 cache.go:116] Connecting to cache endpoint ml-pipeline:8887
[KFP Executor 2026-11-29 10:00:01,000 INFO]: Looking for component `train_child` in ...
[KFP Executor 2026-11-29 10:00:01,000 INFO]: Got executor_input:
{
    "inputs": {
        "parameterValues": {}
    }
}
epoch 1: {
 score 0.5
}
[KFP Executor 2026-11-29 10:00:02,000 INFO]: said by a function of the user's
[KFP Executor 2026-11-29 10:00:02,000 INFO]: Wrote executor output file to /tmp/x.json.
I1129 10:00:03.123456      17 launcher_v2.go:1230] ExecutorOutput: {
  "parameterValues": {
    "Output": 0.5
  }
}
nas: the last word
E1129 10:00:04.123456      17 launcher_v2.go:449] Component failed to execute: exit status 1
E1129 10:00:04.123456      17 launcher_v2.go:898] All upload artifact attempts failed: no store
F1129 10:00:04.123456      17 main.go:59] failed to execute component: exit status 1
time=2026-11-29T10:00:04.000Z level=INFO msg="sub-process exited" argo=true error=<nil>
"""
    pods.add("p1", 1, RUN, place=f"{SEARCH}.plan-rounds(0).executor(0)", log=log)

    assert read()[0].text.splitlines() == [
        "epoch 1: {",
        " score 0.5",
        "}",
        "[KFP Executor 2026-11-29 10:00:02,000 INFO]: said by a function of the user's",
        "nas: the last word",
        "E1129 10:00:04.123456      17 launcher_v2.go:898] All upload artifact attempts failed: "
        "no store",
    ]
    assert read(everything=True)[0].text == log


def test_one_task_can_be_asked_for(pods: FakePods) -> None:
    pods.add("p1", 1, RUN, place="d.root.prepare-data.executor", log="prepared\n")
    pods.add("p2", 2, RUN, place="d.root.write-report.executor", log="written\n")

    assert [log.pod for log in read(task="write-report")] == ["p2"]


def test_the_jobs_of_children_belong_to_their_run(pods: FakePods) -> None:
    labels = {"kfp-nas/run": "run-1", "kfp-nas/child": "r000-000003-01"}
    pods.add("digits-1234abcd-r000-000003-01-x2b4c", 1, labels, log="epoch 1\n")

    section = ("job", "r000-000003-01", "epoch 1\n")
    assert [(log.task, log.about, log.text) for log in read()] == [section]
    assert sections("r000-000003-01") == sections("r000-000003") == [section]
    with pytest.raises(ClusterError, match="no pod of its task, child or round r000-000003-02 of"):
        read("r000-000003-02")


def test_children_of_a_final_training_are_told_from_those_of_its_search(pods: FakePods) -> None:
    child, final = "r000-000003-01", "final/0a1b2c3d"
    task = started_by_argo(search_uri=f"s3://b/s/{final}", child=child)
    pods.add("p1", 1, RUN, place="d.root.final-train-child.executor", command=task, log="1\n")
    labels = {"kfp-nas/run": "run-1", "kfp-nas/child": child}
    for second, uri in enumerate((f"s3://b/s/{final}", "s3://b/s"), start=2):
        job = ["nas", "train-child", uri, child, "--run", "run-1"]
        pods.add(f"p{second}", second, labels, command=job, log=f"{second}\n")

    about = f"{child} of {final}"
    of_the_training = [("final-train-child", about, "1\n"), ("job", about, "2\n")]
    assert sections(final) == of_the_training
    assert sections(child) == [*of_the_training, ("job", child, "3\n")]
    assert sections("train_child") == sections("final-train-child") == of_the_training[:1]


def test_a_log_that_is_json_stays_as_it_is(pods: FakePods) -> None:
    pods.add("p1", 1, RUN, place="d.root.a.executor", log='{"score": 0.5}\n')

    assert read()[0].text == '{"score": 0.5}\n'


def test_a_pod_that_has_not_started_has_no_log(pods: FakePods) -> None:
    pods.add("p1", 1, RUN, place="d.root.a.executor", log=None)

    assert read() == [PodLog("a", "", "p1", "Pending", "(no log yet)\n")]


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
