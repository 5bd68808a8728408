"""The fan-out of Jobs against a small Kubernetes: what becomes of rounds, whatever happens."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path

import pytest
import searches
from searches import tabular

from nas_lib import steps
from nas_lib.cluster import jobs
from nas_lib.cluster.child_job import replica_labels, run_labels
from nas_lib.cluster.jobs import delete_jobs
from nas_lib.config_file import resolve_config
from nas_lib.engine import search
from nas_lib.open_search import OpenSearch
from nas_lib.records import ChildResult, Learned
from nas_lib.steps import view_search
from nas_lib.store import SearchStore, layout
from tests.cluster_api.job_rounds import (
    CHILDREN,
    FIRST,
    LAST,
    RUN,
    SECOND,
    THIRD,
    Image,
    job_of,
    prepared,
    problems,
    rewards,
    right_rewards,
    said,
    stored,
    tick,
    train,
    uids,
    until,
    with_resources,
)
from tests.fakes.job_controller import start_process
from tests.fakes.small_kubernetes import NAMESPACE, SmallKubernetes

# --- when all goes well --------------------------------------------------------------------------


def test_children_and_rewards_are_those_of_the_local_engine(
    tmp_path: Path, cluster: SmallKubernetes
) -> None:
    config = tabular(max_children=12)
    local = search(config, store="memory://jobs")
    uri = stored(tmp_path / "state", config)

    for _ in range(3):
        tick(uri)

    facts = [(row.id, row.architecture, row.reward) for row in view_search(OpenSearch(uri)).rows]
    assert facts == [(row.id, row.architecture, row.reward) for row in local.children]
    assert [each.metrics for each in view_search(OpenSearch(uri)).learned] == [
        each.metrics for each in local.view.learned
    ]


def test_digits_are_learned_as_by_the_local_engine(
    tmp_path: Path, cluster: SmallKubernetes
) -> None:
    """In processes of their own, with the program that pods run."""
    cluster.jobs.start = start_process
    one_round = {"max_children": 2, "children_per_round": 2}
    overrides = {**searches.SMALL_DIGITS, "search": one_round}
    config = resolve_config("digits", overrides, stored=None)
    local = search(config, store="memory://digits-jobs")
    uri = stored(tmp_path / "state", config)

    tick(uri)

    facts = [(row.id, row.architecture, row.reward) for row in view_search(OpenSearch(uri)).rows]
    assert facts == [(row.id, row.architecture, row.reward) for row in local.children]
    assert len(facts) == 2


def test_the_task_returns_the_rewards_in_the_order_of_the_children(
    tmp_path: Path, cluster: SmallKubernetes
) -> None:
    uri = prepared(tmp_path / "state")

    given = train(uri, steps.sample_architectures(OpenSearch(uri), replica=0, run=RUN))

    store = SearchStore.open(uri)
    assert given == [store.read(ChildResult, layout.child_result(each)).reward for each in CHILDREN]


def test_a_round_is_a_call_for_each_job_one_list_and_one_watch(
    tmp_path: Path, cluster: SmallKubernetes, image: Image, in_background: Callable[..., Future]
) -> None:
    image.hold(LAST)
    ticking = in_background(tick, prepared(tmp_path / "state"))
    until(lambda: cluster.calls["watch", "jobs"] == 1)
    image.let_go()
    ticking.result()

    assert cluster.calls == {
        ("list", "pods"): 1,  # whose this one is
        ("create", "jobs"): 4,
        ("list", "jobs"): 1,
        ("watch", "jobs"): 1,
    }


def test_a_round_whose_children_are_all_done_makes_no_job(
    tmp_path: Path, cluster: SmallKubernetes
) -> None:
    uri = prepared(tmp_path / "state")
    tick(uri)
    created = cluster.calls["create", "jobs"]

    tick(uri)

    assert cluster.calls["create", "jobs"] == created == 4


def test_two_searches_of_the_same_name_do_not_meet(
    tmp_path: Path, cluster: SmallKubernetes, image: Image, in_background: Callable[..., Future]
) -> None:
    image.hold(FIRST)
    uris = [prepared(tmp_path / name) for name in ("one", "other")]
    ticking = [in_background(tick, uri) for uri in uris]
    until(lambda: len(cluster.all("jobs")) == 8)
    image.let_go()

    assert [each.result().num_missing for each in ticking] == [0, 0]
    assert all(rewards(uri) == right_rewards(uri) for uri in uris)


# --- Jobs that are there already -----------------------------------------------------------------


def test_making_a_job_twice_is_one_job(tmp_path: Path, cluster: SmallKubernetes) -> None:
    """The answer to the first call is lost, so it is made again."""
    uri = prepared(tmp_path / "state")
    cluster.fail("answer lost", verb="create")

    tick(uri)

    assert cluster.calls["create", "jobs"] == 5
    assert len(cluster.all("pods")) == 4
    assert rewards(uri) == right_rewards(uri)


def test_a_job_of_an_earlier_tick_that_still_runs_is_taken_over(
    tmp_path: Path, cluster: SmallKubernetes, image: Image, in_background: Callable[..., Future]
) -> None:
    uri = prepared(tmp_path / "state")
    image.hold(*CHILDREN)
    cluster.forbid("list", "jobs")  # the first tick makes its Jobs, and dies
    assert "cannot list Jobs" in said(uri)
    before = uids(cluster)
    cluster.allow_all()

    ticking = in_background(tick, uri, "run-2")
    until(lambda: cluster.calls["watch", "jobs"] == 1)
    image.let_go()

    assert ticking.result().num_missing == 0
    assert uids(cluster) == before
    assert {run for _, run in image.runs} == {RUN}


@pytest.mark.parametrize("deletion_s", [0.0, 0.3])
def test_a_job_that_failed_is_made_anew_by_the_next_tick(
    tmp_path: Path, cluster: SmallKubernetes, image: Image, deletion_s: float
) -> None:
    uri = prepared(tmp_path / "state")
    cluster.jobs.deletion_s = deletion_s
    image.failures = {SECOND: 4}  # a pod, and three more

    assert tick(uri).num_missing == 1
    (problem,) = problems(uri)
    before = uids(cluster)
    assert tick(uri, "run-2").num_missing == 0

    assert (
        f"{SECOND} has no result: its Job {job_of(cluster, SECOND)['metadata']['name']}" in problem
    )
    assert "ended: BackoffLimitExceeded Job has reached the specified backoff limit" in problem
    assert rewards(uri) == right_rewards(uri)
    assert image.runs.count((SECOND, RUN)) == 4
    assert {child for child, uid in uids(cluster).items() if uid != before[child]} == {SECOND}


def test_a_job_made_from_other_settings_is_made_anew(
    tmp_path: Path, cluster: SmallKubernetes, image: Image
) -> None:
    """It may wait for ever for a node or an image that is not to be had."""
    uri = prepared(tmp_path / "state")
    cluster.jobs.obstacle = lambda job: "Unschedulable"
    cluster.forbid("list", "jobs")
    said(uri)
    cluster.allow_all()
    cluster.jobs.obstacle = lambda job: ""
    more = with_resources(SearchStore.open(uri).config(), memory="4Gi")
    steps.prepare_data(OpenSearch(uri), config=more)

    assert tick(uri, "run-2").num_missing == 0
    assert {run for _, run in image.runs} == {"run-2"}


# --- pods and Jobs that are lost -----------------------------------------------------------------


@pytest.mark.parametrize("how", ["deleted", "disrupted", "OOMKilled"])
def test_a_pod_that_is_lost_is_followed_by_another(
    tmp_path: Path,
    cluster: SmallKubernetes,
    image: Image,
    in_background: Callable[..., Future],
    how: str,
) -> None:
    uri = prepared(tmp_path / "state")
    image.hold(SECOND)
    ticking = in_background(tick, uri)
    cluster.end_pod(cluster.wait_for_pod(SECOND), how)
    until(lambda: image.runs.count((SECOND, RUN)) == 2)
    image.let_go()

    assert ticking.result().num_missing == 0
    assert rewards(uri) == right_rewards(uri)
    failed = 0 if how == "disrupted" else 1  # what a node or the scheduler does is not counted
    assert job_of(cluster, SECOND)["status"].get("failed", 0) == failed


def test_a_process_killed_for_its_memory_is_followed_by_another(
    tmp_path: Path,
    cluster: SmallKubernetes,
    monkeypatch: pytest.MonkeyPatch,
    in_background: Callable[..., Future],
) -> None:
    """With the program that pods run, in processes of their own."""
    monkeypatch.chdir(tmp_path)  # where the first child finds out that it is the first
    cluster.jobs.start = start_process
    config = tabular("searches:slow_once", max_children=2, children_per_round=2)
    uri = stored(tmp_path / "state", config)
    ticking = in_background(tick, uri)
    cluster.wait_for_pod(FIRST, phase="Running")
    until((tmp_path / "slow").exists)
    slow = {pod["metadata"]["labels"]["kfp-nas/child"] for pod in cluster.all("pods")}
    until(lambda: any(pod["status"]["phase"] == "Succeeded" for pod in cluster.all("pods")))
    (pod,) = (pod for pod in cluster.all("pods") if pod["status"]["phase"] == "Running")
    cluster.end_pod(pod, "OOMKilled")

    assert ticking.result().num_missing == 0
    assert slow == {FIRST, SECOND}
    assert len(cluster.all("pods")) == 3
    assert rewards(uri) == right_rewards(uri)


def test_a_job_that_a_person_deletes_leaves_the_round_open_for_the_next_tick(
    tmp_path: Path, cluster: SmallKubernetes, image: Image, in_background: Callable[..., Future]
) -> None:
    uri = prepared(tmp_path / "state")
    image.hold(SECOND)
    ticking = in_background(tick, uri)
    until(lambda: cluster.calls["watch", "jobs"] == 1)
    name = job_of(cluster, SECOND)["metadata"]["name"]
    cluster.delete_job(name)

    assert ticking.result().num_missing == 1
    assert problems(uri) == [f"{SECOND} has no result: its Job {name} was deleted"]
    image.held.clear()
    assert tick(uri).num_missing == 0
    assert rewards(uri) == right_rewards(uri)


def test_the_jobs_of_a_run_that_go_on_can_be_deleted_together(
    tmp_path: Path,
    cluster: SmallKubernetes,
    image: Image,
    in_background: Callable[..., Future],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(jobs, "_QUIET_S", 0.1)
    uri = prepared(tmp_path / "state")
    image.hold(SECOND, THIRD)
    ticking = in_background(tick, uri)
    until(lambda: cluster.calls["watch", "jobs"] == 1)
    for child in (FIRST, LAST):
        until(lambda: "conditions" in job_of(cluster, child)["status"])  # noqa: B023

    assert delete_jobs(replica_labels(uri, 1), namespace=NAMESPACE) == 0
    assert delete_jobs(replica_labels(f"{uri}-2", 0), namespace=NAMESPACE) == 0
    assert delete_jobs(run_labels("another"), namespace=NAMESPACE) == 0
    assert delete_jobs(run_labels(RUN), namespace=NAMESPACE) == 2
    assert ticking.result().num_missing == 2
    assert set(uids(cluster)) == {FIRST, LAST}


def test_a_job_made_while_the_others_are_deleted_goes_too(
    tmp_path: Path, cluster: SmallKubernetes, image: Image, in_background: Callable[..., Future]
) -> None:
    """Kubeflow ends the pod that makes them some time after it was asked to."""
    uri = prepared(tmp_path / "state")
    image.hold(*CHILDREN)
    children = steps.sample_architectures(OpenSearch(uri), replica=0, run=RUN)
    first = in_background(train, uri, children[:1])
    until(lambda: len(cluster.all("jobs")) == 1)
    deleting = in_background(delete_jobs, replica_labels(uri, 0), namespace=NAMESPACE)
    first.result()
    late = in_background(train, uri, children[1:])

    assert deleting.result() == 4
    late.result()
    assert cluster.all("jobs") == []


def test_a_job_deleted_while_nobody_watched_is_noticed(
    tmp_path: Path, cluster: SmallKubernetes, image: Image, in_background: Callable[..., Future]
) -> None:
    uri = prepared(tmp_path / "state")
    image.hold(SECOND)
    cluster.fail(503, times=20, verb="watch")
    ticking = in_background(tick, uri)
    cluster.wait_for_pod(SECOND)
    until(lambda: cluster.calls["list", "jobs"] >= 2)
    cluster.delete_job(job_of(cluster, SECOND)["metadata"]["name"])

    assert ticking.result().num_missing == 1


def test_a_job_deleted_before_anybody_watched_is_noticed(
    tmp_path: Path, cluster: SmallKubernetes, image: Image, in_background: Callable[..., Future]
) -> None:
    uri = prepared(tmp_path / "state")
    image.hold(SECOND)
    cluster.fail("slow", verb="list")
    ticking = in_background(tick, uri)
    until(lambda: len(cluster.all("jobs")) == 4)
    cluster.delete_job(job_of(cluster, SECOND)["metadata"]["name"])

    assert ticking.result().num_missing == 1


def test_a_job_that_goes_as_soon_as_it_is_done_is_done(
    tmp_path: Path, cluster: SmallKubernetes
) -> None:
    uri = stored(tmp_path / "state", with_resources(tabular(max_children=4), ttl_s=0))

    assert tick(uri).num_missing == 0
    assert problems(uri) == []


def test_a_job_past_its_deadline_leaves_the_round_open(
    tmp_path: Path, cluster: SmallKubernetes, image: Image
) -> None:
    uri = stored(tmp_path / "state", with_resources(tabular(max_children=4), deadline_s=1))
    image.hold(SECOND)

    assert tick(uri).num_missing == 1
    (problem,) = problems(uri)
    assert "ended: DeadlineExceeded Job was active longer than specified deadline" in problem
    image.held.clear()
    assert tick(uri).num_missing == 0


# --- a quorum ------------------------------------------------------------------------------------


def test_a_child_that_hangs_does_not_hold_a_round_that_has_enough(
    tmp_path: Path, cluster: SmallKubernetes, image: Image
) -> None:
    uri = prepared(tmp_path / "state", wait_for=3, grace_s=0.3)
    image.hold(SECOND)

    summary = tick(uri)

    assert summary.num_missing == 0
    statuses = {row.id: row.status for row in summary.rewarded.rows}
    assert statuses == {FIRST: "ok", SECOND: "missing", THIRD: "ok", LAST: "ok"}
    assert SECOND not in uids(cluster)  # its Job was deleted, those that are done were not
    assert set(uids(cluster)) == {FIRST, THIRD, LAST}
    counted = [row.reward for row in summary.rewarded.rows if row.id != SECOND]
    (learned,) = view_search(OpenSearch(uri)).learned
    assert learned.metrics["mean_reward"] == sum(counted) / 3


def test_who_comes_late_comes_too_late(
    tmp_path: Path, cluster: SmallKubernetes, image: Image
) -> None:
    uri = prepared(tmp_path / "state", wait_for=3, grace_s=0)
    image.hold(SECOND)
    tick(uri)
    store = SearchStore.open(uri)
    learned = store.read(Learned, layout.round_state(0, 0, "learned"))

    image.let_go()  # what runs in its pod goes on for a while after SIGTERM
    steps.train_child(OpenSearch(uri), child=SECOND, run=RUN)
    tick(uri)

    assert store.read(ChildResult, layout.child_result(SECOND)).status == "missing"
    assert store.read(Learned, layout.round_state(0, 0, "learned")) == learned


def test_a_child_within_the_grace_counts(
    tmp_path: Path, cluster: SmallKubernetes, image: Image, in_background: Callable[..., Future]
) -> None:
    uri = prepared(tmp_path / "state", wait_for=3, grace_s=20)
    image.hold(SECOND)
    ticking = in_background(tick, uri)
    store = SearchStore.open(uri)
    until(lambda: all(store.find(ChildResult, layout.child_result(each)) for each in CHILDREN[2:]))
    image.let_go()

    assert {row.status for row in ticking.result().rewarded.rows} == {"ok"}


def test_the_job_of_a_round_that_has_enough_is_deleted_whoever_made_it(
    tmp_path: Path, cluster: SmallKubernetes, image: Image
) -> None:
    """The tick that made it died; the next one has no patience left to begin with."""
    uri = prepared(tmp_path / "state", wait_for=3, grace_s=0)
    image.hold(SECOND)
    cluster.forbid("list", "jobs")
    said(uri)
    cluster.allow_all()
    store = SearchStore.open(uri)
    done = [FIRST, THIRD, LAST]
    until(lambda: all(store.find(ChildResult, layout.child_result(each)) for each in done))

    assert tick(uri, "run-2").num_missing == 0
    assert SECOND not in uids(cluster)
