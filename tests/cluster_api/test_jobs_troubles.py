"""The fan-out of Jobs where Kubernetes fails or refuses, and what is said of it."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path

import pytest
from searches import tabular

from nas_lib.cluster import job_news, jobs
from nas_lib.cluster.kubernetes_api import KubernetesApi
from nas_lib.errors import ClusterError
from tests.cluster_api.job_rounds import (
    CHILDREN,
    LAST,
    RUN,
    SECOND,
    Image,
    job_of,
    prepared,
    problems,
    rewards,
    right_rewards,
    said,
    stored,
    tick,
    uids,
    until,
    with_resources,
)
from tests.fakes.small_kubernetes import SmallKubernetes

# --- an API that fails ---------------------------------------------------------------------------


@pytest.mark.parametrize("what", [500, 503, 429, "dropped", "answer lost"])
def test_a_round_survives_an_api_that_fails_for_a_while(
    tmp_path: Path,
    cluster: SmallKubernetes,
    image: Image,
    in_background: Callable[..., Future],
    what: int | str,
) -> None:
    uri = prepared(tmp_path / "state")
    for verb in ("create", "list", "watch"):
        cluster.fail(what, times=2, verb=verb)
    image.hold(LAST)
    ticking = in_background(tick, uri)
    until(lambda: cluster.calls["watch", "jobs"] >= (1 if what == "answer lost" else 3))
    image.let_go()  # of whose news the second line is cut, where answers are lost

    assert ticking.result().num_missing == 0
    assert rewards(uri) == right_rewards(uri)
    assert len(cluster.all("pods")) == 4


@pytest.mark.parametrize("what", [503, "dropped", "answer lost"])
def test_a_job_is_made_anew_though_the_api_fails_for_a_while(
    tmp_path: Path, cluster: SmallKubernetes, image: Image, what: int | str
) -> None:
    uri = prepared(tmp_path / "state")
    image.failures = {SECOND: 4}
    tick(uri)
    for verb in ("get", "delete"):
        cluster.fail(what, times=2, verb=verb)

    assert tick(uri).num_missing == 0


@pytest.mark.parametrize("disturb", ["cut_watches", "forget_versions"])
def test_a_watch_that_ends_before_its_time_is_begun_again(
    tmp_path: Path,
    cluster: SmallKubernetes,
    image: Image,
    in_background: Callable[..., Future],
    disturb: str,
) -> None:
    """A proxy ends the connection; the history that it came from is compacted away (410)."""
    uri = prepared(tmp_path / "state")
    image.hold(LAST)
    ticking = in_background(tick, uri)
    until(lambda: cluster.calls["watch", "jobs"] == 1)
    for times in (2, 3):
        getattr(cluster.state, disturb)()
        until(lambda: cluster.calls["watch", "jobs"] == times)  # noqa: B023
    image.let_go()

    assert ticking.result().num_missing == 0


def test_connections_that_end_at_once_do_not_become_a_flood(
    tmp_path: Path,
    cluster: SmallKubernetes,
    image: Image,
    in_background: Callable[..., Future],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(job_news, "_PAUSE_S", 0.5)
    cluster.fail("dropped", times=1000, verb="watch")
    image.hold(LAST)
    ticking = in_background(tick, prepared(tmp_path / "state"))
    cluster.wait_for_pod(LAST)
    time.sleep(1)
    image.let_go()

    assert ticking.result().num_missing == 0
    assert cluster.calls["list", "jobs"] <= 5  # at 0, 0.5, 1, and a little for a slow machine


# --- what is said of pods -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("obstacle", "told"),
    [
        ("ImagePullBackOff", 'ImagePullBackOff Back-off pulling image "kfp-nas:test"'),
        ("Unschedulable", "Unschedulable 0/1 nodes are available: 1 Insufficient nvidia.com/gpu."),
    ],
)
def test_what_keeps_a_pod_from_running_is_told_once(
    tmp_path: Path,
    cluster: SmallKubernetes,
    in_background: Callable[..., Future],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    obstacle: str,
    told: str,
) -> None:
    monkeypatch.setattr(job_news, "LOOK_S", 0.2)
    cluster.jobs.obstacle = lambda job: obstacle if job["metadata"]["name"].endswith("01") else ""
    ticking = in_background(tick, prepared(tmp_path / "state"))
    until(lambda: cluster.calls["list", "pods"] == 4)  # one of them, whose this pod is
    (pod,) = (pod for pod in cluster.all("pods") if pod["status"]["phase"] == "Pending")
    cluster.delete_job(job_of(cluster, SECOND)["metadata"]["name"])
    ticking.result()

    out = capsys.readouterr().out  # indented, where kfp.local ran in this process before
    waits, failed = [line.strip() for line in out.splitlines() if obstacle in line]
    assert waits == f"{SECOND} waits: its pod {pod['metadata']['name']}: {told}"
    assert failed.endswith(f"was deleted; its pod: {told}")  # what the report says, too


@pytest.mark.parametrize("num_failed", [1, 3])
def test_what_ended_pods_is_told_once_by_the_same_number_of_calls(
    tmp_path: Path,
    cluster: SmallKubernetes,
    image: Image,
    in_background: Callable[..., Future],
    capsys: pytest.CaptureFixture[str],
    num_failed: int,
) -> None:
    failing = CHILDREN[:num_failed]
    image.hold(*failing, LAST)
    ticking = in_background(tick, prepared(tmp_path / "state"))
    until(lambda: cluster.calls["watch", "jobs"] == 1)
    for child in failing:
        cluster.end_pod(cluster.wait_for_pod(child), "OOMKilled")
        until(lambda: image.runs.count((child, RUN)) == 2)  # noqa: B023
    image.let_go()
    ticking.result()

    lines = [line for line in capsys.readouterr().out.splitlines() if "OOMKilled" in line]
    assert [line.split()[0] for line in lines] == failing
    assert all(
        line.endswith(": OOMKilled, exit code 137 (raise resources.memory)") for line in lines
    )
    # whose this pod is, and at the end how the others fared; in between one a minute
    assert cluster.calls["list", "pods"] == 2


@pytest.mark.parametrize(
    ("obstacle", "told"),
    [
        ("Unschedulable", "Unschedulable 0/1 nodes are available: 1 Insufficient nvidia.com/gpu."),
        ("Refused", "it has no pod: kubectl describe job says why"),
    ],
)
def test_a_job_whose_pod_does_not_come_to_run_is_given_up_and_the_report_says_why(
    tmp_path: Path,
    cluster: SmallKubernetes,
    monkeypatch: pytest.MonkeyPatch,
    obstacle: str,
    told: str,
) -> None:
    monkeypatch.setattr(job_news, "LOOK_S", 0.2)
    uri = stored(tmp_path / "state", with_resources(tabular(max_children=4), pending_s=1))
    cluster.jobs.obstacle = lambda job: obstacle if job["metadata"]["name"].endswith("01") else ""

    assert tick(uri).num_missing == 1

    (problem,) = problems(uri)
    assert f"{SECOND} has no result: its Job " in problem
    assert (
        f"was given up: no pod of it ran for 1 s (resources.pending_s); its pod: {told}" in problem
    )
    assert SECOND not in uids(cluster)  # and the next tick may try it anew
    cluster.jobs.obstacle = lambda job: ""
    assert tick(uri).num_missing == 0


@pytest.mark.parametrize("meanwhile", ["others run", "in a queue"])
def test_nobody_waits_in_vain_while_others_run_or_in_a_queue(
    tmp_path: Path,
    cluster: SmallKubernetes,
    image: Image,
    in_background: Callable[..., Future],
    monkeypatch: pytest.MonkeyPatch,
    meanwhile: str,
) -> None:
    monkeypatch.setattr(job_news, "LOOK_S", 0.1)
    uri = stored(tmp_path / "state", with_resources(tabular(max_children=4), pending_s=1))
    obstacle = "Unschedulable" if meanwhile == "others run" else "Suspended"
    cluster.jobs.obstacle = lambda job: obstacle if job["metadata"]["name"].endswith("01") else ""
    image.hold(*([LAST] if meanwhile == "others run" else []))
    ticking = in_background(tick, uri)
    until(lambda: len(uids(cluster)) == 4)
    time.sleep(1.5)

    assert problems(uri) == []
    assert SECOND in uids(cluster)
    cluster.delete_job(job_of(cluster, SECOND)["metadata"]["name"])
    image.let_go()
    assert ticking.result().num_missing == 1


# --- one sentence --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("verb", "what"), [("create", "create a Job"), ("list", "list Jobs"), ("watch", "watch Jobs")]
)
def test_what_the_role_does_not_allow_is_one_sentence_that_names_it(
    tmp_path: Path, cluster: SmallKubernetes, image: Image, verb: str, what: str
) -> None:
    uri = prepared(tmp_path / "state")
    image.hold(LAST)
    cluster.forbid(verb, "jobs")

    sentence = said(uri)

    assert f"nas: cannot {what} in namespace nas: " in sentence
    assert f'cannot {verb} resource "jobs" in API group "batch"' in sentence
    assert sentence.endswith("(the Role nas-jobs of the manifests allows it)")
    assert problems(uri) == [sentence.removeprefix("nas: ")]


def test_a_quota_is_told_as_it_is(
    tmp_path: Path, cluster: SmallKubernetes, monkeypatch: pytest.MonkeyPatch
) -> None:
    cluster.quota = 2

    sentence = said(prepared(tmp_path / "state"))

    assert sentence.endswith("is forbidden: exceeded quota: children, used: 2, limited: 2")


def test_no_cluster_is_one_sentence(
    tmp_path: Path, cluster: SmallKubernetes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "absent"))
    assert "nas: no Kubernetes cluster is known here: " in said(prepared(tmp_path / "state"))


def test_an_address_where_nobody_listens_is_one_sentence(cluster: SmallKubernetes) -> None:
    text = cluster.kubeconfig.read_text().replace(cluster.url, "http://127.0.0.1:1")
    cluster.kubeconfig.write_text(text)
    api = KubernetesApi("nas", give_up_after_s=0.1)

    with pytest.raises(ClusterError, match="Connection refused") as refused:
        api.jobs({})
    assert str(refused.value).startswith("cannot list Jobs in namespace nas: ")


def test_a_pod_without_the_pipelines_environment_is_one_sentence(
    tmp_path: Path, cluster: SmallKubernetes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("NAS_IMAGE")

    sentence = said(prepared(tmp_path / "state"))

    assert sentence == "nas: NAS_IMAGE should be set by the pipeline nas-search-jobs, and is not"


def test_a_job_that_cannot_be_deleted_is_one_sentence(
    tmp_path: Path, cluster: SmallKubernetes, image: Image, monkeypatch: pytest.MonkeyPatch
) -> None:
    uri = prepared(tmp_path / "state")
    image.failures = {SECOND: 4}
    tick(uri)
    cluster.jobs.deletion_s = 30
    monkeypatch.setattr(jobs, "_DELETED_WITHIN_S", 0.2)

    assert "should be deleted, and is still there" in said(uri)
