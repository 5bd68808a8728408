"""The Job of a child: valid in every newer Kubernetes, restricted, and named after the child."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import kubernetes_validate
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from kubernetes_validate.utils import all_versions

from nas_lib.cluster.child_job import (
    JobPlace,
    child_job,
    final_labels,
    job_name,
    made_from,
    replica_labels,
    round_labels,
    run_labels,
)
from nas_lib.config import ImageChildrenConfig, ResourcesConfig, RoundsConfig, SearchConfig
from nas_lib.records import ChildId

NEWEST = sorted(set(all_versions()), key=lambda version: int(version.split(".")[1]))[-3:]
URI = "s3://bucket/searches/digits"
CHILD = "r000-000017-03"
PLACE = JobPlace("team", "registry/kfp-nas:1", "default-editor", "store-secret", "store-settings")
LABEL_VALUE = re.compile(r"([A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?")

RICH = ResourcesConfig(
    cpu="500m",
    memory="8Gi",
    ephemeral_storage="10Gi",
    shared_memory="2Gi",
    gpu_count=2,
    gpu_type="amd.com/gpu",
    node_selector={"cloud.google.com/gke-accelerator": "nvidia-l4"},
    tolerations=(
        {"key": "cloud.google.com/gke-spot", "operator": "Exists", "effect": "NoSchedule"},
        {
            "key": "node.kubernetes.io/unreachable",
            "operator": "Exists",
            "effect": "NoExecute",
            "tolerationSeconds": 30,
        },
    ),
    image_pull_secrets=("registry",),
    priority_class="nas-low",
    queue="gpus",
    deadline_s=7200,
    ttl_s=0,
)


def config(resources: ResourcesConfig | None = None, name: str = "digits") -> SearchConfig:
    return SearchConfig(name=name, resources=resources or ResourcesConfig())


def job(resources: ResourcesConfig | None = None, *, run: str = "run-1") -> dict[str, Any]:
    return child_job(CHILD, run=run, search_uri=URI, config=config(resources), place=PLACE)


def pod(resources: ResourcesConfig | None = None) -> dict[str, Any]:
    return job(resources)["spec"]["template"]["spec"]


def container(resources: ResourcesConfig | None = None) -> dict[str, Any]:
    (only,) = pod(resources)["containers"]
    return only


# --- valid ---------------------------------------------------------------------------------------


QUANTITIES = st.sampled_from(["1", "500m", "1.5", "8Gi", "100M"])
WORDS = st.from_regex(r"[a-z]([-a-z0-9]{0,20}[a-z0-9])?", fullmatch=True)
TOLERATIONS = st.fixed_dictionaries(
    {"operator": st.sampled_from(["Exists", "Equal"])},
    optional={
        "key": WORDS,
        "value": WORDS,
        "effect": st.sampled_from(["NoSchedule", "PreferNoSchedule", "NoExecute"]),
        "tolerationSeconds": st.integers(0, 3600),
    },
)
RESOURCES = st.builds(
    ResourcesConfig,
    cpu=QUANTITIES,
    memory=QUANTITIES,
    ephemeral_storage=st.none() | QUANTITIES,
    shared_memory=st.none() | QUANTITIES,
    gpu_count=st.integers(0, 8),
    gpu_type=st.sampled_from(["nvidia.com/gpu", "amd.com/gpu", "nvidia.com/mig-1g.5gb"]),
    node_selector=st.dictionaries(WORDS, WORDS, max_size=2),
    tolerations=st.lists(TOLERATIONS, max_size=2).map(tuple),
    image_pull_secrets=st.lists(WORDS, max_size=2).map(tuple),
    priority_class=st.just("") | WORDS,
    queue=st.just("") | WORDS,
    deadline_s=st.integers(1, 10**6),
    ttl_s=st.integers(0, 10**6),
)


@settings(max_examples=25, deadline=None)
@given(RESOURCES)
def test_whatever_the_settings_the_job_is_valid(resources: ResourcesConfig) -> None:
    kubernetes_validate.validate(job(resources), NEWEST[-1], strict=True)


@pytest.mark.parametrize("version", NEWEST)
@pytest.mark.parametrize("resources", [ResourcesConfig(), RICH])
def test_the_job_is_valid_in_the_newest_versions(version: str, resources: ResourcesConfig) -> None:
    kubernetes_validate.validate(job(resources), version, strict=True)


def test_a_misspelt_field_would_be_found() -> None:
    misspelt = job()
    misspelt["spec"]["backofLimit"] = 1

    with pytest.raises(kubernetes_validate.ValidationError, match="backofLimit"):
        kubernetes_validate.validate(misspelt, NEWEST[-1], strict=True)


# --- what the settings become --------------------------------------------------------------------


def test_amounts_are_requested_and_limited() -> None:
    amounts = {
        "cpu": "500m",
        "memory": "8Gi",
        "ephemeral-storage": "10Gi",
        "amd.com/gpu": "2",
    }
    assert container(RICH)["resources"] == {"requests": amounts, "limits": amounts}


def test_what_is_not_asked_for_is_not_there() -> None:
    plain = ResourcesConfig()

    amounts = {"cpu": "1", "memory": "2Gi"}
    assert container(plain)["resources"] == {"requests": amounts, "limits": amounts}
    absent = {"nodeSelector", "tolerations", "imagePullSecrets", "priorityClassName"}
    assert not absent & set(pod(plain))
    assert "kueue.x-k8s.io/queue-name" not in job(plain)["metadata"]["labels"]


def test_a_job_goes_where_the_settings_say() -> None:
    assert pod(RICH)["nodeSelector"] == {"cloud.google.com/gke-accelerator": "nvidia-l4"}
    assert pod(RICH)["tolerations"] == list(RICH.tolerations)
    assert pod(RICH)["imagePullSecrets"] == [{"name": "registry"}]
    assert pod(RICH)["priorityClassName"] == "nas-low"
    assert job(RICH)["metadata"]["labels"]["kueue.x-k8s.io/queue-name"] == "gpus"
    assert job(RICH)["metadata"]["namespace"] == "team"


def test_shared_memory_is_as_large_as_the_settings_say() -> None:
    assert {"name": "shm", "emptyDir": {"medium": "Memory", "sizeLimit": "2Gi"}} in pod(RICH)[
        "volumes"
    ]
    assert {"name": "shm", "emptyDir": {"medium": "Memory"}} in pod()["volumes"]


def test_a_job_ends_and_is_tidied_away() -> None:
    spec = job(RICH)["spec"]

    assert spec["activeDeadlineSeconds"] == 7200
    assert spec["ttlSecondsAfterFinished"] == 0
    # an attempt each, and one that finds that there were enough
    assert spec["backoffLimit"] == SearchConfig().children.max_attempts == 3


def test_a_pod_that_is_taken_away_is_not_a_failure() -> None:
    _, rule = job()["spec"]["podFailurePolicy"]["rules"]
    assert rule == {
        "action": "Ignore",
        "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}],
    }
    assert pod()["restartPolicy"] == "Never"  # what a podFailurePolicy asks for


def test_a_pod_that_finds_nobody_waiting_ends_the_job_whatever_else_became_of_it() -> None:
    """The first rule that fits counts."""
    first, _ = job()["spec"]["podFailurePolicy"]["rules"]

    assert first == {
        "action": "FailJob",
        "onExitCodes": {"containerName": "child", "operator": "In", "values": [75]},
    }
    assert container()["name"] == "child"


def test_a_job_goes_with_the_run_that_made_it() -> None:
    owner = {"apiVersion": "argoproj.io/v1alpha1", "kind": "Workflow", "name": "w", "uid": "1"}
    theirs = replace(PLACE, owner=owner)

    owned = child_job(CHILD, run="run-1", search_uri=URI, config=config(), place=theirs)

    assert owned["metadata"]["ownerReferences"] == [owner]
    assert "ownerReferences" not in job()["metadata"]
    assert made_from(owned) == made_from(job())  # another run takes it over


def test_a_pod_is_left_in_peace_by_what_makes_nodes_fuller() -> None:
    annotations = job()["spec"]["template"]["metadata"]["annotations"]

    assert annotations["karpenter.sh/do-not-disrupt"] == "true"
    assert annotations["cluster-autoscaler.kubernetes.io/safe-to-evict"] == "false"


@pytest.mark.parametrize(
    ("gpu_count", "tolerated"), [(0, ["spot"]), (1, ["nvidia.com/gpu", "spot"])]
)
def test_a_child_without_a_gpu_keeps_off_nodes_for_those(
    gpu_count: int, tolerated: list[str]
) -> None:
    both = ({"key": "nvidia.com/gpu", "operator": "Exists"}, {"key": "spot", "operator": "Exists"})
    resources = ResourcesConfig(gpu_count=gpu_count, tolerations=both)

    assert [each["key"] for each in pod(resources)["tolerations"]] == tolerated
    assert ("nvidia.com/gpu" in container(resources)["resources"]["limits"]) == bool(gpu_count)


def test_the_container_runs_the_command_with_the_stores_settings() -> None:
    assert container()["command"] == ["nas", "train-child", URI, CHILD, "--run", "run-1"]
    assert container()["image"] == "registry/kfp-nas:1"
    environment = {each["name"]: each["valueFrom"] for each in container()["env"]}
    assert environment["AWS_ACCESS_KEY_ID"]["secretKeyRef"] == {
        "name": "store-secret",
        "key": "accesskey",
        "optional": True,
    }
    assert environment["AWS_ENDPOINT_URL"]["configMapKeyRef"] == {
        "name": "store-settings",
        "key": "endpoint",
        "optional": True,
    }


# --- security ------------------------------------------------------------------------------------


def test_a_pod_meets_the_restricted_standard() -> None:
    """Of https://kubernetes.io/docs/concepts/security/pod-security-standards/."""
    spec, security = pod(RICH), container(RICH)["securityContext"]

    assert spec["securityContext"]["runAsNonRoot"] is True
    assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert security["allowPrivilegeEscalation"] is False
    assert security["capabilities"] == {"drop": ["ALL"]}
    assert not {"hostNetwork", "hostPID", "hostIPC"} & set(spec)
    assert all(set(volume) == {"name", "emptyDir"} for volume in spec["volumes"])


