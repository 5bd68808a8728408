"""What the pods of a run have said, from Kubernetes.

Kubeflow's own API has no way to it: a run's task details in 2.17 leave the pods' names out.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from nas_lib.cluster.child_job import run_labels
from nas_lib.cluster.kubernetes_api import KubernetesApi, Resource
from nas_lib.cluster.log_lines import lines_about, without_launcher
from nas_lib.errors import ClusterError
from nas_lib.records import ChildId
from nas_lib.store import layout

_TASK_LABEL = "pipeline/runid"  # that Kubeflow gives to the pods of a run's tasks
_GIVE_UP_AFTER_S = 5.0  # somebody waits
_FINAL = "final-"  # what tasks begin with that a search has too
_TRAIN_SEVERAL = ("train-children", "train-as-jobs")


@dataclass(frozen=True)
class PodLog:
    """The log of one pod.

    Attributes:
        task: The task that it ran; that of a child's Job is `job`.
        about: The child or the round that it was for, and of which final training; empty where it
            was for neither.
        pod: Its name.
        phase: What Kubernetes says of it.
        text: What it said.
    """

    task: str
    about: str
    pod: str
    phase: str
    text: str


def pod_logs(
    run_id: str, *, namespace: str, task: str | None = None, everything: bool = False
) -> Iterator[PodLog]:
    """Yield the logs of a run's pods that there still are, oldest first.

    Args:
        run_id: Of the run.
        namespace: That it runs in.
        task: Only of this task, such as `train-child`, of this child or of this round. Of a pod
            that trains several children, only the lines that name the child.
        everything: Pods that only drive others, too, and what a step's launcher says itself.

    Raises:
        ClusterError: There is no way to the cluster, it refuses, or the run has no such pods.
    """
    api = _kubernetes(run_id, namespace)
    pods = [pod for pod in _pods(api, run_id) if pod.is_for(task)]
    pods = [pod for pod in pods if everything or not pod.task.endswith("-driver")]
    if not pods:
        which = f"of its task, child or round {task} " if task else ""
        raise ClusterError(
            f"no pod {which}of the run {run_id} is left in the namespace {namespace}: Kubernetes "
            "has deleted them, or they are in another --namespace"
        )
    for pod in pods:
        text = api.pod_log(pod.name, pod.container)
        if text is not None and not everything:
            text = without_launcher(text)
        about = pod.title
        if task in pod.children and text is not None:
            text, about = lines_about(text, task) or f"(nothing of {task})\n", task
        yield PodLog(
            pod.task, about, pod.name, pod.phase, "(no log yet)\n" if text is None else text
        )


@dataclass(frozen=True)
class _Pod:
    """A pod, what it ran, and the child, or the round and its children, that this was for."""

    name: str
    phase: str
    container: str
    task: str
    about: str
    round: str
    children: tuple[str, ...] = ()
    final: str = ""

    @property
    def title(self) -> str:
        """What it was for, as people read it."""
        return " ".join(filter(None, (self.about, self.final and f"of {self.final}")))

    def is_for(self, wanted: str | None) -> bool:
        """Say whether somebody who wants to hear of a task, child, round or training means it."""
        step = self.task.removeprefix(_FINAL)
        names = (self.task, step, self.about, self.round, self.final, *self.children)
        return wanted is None or wanted in names or wanted.replace("_", "-") == step


def _pods(api: KubernetesApi, run_id: str) -> list[_Pod]:
    """Return the pods of a run's tasks, and of the Jobs that it made."""
    found = [*api.pods({_TASK_LABEL: run_id}), *api.pods(run_labels(run_id))]
    found.sort(key=lambda pod: (pod["metadata"]["creationTimestamp"], pod["metadata"]["name"]))
    return [_of_job(pod) if _child(pod) else _of_task(pod) for pod in found]


def _child(pod: Resource) -> str:
    """Return the child whose Job a pod is of; empty for a task's."""
    return str(pod["metadata"].get("labels", {}).get("kfp-nas/child", ""))


def _of_job(pod: Resource) -> _Pod:
    name, child = pod["metadata"]["name"], _child(pod)
    uri = next(filter(_final, _command(pod, "child")), "")
    round = _round_of(child)
    return _Pod(name, pod["status"]["phase"], "child", "job", child, round, final=_final(uri))


def _of_task(pod: Resource) -> _Pod:
    name, task, inputs = pod["metadata"]["name"], _task(pod), _inputs(pod)
    children = tuple(map(str, inputs.get("children") or ()))
    child = str(inputs.get("child", ""))
    round = _round_of(child or "".join(children[:1]))
    if "round" in inputs:
        round = _round_of(str(ChildId(int(inputs["replica"]), int(inputs["round"]), 0)))
    several = children if task.removeprefix(_FINAL) in _TRAIN_SEVERAL else ()
    final = _final(str(inputs.get("search_uri", "")))
    phase = pod["status"]["phase"]
    return _Pod(name, phase, "main", task, child or round, round, several, final)


def _final(uri: str) -> str:
    """Return a final training as its search names it; empty for the URI of another search."""
    key = layout.final_key(uri)
    return f"{layout.FINAL}/{key}" if key else ""


def _round_of(child: str) -> str:
    return child.rpartition("-")[0]


def _task(pod: Resource) -> str:
    """Return the task that a pod is for.

    Argo notes the place in the graph, tries and turns of loops in brackets:
    `x7k2p(0).root(0).search(0).children(0).iteration-iterations(3:3)(0).train-child(0).executor(0)`.
    """
    metadata = pod["metadata"]
    place = metadata.get("annotations", {}).get("workflows.argoproj.io/node-name", "")
    parts = [part for part in re.sub(r"\([^)]*\)", "", place).split(".") if part != "executor"]
    return parts[-1] or str(metadata["name"])


def _inputs(pod: Resource) -> dict[str, Any]:
    """Return a task's inputs, which Kubeflow's driver writes into its container's command."""
    command = _command(pod, "main")
    try:
        given = json.loads(command[command.index("--executor_input") + 1])
        inputs: dict[str, Any] = dict(given["inputs"]["parameterValues"])
    except (ValueError, LookupError, TypeError):  # no task's pod, or not one of Kubeflow 2.17
        return {}
    return inputs


def _command(pod: Resource, container: str) -> list[str]:
    found = [each for each in pod["spec"]["containers"] if each["name"] == container]
    return [word for each in found for word in each.get("command") or ()]


def _kubernetes(run_id: str, namespace: str) -> KubernetesApi:
    try:
        return KubernetesApi(namespace, give_up_after_s=_GIVE_UP_AFTER_S)
    except ClusterError as err:
        raise ClusterError(
            f"the logs are read from Kubernetes, and {err}; where there is one: "
            f"kubectl logs -n {namespace} -l pipeline/runid={run_id} -c main --prefix"
        ) from err
