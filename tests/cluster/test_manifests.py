"""The manifests in a real cluster: they apply, and grant what the code does and nothing more."""

from __future__ import annotations

import json

import pytest
from place import RUNS_AS, Place, has_token

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(600)]

USED = {
    "jobs.batch [] [] [create get list watch delete]",
    "pods [] [] [list]",
    "workflows.argoproj.io [] [] [list]",
}
"""As `kubectl auth can-i --list` has them: resource, URLs, names, verbs."""


def rights(place: Place, account: str) -> set[str]:
    """Return all that a service account may do."""
    name = f"system:serviceaccount:{place.namespace}:{account}"
    _, *lines = place.kubectl("auth", "can-i", "--list", "--as", name).splitlines()
    return {" ".join(line.split()) for line in lines}


def may(place: Place, verb: str, resource: str, *more: str) -> bool:
    account = f"system:serviceaccount:{place.namespace}:{RUNS_AS}"
    answer = place.kubectl("auth", "can-i", verb, resource, "--as", account, *more, check=False)
    return answer.splitlines()[-1].strip() == "yes"


def test_the_store_is_made_ready(place: Place) -> None:
    assert "create-only writes are atomic" in place.wait_for_job("nas-store-init", timeout_s=180)


def test_runs_may_do_what_the_code_does_and_nothing_more(place: Place) -> None:
    """Beside what everybody may: to ask what they may."""
    assert rights(place, RUNS_AS) - rights(place, "default") == USED


def test_runs_may_do_nothing_elsewhere(place: Place) -> None:
    assert not may(place, "create", "jobs.batch", "--namespace", "default")
    assert not may(place, "list", "pods", "--all-namespaces")
    assert not may(place, "list", "nodes")


def test_what_is_not_granted_is_refused(place: Place, image: str) -> None:
    """By a call from inside, with the token that a run has."""
    script = """
from kubernetes import client, config
config.load_incluster_config()
batch, core = client.BatchV1Api(), client.CoreV1Api()
namespace = open("/var/run/secrets/kubernetes.io/serviceaccount/namespace").read()
print(len(batch.list_namespaced_job(namespace).items), "jobs")
try:
    core.list_namespaced_secret(namespace)
except client.ApiException as err:
    print(err.status, err.body.strip())
"""
    place.apply(place.script_job("asks-for-secrets", image, script))

    first, second = place.wait_for_job("asks-for-secrets", timeout_s=120).splitlines()

    assert first.endswith(" jobs")
    status, _, body = second.partition(" ")
    assert status == "403"
    assert 'cannot list resource "secrets"' in json.loads(body)["message"]


def test_without_the_role_a_run_says_what_it_lacks(place: Place, image: str) -> None:
    script = f"""
from nas_lib.cluster.kubernetes_api import KubernetesApi
from nas_lib.errors import ClusterError
try:
    KubernetesApi("{place.namespace}").jobs({{}})
except ClusterError as err:
    print(err)
"""
    place.apply(place.script_job("has-no-role", image, script, account="default"))

    said = place.wait_for_job("has-no-role", timeout_s=120)

    assert f"cannot list Jobs in namespace {place.namespace}: jobs.batch is forbidden" in said
    assert "the Role nas-jobs of the manifests allows it" in said


def test_neither_the_store_nor_what_makes_it_ready_has_a_token(place: Place) -> None:
    pods = place.get("pods", "--selector", "app.kubernetes.io/part-of=kfp-nas")

    assert pods
    assert not [pod for pod in pods if has_token(pod)]
