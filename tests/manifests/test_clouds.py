"""The overlays of the clouds and of a profile: whose identity, which store, which nodes."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from kustomized import (
    CLOUDS,
    IDENTITY,
    KUBEFLOW_SECRET,
    MANIFESTS,
    PROFILE,
    SETTINGS,
    STORE,
    Build,
    containers,
    only,
)

from nas_lib.config import ResourcesConfig

ANNOTATIONS = {
    "aks": "azure.workload.identity/client-id",
    "eks": "eks.amazonaws.com/role-arn",
    "gke": "iam.gke.io/gcp-service-account",
}
POOL_LABELS = {
    "aks": "kubernetes.azure.com/agentpool",
    "eks": "eks.amazonaws.com/nodegroup",
    "gke": "cloud.google.com/gke-nodepool",
}
SPOT_LABELS = {
    "aks": {"kubernetes.azure.com/scalesetpriority": "spot"},
    "eks": {"eks.amazonaws.com/capacityType": "SPOT"},
    "gke": {"cloud.google.com/gke-spot": "true"},
}


def settings_of(cloud: str, pool: str) -> dict[str, Any]:
    return yaml.safe_load((MANIFESTS / "overlays" / cloud / f"{pool}.yaml").read_text())


@pytest.mark.parametrize("cloud", CLOUDS)
def test_runs_have_the_identity_that_the_user_gave(build: Build, cloud: str) -> None:
    account = only(build(cloud), "ServiceAccount", "nas")["metadata"]

    assert account["namespace"] == "kubeflow"
    assert account["annotations"] == {ANNOTATIONS[cloud]: IDENTITY[cloud]}


@pytest.mark.parametrize("cloud", CLOUDS)
def test_the_store_is_the_cloud_s_own_and_needs_no_secret(build: Build, cloud: str) -> None:
    resources = build(cloud)
    (init,) = containers(only(resources, "Job", "nas-store-init"))

    settings = only(resources, "ConfigMap", SETTINGS)["data"]

    assert settings == dict(line.split("=") for line in STORE[cloud].splitlines())
    assert "endpoint" not in settings
    keys = [each["valueFrom"] for each in init["env"] if "KEY" in each["name"]]
    assert [each["secretKeyRef"]["optional"] for each in keys] == [True, True]


def test_azure_gives_a_token_to_the_job(build: Build) -> None:
    job = only(build("aks"), "Job", "nas-store-init")

    labels = job["spec"]["template"]["metadata"]["labels"]

    assert labels["azure.workload.identity/use"] == "true"


@pytest.mark.parametrize("cloud", CLOUDS)
@pytest.mark.parametrize("pool", ["gpu", "gpuspot"])
def test_ready_settings_ask_for_a_gpu_in_a_pool(cloud: str, pool: str) -> None:
    resources = ResourcesConfig.model_validate(settings_of(cloud, pool)["resources"])

    assert resources.gpu_count == 1
    assert resources.node_selector == {POOL_LABELS[cloud]: pool} | (
        SPOT_LABELS[cloud] if pool == "gpuspot" else {}
    )
    tolerated = {each["key"] for each in resources.tolerations}
    assert tolerated >= {"aks": {"sku"}}.get(cloud, {"nvidia.com/gpu"})
    assert {each["operator"] for each in resources.tolerations} == {"Exists"}


@pytest.mark.parametrize("cloud", ["aks", "gke"])
def test_children_put_up_with_the_taint_of_spot_nodes(cloud: str) -> None:
    (taint,) = SPOT_LABELS[cloud]

    spot, gpu = (
        {each["key"] for each in settings_of(cloud, pool)["resources"]["tolerations"]}
        for pool in ("gpuspot", "gpu")
    )

    assert spot - gpu == {taint}


def test_a_profile_s_state_lies_where_its_key_opens(build: Build) -> None:
    """What Kubeflow's own store lets a profile's key touch is private/<profile>/."""
    resources = build("kubeflow")
    (init,) = containers(only(resources, "Job", "nas-store-init"))
    names = [each["name"] for each in init["env"]]
    env = dict(zip(names, init["env"], strict=True))

    assert env["SEARCH_URI"]["value"] == "s3://mlpipeline/private/$(NAMESPACE)/nas/digits"
    assert env["NAMESPACE"]["valueFrom"] == {"fieldRef": {"fieldPath": "metadata.namespace"}}
    assert names.index("NAMESPACE") < names.index("SEARCH_URI")  # else it is no value yet
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        assert env[name]["valueFrom"]["secretKeyRef"]["name"] == KUBEFLOW_SECRET


def test_everything_of_a_profile_is_in_its_namespace(build: Build) -> None:
    resources = build("kubeflow")

    assert {each["metadata"]["namespace"] for each in resources} == {PROFILE}
    assert only(resources, "ConfigMap", SETTINGS)["data"] == {
        "endpoint": "http://seaweedfs.kubeflow:9000",
        "region": "us-east-1",
    }


def test_no_sidecar_outlives_the_job_of_a_profile(build: Build) -> None:
    job = only(build("kubeflow"), "Job", "nas-store-init")

    annotations = job["spec"]["template"]["metadata"]["annotations"]
    assert annotations["sidecar.istio.io/inject"] == "false"
