"""The resources of manifests/base: valid, restricted, and what pipelines look for."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import kubernetes_validate
import pytest
import yaml
from kfp_nas.pipelines.nas_search import nas_search
from kubernetes_validate.utils import all_versions
from kustomized import BASE, ROOT, Resource, containers

import nas_lib

NEWEST = sorted(set(all_versions()), key=lambda version: int(version.split(".")[1]))[-3:]
DEFAULTS = {name: each.default for name, each in nas_search.component_spec.inputs.items()}
SECRET, SETTINGS = DEFAULTS["store_secret"], DEFAULTS["store_settings"]


def only(resources: list[Resource], kind: str, name: str) -> Resource:
    (found,) = (
        each for each in resources if (each["kind"], each["metadata"]["name"]) == (kind, name)
    )
    return found


def all_containers(resources: list[Resource]) -> list[Resource]:
    found = [container for resource in resources for container in containers(resource)]
    assert [each["name"] for each in found] == ["minio", "nas-store-init"]
    return found


def pods(resources: list[Resource]) -> list[Resource]:
    return [each["spec"]["template"]["spec"] for each in resources if containers(each)]


# --- valid ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("version", NEWEST)
def test_every_resource_is_valid_in_the_newest_versions(base: list[Resource], version: str) -> None:
    for resource in base:
        kubernetes_validate.validate(resource, version, strict=True)


def test_a_misspelt_field_would_be_found(base: list[Resource]) -> None:
    minio = only(base, "StatefulSet", "minio")
    minio["spec"]["replica"] = 1

    with pytest.raises(kubernetes_validate.ValidationError, match="replica"):
        kubernetes_validate.validate(minio, NEWEST[-1], strict=True)


def kubectl(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["kubectl", *arguments], capture_output=True, text=True, check=False)


def has_kustomize() -> bool:
    """Whether there is a kubectl of 1.21 or newer: older ones bring another kustomize."""
    if not shutil.which("kubectl"):
        return False
    version = json.loads(kubectl("version", "--client", "-o", "json").stdout)["clientVersion"]
    return int(re.match(r"\d+", version["minor"])[0]) >= 21


needs_kubectl = pytest.mark.skipif(not has_kustomize(), reason="no kubectl >= 1.21")


@needs_kubectl
def test_kubectl_builds_what_these_tests_build(base: list[Resource], base_folder: Path) -> None:
    built = kubectl("kustomize", str(base_folder))

    def by_name(resource: Resource) -> tuple[str, str]:
        return resource["kind"], resource["metadata"]["name"]

    assert sorted(yaml.safe_load_all(built.stdout), key=by_name) == sorted(base, key=by_name)


@needs_kubectl
def test_kubectl_builds_nothing_without_credentials(base_folder: Path, tmp_path: Path) -> None:
    shutil.copytree(base_folder, tmp_path / "base", ignore=shutil.ignore_patterns("minio.env"))

    built = kubectl("kustomize", str(tmp_path / "base"))

    assert built.returncode != 0
    assert "minio.env" in built.stderr


# --- secure ---------------------------------------------------------------------------------------


def test_no_credentials_are_in_the_files() -> None:
    text = "".join(file.read_text() for file in BASE.glob("*.yaml"))

    assert "kind: Secret\n" not in text
    assert not re.search(r"minioadmin|minio123|stringData|password:", text, re.IGNORECASE)
    assert "minio.env" in (BASE / ".gitignore").read_text().splitlines()


def test_credentials_reach_containers_from_the_secret_alone(base: list[Resource]) -> None:
    secret = only(base, "Secret", SECRET)
    for container in all_containers(base):
        references = {
            each["name"]: each["valueFrom"]["secretKeyRef"]
            for each in container["env"]
            if re.search("PASSWORD|USER|KEY", each["name"])
        }
        assert {each["name"] for each in references.values()} == {SECRET}
        assert {each["key"] for each in references.values()} == set(secret["data"])


def test_every_container_meets_the_restricted_pod_security_standard(base: list[Resource]) -> None:
    for pod in pods(base):
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert {kind for each in pod.get("volumes", []) for kind in each if kind != "name"} <= {
            "emptyDir"
        }
        assert not {"hostNetwork", "hostPID", "hostIPC"} & set(pod)
    for container in all_containers(base):
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
    enforced = only(base, "Namespace", "nas")["metadata"]["labels"]
    assert enforced["pod-security.kubernetes.io/enforce"] == "restricted"


def test_no_pod_has_a_token_for_kubernetes(base: list[Resource]) -> None:
    assert {pod["serviceAccountName"] for pod in pods(base)} == {"nas"}
    assert only(base, "ServiceAccount", "nas")["automountServiceAccountToken"] is False


def test_every_container_has_requests_and_limits(base: list[Resource]) -> None:
    for container in all_containers(base):
        for kind in ("requests", "limits"):
            assert set(container["resources"][kind]) == {"cpu", "memory"}


def test_images_are_pinned(base: list[Resource]) -> None:
    minio, init = all_containers(base)

    assert re.fullmatch(r"[\w./-]+@sha256:[0-9a-f]{64}", minio["image"])
    assert init["image"] == f"kfp-nas:{nas_lib.__version__}"


def test_minio_s_own_image_is_named_by_release() -> None:
    _, minio = yaml.safe_load_all((BASE / "minio.yaml").read_text())
    (container,) = containers(minio)

    assert re.fullmatch(r"quay\.io/minio/minio:RELEASE\.[\dTZ-]+", container["image"])


# --- one thing ------------------------------------------------------------------------------------


def test_labels_say_what_belongs_together(base: list[Resource]) -> None:
    for resource in base:
        assert resource["metadata"]["labels"]["app.kubernetes.io/part-of"] == "kfp-nas"
    minio = only(base, "StatefulSet", "minio")["spec"]
    service = only(base, "Service", "minio")["spec"]
    labels = minio["template"]["metadata"]["labels"].items()
    assert minio["selector"]["matchLabels"].items() <= labels
    assert service["selector"].items() <= labels


def test_the_store_has_the_names_that_the_pipeline_looks_for(base: list[Resource]) -> None:
    """What a task of the compiled pipeline takes from where is what the Job takes from there."""
    _, platform = yaml.safe_load_all((ROOT / "pipelines/nas_search/nas_search.yaml").read_text())
    executors = platform["platforms"]["kubernetes"]["deploymentSpec"]["executors"]
    (secret,) = executors["exec-prepare-data"]["secretAsEnv"]
    (settings,) = executors["exec-prepare-data"]["configMapAsEnv"]
    wanted = {each["envVar"]: (SECRET, each["secretKey"]) for each in secret["keyToEnv"]}
    wanted |= {each["envVar"]: (SETTINGS, each["configMapKey"]) for each in settings["keyToEnv"]}

    _, init = all_containers(base)

    references = {each["name"]: [*each["valueFrom"].values()] for each in init["env"]}
    assert {name: (ref["name"], ref["key"]) for name, (ref,) in references.items()} == wanted
    assert set(only(base, "ConfigMap", SETTINGS)["data"]) == {"endpoint", "region"}


def test_the_place_that_is_made_ready_is_where_a_run_begins(base: list[Resource]) -> None:
    _, init = all_containers(base)

    assert init["command"] == ["nas", "store", "init", DEFAULTS["search_uri"]]


def test_kubeflow_s_artifacts_go_to_the_same_store(base: list[Resource]) -> None:
    launcher = only(base, "ConfigMap", "kfp-launcher")["data"]
    settings = only(base, "ConfigMap", SETTINGS)["data"]
    service = only(base, "Service", "minio")
    (port,) = service["spec"]["ports"]
    place = service["metadata"]["name"], service["metadata"]["namespace"]

    provider = yaml.safe_load(launcher["providers"])["minio"]["default"]

    assert (
        provider["endpoint"]
        == settings["endpoint"]
        == "http://{}.{}.svc:{}".format(*place, port["port"])
    )
    assert provider["region"] == settings["region"]
    assert provider["disableSSL"] is True  # as the endpoint says http
    reference = provider["credentials"]["secretRef"]
    keys = {reference["accessKeyKey"], reference["secretKeyKey"]}
    assert (reference["secretName"], keys) == (SECRET, {"accesskey", "secretkey"})
    bucket = DEFAULTS["search_uri"].removeprefix("s3://").partition("/")[0]
    assert launcher["defaultPipelineRoot"].startswith(f"minio://{bucket}/")
