"""How children that are trained at the same time become pods: three ways, one interface."""

from typing import Any, Callable, Dict

from kfp import dsl, kubernetes
from kfp.dsl import PipelineTask
from kfp_nas.components.image import IMAGE
from kfp_nas.components.train_as_jobs import train_as_jobs
from kfp_nas.components.train_child import train_child
from kfp_nas.components.train_children import train_children
from kfp_nas.pipelines.state import (
    ROUND_TIMEOUT_S,
    RUN,
    called,
    named,
    with_small_resources,
    with_state,
)

Store = Dict[str, str]
Resources = Dict[str, Any]
Rewards = Any  # what `aggregate_rewards` takes: an output of a task, or those of a loop's tasks
FanOut = Callable[[str, PipelineTask, Store, Resources, str], Rewards]
"""Trains the children whose ids are the output of a task; names of tasks begin with the last."""


def with_child_resources(
    task: PipelineTask,
    *,
    cpu: str,
    memory: str,
    gpu_type: str,
    gpu_count: str,
    node_selector: dict,
    tolerations: list,
) -> PipelineTask:
    """Give a task what children may use, and place its pod.

    Shared memory is a part of the memory limit.
    """
    # kfp hands these on through loops only if the task is known to use them
    task.register_pipeline_channels([cpu, memory, gpu_type, gpu_count])
    task.set_cpu_request(cpu).set_cpu_limit(cpu)
    task.set_memory_request(memory).set_memory_limit(memory)
    task.set_accelerator_type(gpu_type).set_accelerator_limit(gpu_count)
    kubernetes.add_node_selector_json(task, node_selector)
    kubernetes.add_toleration_json(task, tolerations)
    kubernetes.empty_dir_mount(task, "shm", "/dev/shm", medium="Memory")
    return task


def a_task_each(
    search_uri: str, proposed: PipelineTask, store: Store, resources: Resources, prefix: str = ""
) -> Rewards:
    """Train each child in a task of its own."""
    with named(dsl.ParallelFor(proposed.output), f"{prefix}children") as child:
        trained = called(train_child, f"{prefix}train-child")(
            search_uri=search_uri, child=child, run=RUN
        )
        with_child_resources(with_state(trained, **store), **resources)
    return dsl.Collected(trained.output)


def a_job_each(
    search_uri: str, proposed: PipelineTask, store: Store, resources: Resources, prefix: str = ""
) -> Rewards:
    """Train each child in a Job, whose resources the search's settings say."""
    task = called(train_as_jobs, f"{prefix}train-as-jobs")
    trained = task(search_uri=search_uri, children=proposed.output, run=RUN, **store)
    trained.set_env_variable("NAS_IMAGE", IMAGE)
    kubernetes.use_field_path_as_env(trained, "NAS_NAMESPACE", "metadata.namespace")
    kubernetes.use_field_path_as_env(trained, "NAS_SERVICE_ACCOUNT", "spec.serviceAccountName")
    with_small_resources(with_state(trained, **store, timeout_s=ROUND_TIMEOUT_S))
    return trained.output


def all_in_one_pod(
    search_uri: str, proposed: PipelineTask, store: Store, resources: Resources, prefix: str = ""
) -> Rewards:
    """Train all children in one pod."""
    task = called(train_children, f"{prefix}train-children")
    trained = task(search_uri=search_uri, children=proposed.output, run=RUN)
    with_child_resources(with_state(trained, **store, timeout_s=ROUND_TIMEOUT_S), **resources)
    return trained.output
