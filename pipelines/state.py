"""What all tasks that touch a search's state need."""

from kfp import dsl, kubernetes
from kfp.dsl import PipelineTask

RUN = dsl.PIPELINE_JOB_ID_PLACEHOLDER
TASK_TIMEOUT_S = 24 * 3600  # of one pod: a child that hangs must not hold its round for ever
ROUND_TIMEOUT_S = 7 * TASK_TIMEOUT_S  # where one pod has to do with all children of a round
KEPT = dsl.PipelineConfig(ttl_seconds_after_finished=7 * 24 * 3600)  # what Kubernetes has of a run


def with_state(
    task: PipelineTask,
    *,
    store_secret: str,
    store_settings: str,
    timeout_s: int = TASK_TIMEOUT_S,
) -> PipelineTask:
    """Give a task the store's credentials and endpoint, and never take its result from a cache.

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
    kubernetes.add_pod_label(task, "azure.workload.identity/use", "true")  # means nothing elsewhere
    task.set_caching_options(False)
    return task


def with_small_resources(task: PipelineTask) -> PipelineTask:
    """Ask for little: the task reads and writes the state, or waits."""
    return task.set_cpu_request("100m").set_memory_request("512Mi")
