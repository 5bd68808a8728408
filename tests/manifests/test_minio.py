"""MinIO, in the overlays that bring one: who reaches it, its credentials, which it is."""

from __future__ import annotations

import re

import pytest
import yaml
from kustomized import (
    KUBEFLOW_SECRET,
    MANIFESTS,
    SEARCH_URI,
    SECRET,
    SETTINGS,
    WITH_MINIO,
    Build,
    Resource,
    containers,
    only,
)

README = (MANIFESTS / "README.md").read_text()
MINIO = MANIFESTS / "minio"


@pytest.fixture(params=WITH_MINIO)
def overlay(request: pytest.FixtureRequest) -> str:
    return request.param


def test_no_other_overlay_has_one(build: Build) -> None:
    for overlay in ("kubeflow", "gke", "eks", "aks"):
        kinds = {each["kind"] for each in build(overlay)}
        assert not kinds & {"StatefulSet", "Secret", "Namespace"}


def test_its_namespace_lets_no_pod_be_less_than_restricted(resources: list[Resource]) -> None:
    enforced = only(resources, "Namespace", "nas")["metadata"]["labels"]

    assert enforced["pod-security.kubernetes.io/enforce"] == "restricted"


def test_only_its_namespace_and_kubeflow_s_own_reach_its_port(resources: list[Resource]) -> None:
    policies = {
        each["metadata"]["name"]: each["spec"]
        for each in resources
        if each["kind"] == "NetworkPolicy" and each["metadata"]["namespace"] == "nas"
    }
    minio = only(resources, "StatefulSet", "minio")["spec"]["template"]
    (port,) = containers({"spec": {"template": minio}})[0]["ports"]

    assert set(policies) == {"deny-ingress", "minio"}
    assert policies["deny-ingress"] == {"podSelector": {}, "policyTypes": ["Ingress"]}
    allowed = policies["minio"]
    assert allowed["podSelector"]["matchLabels"].items() <= minio["metadata"]["labels"].items()
    assert allowed["policyTypes"] == ["Ingress", "Egress"]
    assert allowed["egress"] == []
    (rule,) = allowed["ingress"]
    assert rule["ports"] == [{"port": port["name"]}]
    assert rule["from"] == [
        {"podSelector": {}},
        {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "kubeflow"}}},
        {
            "namespaceSelector": {
                "matchLabels": {"app.kubernetes.io/part-of": "kubeflow-profile"},
            }
        },
    ]


def test_its_credentials_come_from_the_secret_alone(resources: list[Resource]) -> None:
    secret = only(resources, "Secret", KUBEFLOW_SECRET)
    (container,) = containers(only(resources, "StatefulSet", "minio"))

    references = {
        each["name"]: each["valueFrom"]["secretKeyRef"]
        for each in container["env"]
        if re.search("PASSWORD|USER|KEY", each["name"])
    }

    assert {each["name"] for each in references.values()} == {KUBEFLOW_SECRET}
    assert {each["key"] for each in references.values()} == set(secret["data"])
    assert secret["metadata"]["namespace"] == "nas"


def test_runs_have_the_same_credentials_in_their_namespace(resources: list[Resource]) -> None:
    """Under another name, as Kubeflow has a Secret of MinIO's name there."""
    secret = only(resources, "Secret", SECRET)

    assert secret["metadata"]["namespace"] == "kubeflow"
    assert secret["data"] == only(resources, "Secret", KUBEFLOW_SECRET)["data"]


def test_settings_lead_to_its_service(resources: list[Resource]) -> None:
    settings = only(resources, "ConfigMap", SETTINGS)["data"]
    service = only(resources, "Service", "minio")
    labels = only(resources, "StatefulSet", "minio")["spec"]["template"]["metadata"]["labels"]
    (port,) = service["spec"]["ports"]

    assert set(settings) == {"endpoint", "region", "search_uri"}
    assert settings["endpoint"] == f"http://minio.nas.svc:{port['port']}"
    assert (service["metadata"]["name"], service["metadata"]["namespace"]) == ("minio", "nas")
    assert service["spec"]["selector"].items() <= labels.items()


def test_the_place_that_is_made_ready_is_where_a_run_begins(resources: list[Resource]) -> None:
    assert only(resources, "ConfigMap", SETTINGS)["data"]["search_uri"] == SEARCH_URI


def test_on_a_laptop_it_is_smaller_and_nothing_is_pulled_for_the_job(build: Build) -> None:
    standalone = only(build("standalone"), "StatefulSet", "minio")
    kind = only(build("kind"), "StatefulSet", "minio")
    (large,), (small,) = containers(standalone), containers(kind)
    (init,) = containers(only(build("kind"), "Job", "nas-store-init"))

    assert large["resources"]["requests"] == {"cpu": "250m", "memory": "512Mi"}
    assert small["resources"]["requests"] == {"cpu": "50m", "memory": "256Mi"}
    (claim,) = kind["spec"]["volumeClaimTemplates"]
    assert claim["spec"]["resources"]["requests"] == {"storage": "2Gi"}
    assert init["imagePullPolicy"] == "Never"


def test_its_image_is_named_by_release_and_by_digest() -> None:
    minio = next(
        each
        for each in yaml.safe_load_all((MINIO / "minio.yaml").read_text())
        if each["kind"] == "StatefulSet"
    )
    (container,) = containers(minio)
    (image,) = yaml.safe_load((MINIO / "kustomization.yaml").read_text())["images"]
    official = container["image"]

    assert re.fullmatch(r"quay\.io/minio/minio:RELEASE\.[\dTZ-]+", official)
    table = re.search(r"^\| image \|.*\n\|[ |-]+\n((?:\|.*\n)+)", README, re.MULTILINE)[1]
    rows = table.splitlines()
    assert rows[0].startswith(f"| `{official}`")
    assert image["newName"] == official.partition(":")[0]
    assert image["digest"] in rows[0]
    (fork,) = yaml.safe_load(re.search(r"^```yaml\n(.*?)^```", README, re.DOTALL | re.M)[1])
    assert fork["name"] == image["name"]
    assert fork["newName"] in rows[2]
    assert fork["digest"] in rows[2]
