"""SeaweedFS, in the overlays that bring one: who reaches it, who may do what, which it is."""

from __future__ import annotations

import json
import re

import pytest
from kustomized import (
    OWN_ACCOUNT,
    SEARCH_URI,
    SECRET,
    SETTINGS,
    WITH_SEAWEEDFS,
    Build,
    Resource,
    containers,
    only,
)

USERS = ("admin", "runs")


@pytest.fixture(params=WITH_SEAWEEDFS)
def overlay(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture
def container(resources: list[Resource]) -> Resource:
    (found,) = containers(only(resources, "StatefulSet", "seaweedfs"))
    return found


def test_no_other_overlay_has_one(build: Build) -> None:
    for overlay in OWN_ACCOUNT:
        kinds = {each["kind"] for each in build(overlay)}
        assert not kinds & {"StatefulSet", "Secret", "Namespace"}


def test_its_namespace_lets_no_pod_be_less_than_restricted(resources: list[Resource]) -> None:
    enforced = only(resources, "Namespace", "nas")["metadata"]["labels"]

    assert enforced["pod-security.kubernetes.io/enforce"] == "restricted"


def test_only_its_namespace_and_kubeflow_s_own_reach_its_port(
    resources: list[Resource], container: Resource
) -> None:
    policies = {
        each["metadata"]["name"]: each["spec"]
        for each in resources
        if each["kind"] == "NetworkPolicy" and each["metadata"]["namespace"] == "nas"
    }
    labels = only(resources, "StatefulSet", "seaweedfs")["spec"]["template"]["metadata"]["labels"]
    (port,) = container["ports"]

    assert set(policies) == {"deny-ingress", "seaweedfs"}
    assert policies["deny-ingress"] == {"podSelector": {}, "policyTypes": ["Ingress"]}
    allowed = policies["seaweedfs"]
    assert allowed["podSelector"]["matchLabels"].items() <= labels.items()
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


def test_what_asks_nobody_who_he_is_listens_inside_the_pod_only(container: Resource) -> None:
    """Where the network enforces no policies, S3 alone is reached."""
    assert "-ip=127.0.0.1" in container["args"]  # all bind to that, where nothing else is said
    bound = [each for each in container["args"] if "ip.bind" in each]
    assert bound == ["-s3.ip.bind=0.0.0.0"]


def test_runs_may_use_a_prefix_and_nothing_else(container: Resource) -> None:
    """An action without a place is one everywhere; one in a bucket allows its policy, too."""
    users = {each["name"]: each for each in identities(container)}

    assert set(users) == set(USERS)
    assert users["admin"]["actions"] == ["Admin"]
    bucket, prefix = re.fullmatch(r"s3://(\w+)/(\w+)/\w+", SEARCH_URI).groups()
    assert users["runs"]["actions"] == [
        f"{action}:{bucket}/{prefix}/*" for action in ("Read", "Write", "List")
    ]


def test_the_keys_of_its_users_are_in_secrets_alone(
    resources: list[Resource], container: Resource
) -> None:
    references = {
        each["name"]: each["valueFrom"]["secretKeyRef"]
        for each in container["env"]
        if "valueFrom" in each
    }

    for user in identities(container):
        (keys,) = user["credentials"]
        name = f"seaweedfs-{user['name']}"
        for field, key in (("accessKey", "accesskey"), ("secretKey", "secretkey")):
            variable = re.fullmatch(r"\$\((\w+)\)", keys[field])[1]
            assert references[variable] == {"name": name, "key": key}
        assert only(resources, "Secret", name)["metadata"]["namespace"] == "nas"


def test_the_administrator_s_key_is_not_where_runs_are(resources: list[Resource]) -> None:
    runs, admin = (only(resources, "Secret", f"seaweedfs-{user}")["data"] for user in USERS[::-1])
    secrets = [each for each in resources if each["kind"] == "Secret"]

    (found,) = (each for each in secrets if each["metadata"]["namespace"] == "kubeflow")

    assert found["metadata"]["name"] == SECRET
    assert found["data"] == runs
    assert found["data"]["secretkey"] != admin["secretkey"]


def test_a_job_makes_the_bucket_with_the_administrator_s_key(resources: list[Resource]) -> None:
    job = only(resources, "Job", "nas-bucket")
    (made,) = containers(job)
    env = {each["name"]: each for each in made["env"]}

    assert job["metadata"]["namespace"] == "nas"
    assert made["command"][:4] == ["nas", "store", "init", SEARCH_URI]
    settings = only(resources, "ConfigMap", SETTINGS)["data"]
    assert env["AWS_ENDPOINT_URL"]["value"] == settings["endpoint"]
    sources = [env[f"AWS_{name}"] for name in ("ACCESS_KEY_ID", "SECRET_ACCESS_KEY")]
    assert {each["valueFrom"]["secretKeyRef"]["name"] for each in sources} == {"seaweedfs-admin"}


def test_settings_lead_to_its_service(resources: list[Resource], container: Resource) -> None:
    settings = only(resources, "ConfigMap", SETTINGS)["data"]
    service = only(resources, "Service", "seaweedfs")
    labels = only(resources, "StatefulSet", "seaweedfs")["spec"]["template"]["metadata"]["labels"]
    (port,) = service["spec"]["ports"]

    assert set(settings) == {"endpoint", "region", "search_uri"}
    assert settings["endpoint"] == f"http://seaweedfs.nas.svc:{port['port']}"
    assert service["metadata"]["namespace"] == "nas"
    assert service["spec"]["selector"].items() <= labels.items()
    assert [each["name"] for each in container["ports"]] == [port["targetPort"]]


def test_the_place_that_is_made_ready_is_where_a_run_begins(resources: list[Resource]) -> None:
    assert only(resources, "ConfigMap", SETTINGS)["data"]["search_uri"] == SEARCH_URI


def test_on_a_laptop_it_is_smaller_and_nothing_is_pulled_for_the_jobs(build: Build) -> None:
    standalone = only(build("standalone"), "StatefulSet", "seaweedfs")
    kind = only(build("kind"), "StatefulSet", "seaweedfs")
    (large,), (small,) = containers(standalone), containers(kind)

    assert large["resources"]["requests"] == {"cpu": "250m", "memory": "512Mi"}
    assert small["resources"]["requests"] == {"cpu": "50m", "memory": "256Mi"}
    (claim,) = kind["spec"]["volumeClaimTemplates"]
    assert claim["spec"]["resources"]["requests"] == {"storage": "2Gi"}
    for name in ("nas-store-init", "nas-bucket"):
        (init,) = containers(only(build("kind"), "Job", name))
        assert init["imagePullPolicy"] == "Never"


def identities(container: Resource) -> list[Resource]:
    (text,) = (each["value"] for each in container["env"] if each["name"] == "IDENTITIES")
    return json.loads(text)["identities"]
