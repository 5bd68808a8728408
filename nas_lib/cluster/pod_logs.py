"""What the pods of a run have said, from Kubernetes.

Kubeflow's own API has no way to it: a run's task details in 2.17 leave the pods' names out.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from nas_lib.cluster.child_job import run_labels
from nas_lib.cluster.kubernetes_api import KubernetesApi, Resource
from nas_lib.errors import ClusterError

_TASK_LABEL = "pipeline/runid"  # that Kubeflow gives to the pods of a run's tasks
_GIVE_UP_AFTER_S = 5.0  # somebody waits


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
    pods = [pod for pod in _pods(api, run_id) if task in (None, _task(pod))]
    if not pods:
        which = f"of its task {task} " if task else ""
        raise ClusterError(
            f"no pod {which}of the run {run_id} is left in the namespace {namespace}: Kubernetes "
            "has deleted them, or they are in another --namespace"
        )
    for pod in pods:
        name = pod["metadata"]["name"]
        container = "child" if _is_job(pod) else "main"
        text = api.pod_log(name, container)
        phase = pod["status"]["phase"]
        yield PodLog(_task(pod), name, phase, "(no log yet)\n" if text is None else text)


def _pods(api: KubernetesApi, run_id: str) -> list[Resource]:
    """Return the pods of a run's tasks, and of the Jobs that it made."""
    found = [*api.pods({_TASK_LABEL: run_id}), *api.pods(run_labels(run_id))]
    tasks = [pod for pod in found if not _task(pod).endswith("driver")]
    return sorted(
        tasks, key=lambda pod: (pod["metadata"]["creationTimestamp"], pod["metadata"]["name"])
    )


def _is_job(pod: Resource) -> bool:
    return "kfp-nas/child" in pod["metadata"].get("labels", {})


def _task(pod: Resource) -> str:
    """Return the task, or the child, that a pod is for.

    Argo notes the place in the graph, retries and loop items in brackets:
    `digits-x7k2p(0).root(0).train-child(0).executor(0)`.
    """
    metadata = pod["metadata"]
    if _is_job(pod):
        return str(metadata["labels"]["kfp-nas/child"])
    place = metadata.get("annotations", {}).get("workflows.argoproj.io/node-name", "")
    parts = [part for part in re.sub(r"\([^)]*\)", "", place).split(".") if part != "executor"]
    return parts[-1] or str(metadata["name"])


def _kubernetes(run_id: str, namespace: str) -> KubernetesApi:
    try:
        return KubernetesApi(namespace, give_up_after_s=_GIVE_UP_AFTER_S)
    except ClusterError as err:
        raise ClusterError(
            f"the logs are read from Kubernetes, and {err}; where there is one: "
            f"kubectl logs -n {namespace} -l pipeline/runid={run_id} -c main --prefix"
        ) from err
