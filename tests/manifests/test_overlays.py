"""What holds for every overlay: builds, valid, restricted, grants no more than is used."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import kubernetes_validate
import pytest
import yaml
from kfp_nas.pipelines.nas_search import nas_search
from kubernetes_validate.utils import all_versions
from kustomized import (
    CLOUDS,
    KUBEFLOW_SECRET,
    MANIFESTS,
    OVERLAYS,
    OWN_ACCOUNT,
    PROFILE,
    ROOT,
    SEARCH_URI,
    SECRET,
    SETTINGS,
    WITH_SEAWEEDFS,
    Build,
    Resource,
    containers,
    kustomize,
    only,
)

import nas_lib

NEWEST = sorted(set(all_versions()), key=lambda version: int(version.split(".")[1]))[-3:]
IMAGE = "image/image.yaml"
YOURS = {
    **{each: [IMAGE, "seaweedfs/admin.env", "seaweedfs/runs.env"] for each in WITH_SEAWEEDFS},
    **{
        cloud: [IMAGE, *(f"overlays/{cloud}/{name}" for name in ("identity.yaml", "store.env"))]
        for cloud in CLOUDS
    },
    "kubeflow": [IMAGE, "overlays/kubeflow/profile.yaml"],
}
JOB_NAMES = {"nas-store-init", "nas-bucket"}


def all_containers(resources: list[Resource]) -> list[Resource]:
    found = [container for resource in resources for container in containers(resource)]
    assert "nas-store-init" in [each["name"] for each in found]
    return found


def pods(resources: list[Resource]) -> list[Resource]:
    return [each["spec"]["template"] for each in resources if containers(each)]


# --- built, valid ---------------------------------------------------------------------------------


def test_every_folder_of_an_overlay_is_tested() -> None:
    folders = {folder.name for folder in (MANIFESTS / "overlays").iterdir() if folder.is_dir()}

    assert folders == set(OVERLAYS)


@pytest.mark.parametrize("version", NEWEST)
def test_every_resource_is_valid_in_the_newest_versions(
    resources: list[Resource], version: str
) -> None:
    for resource in resources:
        kubernetes_validate.validate(resource, version, strict=True)


def test_the_base_alone_is_enough_for_any_other_store(manifests: Path) -> None:
    assert kustomize(manifests / "base").returncode == 0


def test_a_misspelt_field_would_be_found(build: Build) -> None:
    store = only(build("standalone"), "StatefulSet", "seaweedfs")
    store["spec"]["replica"] = 1

    with pytest.raises(kubernetes_validate.ValidationError, match="replica"):
        kubernetes_validate.validate(store, NEWEST[-1], strict=True)


@pytest.mark.parametrize(
    ("overlay", "file"), [(overlay, file) for overlay in OVERLAYS for file in YOURS[overlay]]
)
def test_nothing_is_built_without_what_only_the_user_knows(
    manifests: Path, tmp_path: Path, overlay: str, file: str
) -> None:
    folder = shutil.copytree(manifests, tmp_path / "manifests")
    (folder / file).unlink()

    built = kustomize(folder / "overlays" / overlay)

    assert built.returncode != 0
    assert built.stdout == ""
    assert Path(file).name in built.stderr


def test_only_kustomize_that_kubectl_1_21_has_is_used() -> None:
    """Older ones refuse a field that came later, such as `replacements`, for the whole folder."""
    known = {"apiVersion", "kind", "namespace", "resources", "components", "patches"}
    known |= {"transformers", "secretGenerator", "configMapGenerator", "generatorOptions"}

    for file in MANIFESTS.rglob("kustomization.yaml"):
        assert set(yaml.safe_load(file.read_text())) <= known, file


# --- secure ---------------------------------------------------------------------------------------


def test_no_credentials_are_in_the_files() -> None:
    ignored = (MANIFESTS / ".gitignore").read_text().splitlines()
    files = [file for file in MANIFESTS.rglob("*.yaml") if file.name not in ignored]
    text = "".join(file.read_text() for file in files)

    assert len(files) > 20
    assert "kind: Secret\n" not in text
    assert not re.search(r"minioadmin|minio123|stringData|password:", text, re.IGNORECASE)
    assert {Path(file).name for files in YOURS.values() for file in files} <= set(ignored)


def test_every_pod_meets_the_restricted_pod_security_standard(resources: list[Resource]) -> None:
    for pod in pods(resources):
        context = pod["spec"]["securityContext"]
        assert context["runAsNonRoot"] is True
        assert context["runAsUser"] >= 10_000  # nobody's on the node
        assert context["seccompProfile"] == {"type": "RuntimeDefault"}
        volumes = pod["spec"].get("volumes", [])
        assert {kind for each in volumes for kind in each if kind != "name"} <= {"emptyDir"}
        assert not {"hostNetwork", "hostPID", "hostIPC"} & set(pod["spec"])
    for container in all_containers(resources):
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }


def test_no_pod_has_a_token_for_kubernetes(resources: list[Resource]) -> None:
    assert {pod["spec"]["automountServiceAccountToken"] for pod in pods(resources)} == {False}


def test_every_container_has_requests_and_limits(resources: list[Resource]) -> None:
    for container in all_containers(resources):
        for kind in ("requests", "limits"):
            assert set(container["resources"][kind]) == {"cpu", "memory"}


def test_images_are_pinned(resources: list[Resource]) -> None:
    for container in all_containers(resources):
        if container["name"] == "seaweedfs":
            assert re.fullmatch(r"ghcr\.io/[\w./-]+:\d+\.\d+", container["image"])
        else:
            assert container["image"] == f"kfp-nas:{nas_lib.__version__}"


def test_the_service_account_of_runs_may_do_what_runs_do_and_no_more(
    overlay: str, resources: list[Resource]
) -> None:
    grants = [each for each in resources if each["apiVersion"].startswith("rbac.")]
    runs = PROFILE if overlay == "kubeflow" else "kubeflow"
    account = "nas" if overlay in OWN_ACCOUNT else "pipeline-runner"

    (role,) = (each for each in grants if each["kind"] == "Role")
    binding = only(grants, "RoleBinding", "nas-jobs")
    assert role["rules"] == [
        {
            "apiGroups": ["batch"],
            "resources": ["jobs"],
            "verbs": ["create", "get", "list", "watch", "delete"],
        },
        {"apiGroups": [""], "resources": ["pods"], "verbs": ["list"]},
        {"apiGroups": ["argoproj.io"], "resources": ["workflows"], "verbs": ["list"]},
    ]
    assert {each["metadata"]["namespace"] for each in grants} == {runs}
    assert binding["roleRef"]["name"] == role["metadata"]["name"] == "nas-jobs"
    assert binding["subjects"] == [{"kind": "ServiceAccount", "name": account, "namespace": runs}]


def test_a_service_account_of_ours_has_what_kubeflow_gives_to_its_own(
    overlay: str, resources: list[Resource]
) -> None:
    bindings = [each for each in resources if each["metadata"]["name"] == "nas-runs"]
    bindings = [each for each in bindings if each["kind"] == "RoleBinding"]
    if overlay not in OWN_ACCOUNT:
        assert bindings == []
        return

    (binding,) = bindings
    account = only(resources, "ServiceAccount", "nas")["metadata"]
    (subject,) = binding["subjects"]
    assert (subject["name"], subject["namespace"]) == (account["name"], account["namespace"])
    assert (binding["roleRef"]["kind"], binding["roleRef"]["name"]) == (
        ("ClusterRole", "kubeflow-edit") if overlay == "kubeflow" else ("Role", "pipeline-runner")
    )


def test_every_skipped_rule_of_checkov_is_explained() -> None:
    """Above each skip stands a comment that names the rule in words."""
    lines = (MANIFESTS / "checkov.yaml").read_text().splitlines()
    skips = [number for number, line in enumerate(lines) if line.strip().startswith("- CKV")]

    assert len(skips) == 3
    assert [lines[number - 1].strip()[0] for number in skips] == ["#"] * 3


# --- one thing ------------------------------------------------------------------------------------


def test_labels_say_what_belongs_together(resources: list[Resource]) -> None:
    """What is Kubeflow's own is not among them: who deletes by the label leaves that alone."""
    for resource in resources:
        assert resource["metadata"]["labels"]["app.kubernetes.io/part-of"] == "kfp-nas"
        assert resource["metadata"]["name"] not in ("pipeline-runner", "default-editor")


