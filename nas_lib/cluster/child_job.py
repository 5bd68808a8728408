"""The Job in which a child trains: what Kubernetes is to run, with which resources, and where."""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from nas_lib.config import ResourcesConfig, SearchConfig
from nas_lib.errors import NobodyWaitsError
from nas_lib.records import ChildId
from nas_lib.store import layout

RUN_LABEL = "kfp-nas/run"
_STORE_LABEL, _REPLICA_LABEL = "kfp-nas/store", "kfp-nas/replica"
_PART_OF = {"app.kubernetes.io/part-of": "kfp-nas", "app.kubernetes.io/component": "child"}
_STORE_ENV = (
    ("secretKeyRef", "accesskey", "AWS_ACCESS_KEY_ID"),
    ("secretKeyRef", "secretkey", "AWS_SECRET_ACCESS_KEY"),
    ("configMapKeyRef", "endpoint", "AWS_ENDPOINT_URL"),
    ("configMapKeyRef", "region", "AWS_REGION"),
    ("configMapKeyRef", "account", "AZURE_STORAGE_ACCOUNT_NAME"),
)
_NO_SIDECAR = {"sidecar.istio.io/inject": "false"}  # it would outlive the child
_LEFT_IN_PEACE = {  # a child is not moved for the sake of a fuller node
    "karpenter.sh/do-not-disrupt": "true",
    "cluster-autoscaler.kubernetes.io/safe-to-evict": "false",
}
_CONTAINER = "child"
_MADE_FROM = "kfp-nas/made-from"
_STARTS_WITHIN_S = 600  # a pod: its image may have to be fetched
_NAME_SIZE = 63  # of a Job: it becomes a label of its pods


@dataclass(frozen=True)
class JobPlace:
    """What the Jobs of a run have in common with the pod that makes them.

    Attributes:
        namespace: Where they run.
        image: The image of this release.
        service_account: Whose identity their pods have, for a cloud's store.
        store_secret: Secret with the store's accesskey and secretkey; may be absent there.
        store_settings: ConfigMap with its endpoint, region or account; may be absent there.
        owner: With whom they are deleted, as `ownerReferences` has it.
    """

    namespace: str
    image: str
    service_account: str
    store_secret: str
    store_settings: str
    owner: dict[str, Any] | None = None


def child_job(
    child: str, *, run: str, search_uri: str, config: SearchConfig, place: JobPlace
) -> dict[str, Any]:
    """Return the Job for a child, as `batch/v1` has it. Its name is the child's and the search's.

    A pod that fails is followed by another, `children.max_attempts` times: if none of them got
    any further, the last one stores that the child has crashed. A pod that a node or the scheduler
    takes away does not count; one that finds that nobody waits any more ends its Job (Kubernetes
    1.26 and newer).
    """
    labels = {
        **round_labels(child, search_uri=search_uri, config=config),
        "kfp-nas/child": child,
        **run_labels(run),
    }
    resources = config.resources
    queue = {"kueue.x-k8s.io/queue-name": resources.queue} if resources.queue else {}
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {
            "name": job_name(child, search_uri=search_uri, config=config),
            "namespace": place.namespace,
            "labels": {**labels, **queue},
            "annotations": {_MADE_FROM: _settings(child, search_uri, config, place)},
            **({"ownerReferences": [place.owner]} if place.owner else {}),
        },
        "spec": {
            "backoffLimit": config.children.max_attempts,
            "activeDeadlineSeconds": _deadline_s(config),
            "ttlSecondsAfterFinished": resources.ttl_s,
            "podFailurePolicy": {"rules": _failure_rules()},
            "template": {
                "metadata": {
                    "labels": {**labels, **_NO_SIDECAR, "azure.workload.identity/use": "true"},
                    "annotations": {**_NO_SIDECAR, **_LEFT_IN_PEACE},
                },
                "spec": _pod(child, run, search_uri, resources, place),
            },
        },
    }


def job_name(child: str, *, search_uri: str, config: SearchConfig) -> str:
    """Return the name of a child's Job: the same whoever asks, and another for another search."""
    end = f"-{_fingerprint(search_uri)}-{child}"
    return config.name[: _NAME_SIZE - len(end)].rstrip("-") + end


def round_labels(child: str, *, search_uri: str, config: SearchConfig) -> dict[str, str]:
    """Return the labels that the Jobs of a child's round have in common, whoever made them."""
    which = ChildId.parse(child)
    return {
        **_PART_OF,
        **replica_labels(search_uri, which.replica),
        "kfp-nas/search": f"{config.name}-{_fingerprint(search_uri)}",
        "kfp-nas/round": str(which.round),
    }


