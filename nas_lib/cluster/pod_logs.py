"""What the pods of a run have said, from Kubernetes.

Kubeflow's own API has no way to it: a run's task details in 2.17 leave the pods' names out.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from kubernetes import client, config
from kubernetes.client.exceptions import ApiException
from kubernetes.config import ConfigException
from urllib3.exceptions import HTTPError

from nas_lib.errors import ClusterError

ANSWER_TIMEOUT_S = 30
_CONTAINER = "main"
_RUN_LABELS = ("pipeline/runid", "kfp-nas/run")
"""Of a task's pods, and of the Jobs' of children."""


@dataclass(frozen=True)
class PodLog:
    """The log of one pod."""

    task: str
    pod: str
    phase: str
    text: str


def pod_logs(run_id: str, *, namespace: str, task: str | None = None) -> Iterator[PodLog]:
    """Yield the logs of a run's pods that there still are, oldest first.

    Args:
        run_id: Of the run.
        namespace: That it runs in.
        task: Only of this task, such as `train-child`, or of this child.

    Raises:
        ClusterError: There is no way to the cluster, it refuses, or the run has no such pods.
    """
    api = _kubernetes(run_id, namespace)
    pods = [pod for pod in _pods(api, run_id, namespace) if task in (None, _task(pod))]
    if not pods:
        which = f"of its task {task} " if task else ""
        raise ClusterError(
            f"no pod {which}of the run {run_id} is left in the namespace {namespace}: Kubernetes "
            "has deleted them, or they are in another --namespace"
        )
    for pod in pods:
        yield _log(api, pod)


def _pods(api: client.CoreV1Api, run_id: str, namespace: str) -> list[Any]:
    found = []
    for label in _RUN_LABELS:
        try:
            answer = api.list_namespaced_pod(
                namespace, label_selector=f"{label}={run_id}", _request_timeout=ANSWER_TIMEOUT_S
            )
        except (ApiException, HTTPError) as err:
            raise _refusal(f"list the pods in {namespace}", err) from err
        found += answer.items
    tasks = [pod for pod in found if not _task(pod).endswith("driver")]
    return sorted(tasks, key=lambda pod: (pod.metadata.creation_timestamp, pod.metadata.name))


def _log(api: client.CoreV1Api, pod: Any) -> PodLog:
    name, namespace = pod.metadata.name, pod.metadata.namespace
    try:
        answer = api.read_namespaced_pod_log(
            name,
            namespace,
            container=pod.spec.containers[0].name if _is_job(pod) else _CONTAINER,
            _preload_content=False,  # else a log that is JSON comes as Python would print it
            _request_timeout=ANSWER_TIMEOUT_S,
        )
        text = answer.data.decode("utf-8", errors="replace")
    except ApiException as err:
        text = f"(no log: {err.reason})\n"  # not started yet, or just deleted
    except HTTPError as err:
        raise _refusal(f"read the log of {name}", err) from err
    return PodLog(_task(pod), name, pod.status.phase, text)


def _is_job(pod: Any) -> bool:
    return "kfp-nas/child" in (pod.metadata.labels or {})


def _task(pod: Any) -> str:
    """Return the task, or the child, that a pod is for.

    Argo notes the place in the graph, retries and loop items in brackets:
    `digits-x7k2p(0).root(0).train-child(0).executor(0)`.
    """
    if _is_job(pod):
        return str(pod.metadata.labels["kfp-nas/child"])
    place = (pod.metadata.annotations or {}).get("workflows.argoproj.io/node-name", "")
    parts = [part for part in re.sub(r"\([^)]*\)", "", place).split(".") if part != "executor"]
    return parts[-1] or str(pod.metadata.name)


def _kubernetes(run_id: str, namespace: str) -> client.CoreV1Api:
    try:
        if not os.environ.get("KUBECONFIG") and "KUBERNETES_SERVICE_HOST" in os.environ:
            config.load_incluster_config()
        else:
            config.load_kube_config(os.environ.get("KUBECONFIG", "~/.kube/config"))
    except (ConfigException, OSError) as err:
        raise ClusterError(
            "the logs are read from Kubernetes, and there is no kubeconfig here; where there is "
            f"one: kubectl logs -n {namespace} -l pipeline/runid={run_id} -c main --prefix"
        ) from err
    return client.CoreV1Api()


def _refusal(what: str, error: ApiException | HTTPError) -> ClusterError:
    host = client.Configuration.get_default_copy().host
    if isinstance(error, ApiException):
        said = f"{error.status} {error.reason}"
        return ClusterError(f"cannot {what} at {host}: Kubernetes answers {said}")
    return ClusterError(f"cannot {what} at {host}: no answer ({type(error).__name__})")
