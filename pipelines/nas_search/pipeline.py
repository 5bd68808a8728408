from typing import Any, Callable, Dict, List

from kfp import dsl, kubernetes
from kfp.dsl import PipelineTask
from kfp_nas.components.aggregate_rewards import aggregate_rewards
from kfp_nas.components.image import IMAGE
from kfp_nas.components.plan_rounds import plan_rounds
from kfp_nas.components.prepare_data import prepare_data
from kfp_nas.components.sample_architectures import sample_architectures
from kfp_nas.components.train_as_jobs import train_as_jobs
from kfp_nas.components.train_child import train_child
from kfp_nas.components.train_children import train_children
from kfp_nas.components.update_controller import update_controller
from kfp_nas.components.write_report import write_report
from kfp_nas.pipelines.state import ROUND_TIMEOUT_S, RUN, with_small_resources, with_state

Store = Dict[str, str]
Resources = Dict[str, Any]
Rewards = Any  # what `aggregate_rewards` takes: an output of a task, or those of a loop's tasks


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
    search_uri: str, sampled: PipelineTask, store: Store, resources: Resources
) -> Rewards:
    """Train each child in a task of its own."""
    with dsl.ParallelFor(sampled.output) as child:
        trained = train_child(search_uri=search_uri, child=child, run=RUN)
        with_child_resources(with_state(trained, **store), **resources)
    return dsl.Collected(trained.output)


def a_job_each(
    search_uri: str, sampled: PipelineTask, store: Store, resources: Resources
) -> Rewards:
    """Train each child in a Job, whose resources the search's settings say."""
    trained = train_as_jobs(search_uri=search_uri, children=sampled.output, run=RUN, **store)
    trained.set_env_variable("NAS_IMAGE", IMAGE)
    kubernetes.use_field_path_as_env(trained, "NAS_NAMESPACE", "metadata.namespace")
    kubernetes.use_field_path_as_env(trained, "NAS_SERVICE_ACCOUNT", "spec.serviceAccountName")
    with_small_resources(with_state(trained, **store, timeout_s=ROUND_TIMEOUT_S))
    return trained.output


def all_in_one_pod(
    search_uri: str, sampled: PipelineTask, store: Store, resources: Resources
) -> Rewards:
    """Train all children in one pod."""
    trained = train_children(search_uri=search_uri, children=sampled.output, run=RUN)
    with_child_resources(with_state(trained, **store, timeout_s=ROUND_TIMEOUT_S), **resources)
    return trained.output


def search_pipeline(
    name: str, train: Callable[[str, PipelineTask, Store, Resources], Rewards]
) -> dsl.base_component.BaseComponent:
    """Return the pipeline of this name, whose rounds train their children in this way."""

    @dsl.pipeline(name="nas-rounds")
    def nas_rounds(
        search_uri: str,
        replica: int,
        ticks: List[int],
        num_ticks: int,
        cpu: str,
        memory: str,
        gpu_type: str,
        gpu_count: str,
        node_selector: dict,
        tolerations: list,
        store_secret: str,
        store_settings: str,
    ):
        """Do rounds one after the other, if there are any.

        A tick stands for no certain round: which is open, the store says. A tick that fails or
        loses a pod leaves its round open, and the next one goes on with it.
        """
        store = {"store_secret": store_secret, "store_settings": store_settings}
        resources = {
            "cpu": cpu,
            "memory": memory,
            "gpu_type": gpu_type,
            "gpu_count": gpu_count,
            "node_selector": node_selector,
            "tolerations": tolerations,
        }
        with dsl.If(num_ticks > 0), dsl.ParallelFor(ticks, parallelism=1):
            sampled = sample_architectures(search_uri=search_uri, replica=replica, run=RUN)
            with_small_resources(with_state(sampled, **store))
            sampled.register_pipeline_channels([ticks])  # else they do not reach the loop over them
            rewards = train(search_uri, sampled, store, resources)
            rewarded = aggregate_rewards(
                search_uri=search_uri, children=sampled.output, rewards=rewards, run=RUN
            )
            with_small_resources(with_state(rewarded, **store))
            learned = update_controller(
                search_uri=search_uri, replica=replica, round=rewarded.outputs["Output"], run=RUN
            )
            with_small_resources(with_state(learned, **store))

    @dsl.pipeline(
        name=name, pipeline_config=dsl.PipelineConfig(ttl_seconds_after_finished=7 * 24 * 3600)
    )
    def nas_search(
        search_uri: str = "s3://mlpipeline/nas/digits",
        preset: str = "digits",
        overrides: dict = {},  # noqa: B006 - kfp writes it into the YAML
        replica: int = 0,
        rounds_per_run: int = 5,
        store_secret: str = "nas-store",
        store_settings: str = "nas-store",
    ):
        """Search for the neural network that fits the data, or continue the search that is stored.

        prepare-data creates the search, plan-rounds says what this run may do. Then rounds:
        sample-architectures proposes children, which are trained, aggregate-rewards collects their
        results, update-controller learns from them. write-report always runs; its report says how
        the search stands and what went wrong.

        Args:
            search_uri: Where the search's state lies.
            preset: Named configuration to start from; empty continues what is stored.
            overrides: Settings that differ from it, such as {"resources.gpu_count": 1}.
            replica: Which controller replica this run is.
            rounds_per_run: Rounds that this run may do; the next run goes on.
            store_secret: Secret with the store's accesskey and secretkey; without one, the pods'
                own identity counts.
            store_settings: ConfigMap with the store's endpoint, region or account.
        """
        store = {"store_secret": store_secret, "store_settings": store_settings}
        prepared = prepare_data(search_uri=search_uri, preset=preset, overrides=overrides, run=RUN)
        with_state(prepared, **store)
        planned = plan_rounds(
            search_uri=search_uri, replica=replica, rounds_per_run=rounds_per_run, run=RUN
        ).after(prepared)
        with_small_resources(with_state(planned, **store))
        rounds = nas_rounds(search_uri=search_uri, replica=replica, **planned.outputs, **store)
        report = write_report(search_uri=search_uri, replica=replica, run=RUN)
        with_state(report, **store)
        report.after(prepared, planned, rounds).ignore_upstream_failure()

    return nas_search


nas_search = search_pipeline("nas-search", a_task_each)
nas_search_jobs = search_pipeline("nas-search-jobs", a_job_each)
nas_search_pod = search_pipeline("nas-search-pod", all_in_one_pod)