def made_from(job: Mapping[str, Any]) -> str:
    """Return what a Job was made from: another where its image or the settings were others."""
    return str(job["metadata"].get("annotations", {}).get(_MADE_FROM))


def replica_labels(search_uri: str, replica: int) -> dict[str, str]:
    """Return the labels that the Jobs of a replica have in common, as far as its place tells."""
    if layout.final_key(search_uri):
        return final_labels(layout.around(search_uri))
    return {_STORE_LABEL: _fingerprint(search_uri), _REPLICA_LABEL: str(replica)}


def final_labels(search_uri: str) -> dict[str, str]:
    """Return the labels that the Jobs of a search's final trainings have in common."""
    return {_STORE_LABEL: _fingerprint(search_uri), _REPLICA_LABEL: "final"}


def run_labels(run: str) -> dict[str, str]:
    """Return the label that the Jobs have in common which a run made."""
    return {RUN_LABEL: re.sub(r"[^A-Za-z0-9._-]", "-", run)[:63].strip("-._")}


def _settings(child: str, search_uri: str, config: SearchConfig, place: JobPlace) -> str:
    """Return a hash of all that a Job is made from, but not of the run."""
    pod = _pod(child, "", search_uri, config.resources, place)
    return _fingerprint(json.dumps([pod, config.resources.queue, _deadline_s(config)]))


def _deadline_s(config: SearchConfig) -> int:
    """Return when a Job is ended: only after a child would have ended by its own limit."""
    limit_s = config.children.timeout_s
    least_s = math.ceil(limit_s) + _STARTS_WITHIN_S if isinstance(limit_s, float) else 0
    return max(config.resources.deadline_s, least_s)


def _fingerprint(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:8]


def _failure_rules() -> list[dict[str, Any]]:
    """Return how a pod's end is taken; the first rule that fits counts."""
    nobody_waits = {
        "containerName": _CONTAINER,
        "operator": "In",
        "values": [NobodyWaitsError.exit_code],
    }
    disrupted = {"type": "DisruptionTarget", "status": "True"}
    return [
        {"action": "FailJob", "onExitCodes": nobody_waits},
        {"action": "Ignore", "onPodConditions": [disrupted]},
    ]


def _pod(
    child: str, run: str, search_uri: str, resources: ResourcesConfig, place: JobPlace
) -> dict[str, Any]:
    pod: dict[str, Any] = {
        "restartPolicy": "Never",
        "serviceAccountName": place.service_account,
        "automountServiceAccountToken": False,  # a child does not speak to Kubernetes
        "securityContext": {
            "runAsNonRoot": True,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "containers": [_container(child, run, search_uri, resources, place)],
        "volumes": [
            {"name": "tmp", "emptyDir": {}},
            {"name": "shm", "emptyDir": _shared_memory(resources)},
        ],
        "nodeSelector": resources.node_selector,
        "tolerations": list(resources.pod_tolerations),
        "imagePullSecrets": [{"name": name} for name in resources.image_pull_secrets],
        "priorityClassName": resources.priority_class,
    }
    return {key: value for key, value in pod.items() if value or value is False}


def _container(
    child: str, run: str, search_uri: str, resources: ResourcesConfig, place: JobPlace
) -> dict[str, Any]:
    amounts = _amounts(resources)
    return {
        "name": _CONTAINER,
        "image": place.image,
        "imagePullPolicy": "IfNotPresent",
        "command": ["nas", "train-child", search_uri, child, "--run", run],
        "env": [_from_store(place, *each) for each in _STORE_ENV],
        "resources": {"requests": amounts, "limits": amounts},
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
        "volumeMounts": [
            {"name": "tmp", "mountPath": "/tmp"},
            {"name": "shm", "mountPath": "/dev/shm"},
        ],
    }


def _amounts(resources: ResourcesConfig) -> dict[str, str]:
    amounts = {
        "cpu": resources.cpu,
        "memory": resources.memory,
        "ephemeral-storage": resources.ephemeral_storage,
        resources.gpu_type: str(resources.gpu_count or ""),
    }
    return {name: amount for name, amount in amounts.items() if amount}


def _shared_memory(resources: ResourcesConfig) -> dict[str, str]:
    limit = {"sizeLimit": resources.shared_memory} if resources.shared_memory else {}
    return {"medium": "Memory", **limit}


def _from_store(place: JobPlace, source: str, key: str, variable: str) -> dict[str, Any]:
    name = place.store_secret if source == "secretKeyRef" else place.store_settings
    reference = {"name": name, "key": key, "optional": True}
    return {"name": variable, "valueFrom": {source: reference}}
