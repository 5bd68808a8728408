"""What all tasks that touch a search's state need, and groups of them: a name that tells."""

import copy
import os
from contextlib import contextmanager
from typing import Any, Iterator

from kfp import dsl, kubernetes
from kfp.dsl import PipelineTask
from kfp.dsl.base_component import BaseComponent
from kfp.dsl.python_component import PythonComponent
from kfp.dsl.tasks_group import TasksGroup
from kfp_nas.pipelines.callers import tell_at_once

tell_at_once()

RUN = dsl.PIPELINE_JOB_ID_PLACEHOLDER
TASK_TIMEOUT_S = 24 * 3600  # of one pod: a child that hangs must not hold its round for ever
ROUND_TIMEOUT_S = 7 * TASK_TIMEOUT_S  # where one pod has to do with all children of a round
DATA_MEMORY = os.environ.get("NAS_DATA_MEMORY") or "8Gi"  # of pods that read all data
DATA_CLAIM = os.environ.get("NAS_DATA_CLAIM") or ""  # PersistentVolumeClaim with data of the user's
DATA_FOLDER = "/data"  # where its files lie in the pod that reads them
_WEEK_S = 7 * 24 * 3600
KEPT = dsl.PipelineConfig(  # what Kubernetes has of a run: its pods and their logs
    ttl_seconds_after_finished=_WEEK_S,
    # Kubeflow's manifests set these to an hour for all runs, and either counts before the first
    ttl_seconds_after_success=_WEEK_S,
    ttl_seconds_after_failure=_WEEK_S,
)
_LABELS = {
    "app.kubernetes.io/part-of": "kfp-nas",  # what network policies go by
    "azure.workload.identity/use": "true",  # means nothing elsewhere
}
_ANNOTATIONS = {  # a pod in the midst of something is not moved for the sake of a fuller node
    "cluster-autoscaler.kubernetes.io/safe-to-evict": "false",
    "karpenter.sh/do-not-disrupt": "true",
}


def called(component: BaseComponent, name: str) -> BaseComponent:
    """Return a component whose tasks have this name.

    Two of the same name in a pipeline are numbered as it happens, in each compilation anew; and a
    backend takes such tasks for one where their groups lie within one another.
    """
    spec = copy.copy(component.component_spec)
    spec.name = name
    return PythonComponent(component_spec=spec, python_func=component.python_func)


@contextmanager
def named(group: TasksGroup, name: str) -> Iterator[Any]:
    """Open a group of tasks, and give it this name in Kubeflow's UI.

    The group's own argument `name` is but the label of its node: turns of a loop and the way back
    to the root are called by the key in the graph, else `for-loop-3.4`.
    """
    with group as entered:
        group.name = group.display_name = name
        yield entered


def with_state(
    task: PipelineTask,
    *,
    store_secret: str,
    store_settings: str,
    timeout_s: int = TASK_TIMEOUT_S,
) -> PipelineTask:
    """Give a task what each has: the store's credentials and endpoint, marks and rights of its pod.

    Its result is never taken from a cache.

    Args:
        task: The task.
        store_secret: Name of a Secret with the keys accesskey and secretkey; it may be absent:
            then the pod's own identity counts.
        store_settings: Name of a ConfigMap with the keys endpoint, region and account, each of
            which may be absent.
        timeout_s: How long its pod may run.

    Returns:
        The task.
    """
    keys = {"accesskey": "AWS_ACCESS_KEY_ID", "secretkey": "AWS_SECRET_ACCESS_KEY"}
    kubernetes.use_secret_as_env(task, store_secret, keys, optional=True)
    settings = {
        "endpoint": "AWS_ENDPOINT_URL",
        "region": "AWS_REGION",
        "account": "AZURE_STORAGE_ACCOUNT_NAME",
    }
    kubernetes.use_config_map_as_env(task, store_settings, settings, optional=True)
    kubernetes.set_image_pull_policy(task, "IfNotPresent")
    kubernetes.set_timeout(task, timeout_s)
    for key, value in _LABELS.items():
        kubernetes.add_pod_label(task, key, value)
    for key, value in _ANNOTATIONS.items():
        kubernetes.add_pod_annotation(task, key, value)
    # as whom, the image says, or a platform that gives each namespace users of its own
    kubernetes.set_security_context(task, run_as_non_root=True)
    task.set_caching_options(False)
    return task


def with_small_resources(task: PipelineTask) -> PipelineTask:
    """Ask for little: the task reads and writes the state, or waits."""
    task.set_cpu_request("100m").set_memory_request("512Mi")
    return task.set_cpu_limit("2").set_memory_limit("2Gi")


def with_data_resources(task: PipelineTask) -> PipelineTask:
    """Let a task take what data may need that it reads whole.

    How much that is, no setting of the search can say: this is compiled, before there is one.
    """
    task.set_cpu_request("500m").set_memory_request("1Gi")
    return task.set_cpu_limit("4").set_memory_limit(DATA_MEMORY)


def with_raw_data(task: PipelineTask) -> PipelineTask:
    """Let a task read the user's own files, where they lie in a claim: all others read the store.

    Which claim, no argument of a run can say: a pod that mounts none is another pod.
    """
    return kubernetes.mount_pvc(task, DATA_CLAIM, DATA_FOLDER) if DATA_CLAIM else task