def test_a_child_has_no_token_and_writes_only_where_it_must() -> None:
    assert pod()["automountServiceAccountToken"] is False
    assert pod()["serviceAccountName"] == "default-editor"  # whose cloud identity it has
    assert container()["securityContext"]["readOnlyRootFilesystem"] is True
    assert [mount["mountPath"] for mount in container()["volumeMounts"]] == ["/tmp", "/dev/shm"]


# --- names and labels ----------------------------------------------------------------------------


NAMES = st.from_regex(r"[a-z0-9]([-a-z0-9]{0,38}[a-z0-9])?", fullmatch=True)
IDS = st.builds(
    ChildId, st.integers(0, 10**6), st.integers(0, 10**9 - 1), st.integers(0, 10**4)
).map(str)


@given(name=NAMES, child=IDS, run=st.text(min_size=1, max_size=80))
def test_names_and_labels_are_ones_that_kubernetes_takes(name: str, child: str, run: str) -> None:
    made = child_job(child, run=run, search_uri=URI, config=config(name=name), place=PLACE)

    own_name = made["metadata"]["name"]
    assert re.fullmatch(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?", own_name)
    assert len(own_name) <= 63
    assert own_name.endswith(f"-{child}")
    for labels in (made["metadata"]["labels"], made["spec"]["template"]["metadata"]["labels"]):
        assert all(LABEL_VALUE.fullmatch(value) for value in labels.values())


def test_a_name_says_search_and_child() -> None:
    # sha256 of the URI begins with these 8 digits
    assert job_name(CHILD, search_uri=URI, config=config()) == "digits-39aa3ca5-r000-000017-03"


def test_searches_of_the_same_name_elsewhere_have_other_names_and_labels() -> None:
    here, there = URI, URI + "-2"

    assert job_name(CHILD, search_uri=here, config=config()) != job_name(
        CHILD, search_uri=there, config=config()
    )
    assert round_labels(CHILD, search_uri=here, config=config()) != round_labels(
        CHILD, search_uri=there, config=config()
    )


def test_a_job_of_a_final_training_belongs_to_its_search_and_to_none_of_its_replicas() -> None:
    final = f"{URI}/final/0a1b2c3d"
    labels = round_labels(CHILD, search_uri=final, config=config())

    assert final_labels(URI).items() <= labels.items()
    assert replica_labels(URI, 0).items() - labels.items() == {("kfp-nas/replica", "0")}
    # whoever waits for a round of the one sees nothing of the other's
    assert labels["kfp-nas/search"] != "digits-39aa3ca5"


def test_a_job_can_be_found_by_search_replica_round_child_and_run() -> None:
    labels = job(run="3f1c5a-22")["metadata"]["labels"]

    assert labels == {
        "app.kubernetes.io/part-of": "kfp-nas",
        "app.kubernetes.io/component": "child",
        "kfp-nas/search": "digits-39aa3ca5",
        "kfp-nas/store": "39aa3ca5",
        "kfp-nas/replica": "0",
        "kfp-nas/round": "17",
        "kfp-nas/child": CHILD,
        "kfp-nas/run": "3f1c5a-22",
    }
    assert labels.items() <= job(run="3f1c5a-22")["spec"]["template"]["metadata"]["labels"].items()


@pytest.mark.parametrize(
    ("run", "label"),
    [("a run of mine", "a-run-of-mine"), ("x" * 70, "x" * 63), ("-odd.", "odd"), ("é", "")],
)
def test_a_run_is_a_label_whatever_it_is_called(run: str, label: str) -> None:
    assert run_labels(run) == {"kfp-nas/run": label}


def test_no_sidecar_outlives_the_child() -> None:
    metadata = job()["spec"]["template"]["metadata"]

    assert metadata["annotations"]["sidecar.istio.io/inject"] == "false"  # older Istio
    assert metadata["labels"]["sidecar.istio.io/inject"] == "false"  # newer


# --- made from other settings --------------------------------------------------------------------


@pytest.mark.parametrize(
    "other",
    [
        ResourcesConfig(memory="4Gi"),
        ResourcesConfig(gpu_count=1),
        ResourcesConfig(node_selector={"pool": "spot"}),
        ResourcesConfig(queue="gpus"),
        ResourcesConfig(deadline_s=60),
    ],
)
def test_a_job_tells_that_it_was_made_from_other_settings(other: ResourcesConfig) -> None:
    assert made_from(job(other)) != made_from(job())


@pytest.mark.parametrize(
    ("timeout_s", "deadline_s", "ended_after_s"),
    [
        ("auto", 7200, 7200),
        (None, 7200, 7200),
        (600, 7200, 7200),
        (7000.5, 7200, 7601),  # 7,000.5, rounded up, and 600 in which its pod may start
    ],
)
def test_a_job_is_not_ended_before_its_child_would_be(
    timeout_s: Any, deadline_s: int, ended_after_s: int
) -> None:
    limited = config(ResourcesConfig(deadline_s=deadline_s)).model_copy(
        update={"children": ImageChildrenConfig(timeout_s=timeout_s)}
    )

    made = child_job(CHILD, run="run", search_uri=URI, config=limited, place=PLACE)

    assert made["spec"]["activeDeadlineSeconds"] == ended_after_s
    same = made_from(made) == made_from(job(ResourcesConfig(deadline_s=deadline_s)))
    assert same == (ended_after_s == deadline_s)


def test_a_job_of_another_run_is_made_from_the_same_settings() -> None:
    assert made_from(job(run="run-2")) == made_from(job(run="run-1"))
    longer_search = config().model_copy(update={"search": RoundsConfig(max_children=8)})
    longer = child_job(CHILD, run="run-1", search_uri=URI, config=longer_search, place=PLACE)
    assert made_from(longer) == made_from(job())
