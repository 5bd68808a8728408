"""Jobs end with the run that waits for them, however that ends."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import pytest

from nas_lib.cluster.kubernetes_api import KubernetesApi
from nas_lib.store import SearchStore, heartbeat, layout
from tests.cluster_api.job_rounds import (
    CHILDREN,
    LAST,
    RUN,
    SECOND,
    Image,
    job_of,
    prepared,
    problems,
    said,
    tick,
    until,
)
from tests.fakes.small_kubernetes import NAMESPACE, SmallKubernetes

WORKFLOW = {"apiVersion": "argoproj.io/v1alpha1", "kind": "Workflow", "name": "run", "uid": "12"}
KEY = layout.heartbeat(0, 0)


def be_a_pod(cluster: SmallKubernetes, *owners: dict[str, Any]) -> None:
    """Let this process be a pod there, which these own."""
    metadata = {"name": socket.gethostname(), "labels": {}, "ownerReferences": list(owners)}
    cluster.state.create("pods", NAMESPACE, {"metadata": metadata, "status": {"phase": "Running"}})


def test_a_round_is_waited_for_by_heartbeats_until_it_is_over(
    tmp_path: Path,
    cluster: SmallKubernetes,
    image: Image,
    in_background: Callable[..., Future],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(heartbeat, "BEAT_S", 0.05)
    image.hold(LAST)
    uri = prepared(tmp_path / "state")
    store = SearchStore.open(uri)
    ticking = in_background(tick, uri)
    until(lambda: store.objects.has(KEY))
    first = store.read(heartbeat.Heartbeat, KEY)
    until(lambda: store.read(heartbeat.Heartbeat, KEY).number > first.number)
    image.let_go()

    assert ticking.result().num_missing == 0
    assert not store.objects.has(KEY)


def test_a_kubernetes_that_is_away_for_minutes_does_not_end_the_jobs(
    tmp_path: Path,
    cluster: SmallKubernetes,
    image: Image,
    in_background: Callable[..., Future],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Whoever waits for them waits for an answer as well, and is alive."""
    monkeypatch.setattr(heartbeat, "BEAT_S", 0.05)
    image.hold(LAST)
    uri = prepared(tmp_path / "state")
    store = SearchStore.open(uri)
    cluster.fail(503, times=7, verb="list")  # 0.01 s, 0.02, 0.04, ..., 0.64: 1.3 s
    ticking = in_background(tick, uri)
    until(lambda: cluster.calls["list", "pods"] > 4)
    before = store.read(heartbeat.Heartbeat, KEY)
    until(lambda: store.read(heartbeat.Heartbeat, KEY) != before)
    assert cluster.calls["create", "jobs"] == 0
    image.let_go()

    assert ticking.result().num_missing == 0


def test_a_job_that_nobody_waited_for_is_over_at_once_and_made_anew(
    tmp_path: Path, cluster: SmallKubernetes, image: Image
) -> None:
    uri = prepared(tmp_path / "state")
    image.exit_codes = {SECOND: 75}

    assert tick(uri).num_missing == 1
    (problem,) = problems(uri)
    assert "ended: PodFailurePolicy Container child failed with exit code 75" in problem
    assert [child for child, _ in image.runs].count(SECOND) == 1  # of the 4 that may fail
    assert tick(uri, "run-2").num_missing == 0


def test_a_job_of_an_earlier_run_that_nobody_waited_for_is_made_anew_by_who_waits_now(
    tmp_path: Path, cluster: SmallKubernetes, image: Image, in_background: Callable[..., Future]
) -> None:
    """Its pod was on its way to the end of its epoch when the next run came."""
    uri = prepared(tmp_path / "state")
    image.hold(LAST)
    image.exit_codes = {LAST: 75}
    cluster.forbid("list", "jobs")  # the first run makes its Jobs, and dies
    said(uri)
    num_problems = len(problems(uri))
    cluster.allow_all()

    ticking = in_background(tick, uri, "run-2")
    until(lambda: cluster.calls["watch", "jobs"] == 1)
    first = image.held[LAST]
    image.hold(LAST)
    first.set()
    until(lambda: (LAST, "run-2") in image.runs)
    time.sleep(0.3)  # so that all that became of the first Job is heard
    image.let_go()

    assert ticking.result().num_missing == 0
    assert [run for child, run in image.runs if child == LAST] == [RUN, "run-2"]
    assert len(problems(uri)) == num_problems


def test_jobs_are_deleted_with_the_workflow_that_made_them(
    tmp_path: Path, cluster: SmallKubernetes
) -> None:
    be_a_pod(cluster, {**WORKFLOW, "controller": True, "blockOwnerDeletion": True})

    tick(prepared(tmp_path / "state"))

    for child in CHILDREN:
        (owner,) = job_of(cluster, child)["metadata"]["ownerReferences"]
        assert owner == {**WORKFLOW, "controller": False, "blockOwnerDeletion": False}


@pytest.mark.parametrize("owners", [(), ({**WORKFLOW, "kind": "Job"},)])
def test_a_pod_of_no_workflow_makes_jobs_of_its_own(
    cluster: SmallKubernetes, owners: tuple[dict[str, Any], ...]
) -> None:
    be_a_pod(cluster, *owners)

    assert KubernetesApi(NAMESPACE).workflow_of(socket.gethostname()) is None
    assert KubernetesApi(NAMESPACE).workflow_of("a-machine-outside") is None


def test_a_round_that_fails_leaves_its_heartbeat_to_be_missed(
    tmp_path: Path, cluster: SmallKubernetes
) -> None:
    uri = prepared(tmp_path / "state")
    cluster.forbid("list", "jobs")

    said(uri)

    assert SearchStore.open(uri).objects.has(KEY)