def test_nothing_reaches_the_pods_of_a_search(resources: list[Resource]) -> None:
    policy = only(resources, "NetworkPolicy", "nas-runs")
    job = only(resources, "Job", "nas-store-init")

    assert policy["metadata"]["namespace"] == job["metadata"]["namespace"]
    assert policy["spec"] == {
        "podSelector": {"matchLabels": {"app.kubernetes.io/part-of": "kfp-nas"}},
        "policyTypes": ["Ingress"],
    }
    labels = job["spec"]["template"]["metadata"]["labels"]
    assert labels["app.kubernetes.io/part-of"] == "kfp-nas"


def test_names_are_those_that_the_pipeline_looks_for() -> None:
    inputs = nas_search.component_spec.inputs

    assert inputs["store_secret"].default == SECRET
    assert inputs["store_settings"].default == SETTINGS
    assert inputs["search_uri"].default == SEARCH_URI


def test_the_job_takes_from_where_tasks_take(overlay: str, resources: list[Resource]) -> None:
    """What a task of the compiled pipeline takes from where is what the Job takes from there."""
    secret_name = KUBEFLOW_SECRET if overlay == "kubeflow" else SECRET
    _, platform = yaml.safe_load_all((ROOT / "pipelines/nas_search/nas_search.yaml").read_text())
    executors = platform["platforms"]["kubernetes"]["deploymentSpec"]["executors"]
    (secret,) = executors["exec-prepare-data"]["secretAsEnv"]
    (settings,) = executors["exec-prepare-data"]["configMapAsEnv"]
    wanted = {each["envVar"]: (secret_name, each["secretKey"]) for each in secret["keyToEnv"]}
    wanted |= {each["envVar"]: (SETTINGS, each["configMapKey"]) for each in settings["keyToEnv"]}

    (init,) = containers(only(resources, "Job", "nas-store-init"))

    sources = {each["name"]: [*each.get("valueFrom", {}).values()] for each in init["env"]}
    found = {name: (ref[0].get("name"), ref[0].get("key")) for name, ref in sources.items() if ref}
    assert {name: found[name] for name in wanted} == wanted
    assert init["command"] == ["nas", "store", "init", "$(SEARCH_URI)", "--wait", "10"]


