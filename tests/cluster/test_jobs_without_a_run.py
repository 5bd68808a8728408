"""Jobs end when the pod that waits for them is gone, and with their run when that is deleted."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from job_pod import IMPATIENT
from place import Place, eventually, kubectl

from nas_lib import steps
from nas_lib.config_file import resolve_config
from nas_lib.open_search import OpenSearch
from nas_lib.steps.attempts import Attempt
from nas_lib.store import SearchStore, layout

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(300)]

OVERRIDES: dict[str, Any] = {
    "name": "terminated",
    "task.max_train": 200,
    "space.depth": {"start": 2, "max": 2},
    # only where they are asked to, children make a checkpoint
    "children": {"epochs": 5000, "keep": 1, "checkpoint_every_s": 3600.0},
    "search": {"max_children": 2, "children_per_round": 2},
    "resources": {"cpu": "500m", "memory": "700Mi", "memory_mb": 500},
}
CHILDREN = ["r000-000000-00", "r000-000000-01"]
WAIT = """
from nas_lib.cluster import child_job, jobs
from nas_lib.open_search import OpenSearch
from nas_lib.store import heartbeat

def impatient(*arguments, **options):
    job = child_job.child_job(*arguments, **options)
    (container,) = job["spec"]["template"]["spec"]["containers"]
    container["command"][:1] = ["python3", "-c", {program!r}]
    return job

heartbeat.BEAT_S = 0.3
jobs.child_job = impatient
jobs.train_as_jobs(
    OpenSearch({uri!r}), children={children!r}, run={run!r},
    store_secret="nas-store", store_settings="nas-store",
)
"""


@pytest.fixture(scope="module")
def kind(place: Place) -> Iterator[dict[str, str]]:
    """A kind Workflow of this test's own, as Kubeflow has one of Argo's."""
    group = f"{place.namespace}.example.org"
    schema = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    version = {"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}}
    names = {"kind": "Workflow", "plural": "workflows", "singular": "workflow"}
    definition = {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"workflows.{group}"},
        "spec": {"group": group, "scope": "Namespaced", "names": names, "versions": [version]},
    }
    place.apply(definition)
    kubectl("wait", "--for=condition=established", f"crd/workflows.{group}", "--timeout=30s")
    yield {"apiVersion": f"{group}/v1", "kind": "Workflow"}
    kubectl("delete", f"crd/workflows.{group}", "--wait=false")


def begin_run(place: Place, kind: dict[str, str], image: str, uri: str, run: str) -> None:
    """Make a Workflow, and the pod of it that waits for Jobs."""
    place.apply({**kind, "metadata": {"name": run}})
    (workflow,) = place.get(f"workflows.{kind['apiVersion'].partition('/')[0]}", run)
    script = WAIT.format(uri=uri, children=CHILDREN, run=run, program=IMPATIENT)
    spec = place.script_job(run, image, script)["spec"]["template"]["spec"]
    owner = {**kind, "name": run, "uid": workflow["metadata"]["uid"]}
    place.apply(
        {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {
                "name": run,
                "ownerReferences": [owner | {"controller": True, "blockOwnerDeletion": True}],
            },
            "spec": spec | {"terminationGracePeriodSeconds": 1},
        }
    )


def jobs(place: Place) -> list[dict[str, Any]]:
    return [
        job
        for job in place.get("jobs", "--selector", "app.kubernetes.io/component=child")
        if job["metadata"]["name"].startswith("terminated-")
    ]


def why_failed(job: dict[str, Any]) -> str:
    conditions = job["status"].get("conditions", ())
    return next((x["message"] for x in conditions if x["reason"] == "PodFailurePolicy"), "")


def attempts(store: SearchStore, child: str) -> list[Attempt]:
    row = layout.attempts(child)
    return [store.read(Attempt, row.key(number)) for number in store.numbers(row)]


def test_they_end_with_a_checkpoint_the_next_run_goes_on_and_takes_them_along_when_deleted(
    place: Place, store: str, image: str, kind: dict[str, str]
) -> None:
    uri = f"{store}/terminated"
    config = resolve_config("digits", OVERRIDES, stored=None)
    steps.prepare_data(OpenSearch(uri), config=config)
    steps.sample_architectures(OpenSearch(uri), replica=0, run="run-1")
    state = SearchStore.open(uri)

    begin_run(place, kind, image, uri, "run-1")
    eventually(lambda: all(attempts(state, child) for child in CHILDREN))
    assert not any(why_failed(job) for job in jobs(place))
    place.kubectl("delete", "pod", "run-1", "--force", "--grace-period=0")  # and it does no more

    failed = eventually(lambda: all(map(why_failed, found := jobs(place))) and found)
    assert len(failed) == 2
    for job in failed:
        assert "with exit code 75 matching FailJob rule at index 0" in why_failed(job)
    for child in CHILDREN:
        assert state.objects.has(layout.attempt(child, 1, end="stopped"))
        assert not state.objects.has(layout.attempt(child, 1, end="failed"))

    begin_run(place, kind, image, uri, "run-2")
    eventually(lambda: all(len(attempts(state, child)) == 2 for child in CHILDREN))
    assert all(attempts(state, child)[1].from_epoch > 0 for child in CHILDREN)
    made = jobs(place)
    assert {job["metadata"]["ownerReferences"][0]["name"] for job in made} == {"run-2"}
    group = kind["apiVersion"].partition("/")[0]
    place.kubectl("delete", f"workflows.{group}", "run-2")
    eventually(lambda: jobs(place) == [])
    assert json.loads(kubectl("get", "crd", f"workflows.{group}", "-o", "json"))  # all the while