def test_a_job_decides_before_the_guide_has_waited(resources: list[Resource]) -> None:
    """Its one pod waits; what the command refuses is final; what befalls a pod is not."""
    jobs = [each for each in resources if each["kind"] == "Job"]
    assert {each["metadata"]["name"] for each in jobs} <= JOB_NAMES
    for job in jobs:
        spec = job["spec"]
        (container,) = containers(job)
        *_, option, minutes = container["command"]
        assert option == "--wait"
        assert 60 * int(minutes) < spec["activeDeadlineSeconds"] < 15 * 60
        final, passing = spec["podFailurePolicy"]["rules"]
        assert (final["action"], final["onExitCodes"]["values"]) == ("FailJob", [1, 2])
        assert final["onExitCodes"]["containerName"] == container["name"]
        assert passing["action"] == "Ignore"


def test_no_autoscaler_takes_a_job_away(resources: list[Resource]) -> None:
    for job in (each for each in resources if each["kind"] == "Job"):
        annotations = job["spec"]["template"]["metadata"]["annotations"]
        assert annotations["karpenter.sh/do-not-disrupt"] == "true"
        assert annotations["cluster-autoscaler.kubernetes.io/safe-to-evict"] == "false"


def test_the_job_runs_where_and_as_whom_runs_do(overlay: str, resources: list[Resource]) -> None:
    job = only(resources, "Job", "nas-store-init")
    settings = only(resources, "ConfigMap", SETTINGS)
    binding = only(resources, "RoleBinding", "nas-jobs")

    account = job["spec"]["template"]["spec"]["serviceAccountName"]
    assert (account, job["metadata"]["namespace"]) == (
        binding["subjects"][0]["name"],
        binding["subjects"][0]["namespace"],
    )
    assert settings["metadata"]["namespace"] == job["metadata"]["namespace"]


def test_no_placeholder_is_left(resources: list[Resource]) -> None:
    assert not re.search(r"\b(IDENTITY|PROFILE|NAME|TAG)\b", yaml.safe_dump(resources))
