from typing import List

from kfp import dsl, kubernetes
from kfp.dsl import PipelineTask
from kfp_nas.components.aggregate_rewards import aggregate_rewards
from kfp_nas.components.plan_rounds import plan_rounds
from kfp_nas.components.prepare_data import prepare_data
from kfp_nas.components.sample_architectures import sample_architectures
from kfp_nas.components.train_child import train_child
from kfp_nas.components.update_controller import update_controller
from kfp_nas.components.write_report import write_report
from kfp_nas.pipelines.state import RUN, with_state


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
    """Give a task what a child may use, and place its pod.

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


@dsl.pipeline(name="nas-rounds")
def nas_rounds(
    search_uri: str,
    replica: int,
    ticks: List[int],
    num_ticks: int,
    child_cpu: str,
    child_memory: str,
    child_gpu_type: str,
    child_gpu_count: str,
    child_node_selector: dict,
    child_tolerations: list,
    store_secret: str,
    store_settings: str,
):
    """Do rounds one after the other, if there are any.

    A tick stands for no certain round: which is open, the store says. A tick that fails or loses a
    pod leaves its round open, and the next one goes on with it.
    """
    store = {"store_secret": store_secret, "store_settings": store_settings}
    with dsl.If(num_ticks > 0), dsl.ParallelFor(ticks, parallelism=1):
        sampled = sample_architectures(search_uri=search_uri, replica=replica, run=RUN)
        with_state(sampled, **store)
        sampled.register_pipeline_channels([ticks])  # else they do not reach the loop over them
        with dsl.ParallelFor(sampled.output) as child:
            trained = train_child(search_uri=search_uri, child=child, run=RUN)
            with_child_resources(
                with_state(trained, **store),
                cpu=child_cpu,
                memory=child_memory,
                gpu_type=child_gpu_type,
                gpu_count=child_gpu_count,
                node_selector=child_node_selector,
                tolerations=child_tolerations,
            )
        rewarded = aggregate_rewards(
            search_uri=search_uri,
            children=sampled.output,
            rewards=dsl.Collected(trained.output),
            run=RUN,
        )
        with_state(rewarded, **store)
        learned = update_controller(
            search_uri=search_uri, replica=replica, round=rewarded.outputs["Output"], run=RUN
        )
        with_state(learned, **store)


@dsl.pipeline(
    name="nas-search",
    pipeline_config=dsl.PipelineConfig(ttl_seconds_after_finished=7 * 24 * 3600),
)
def nas_search(
    search_uri: str = "s3://mlpipeline/nas/digits",
    preset: str = "digits",
    overrides: dict = {},  # noqa: B006 - kfp writes it into the YAML
    replica: int = 0,
    rounds_per_run: int = 5,
    child_cpu: str = "1",
    child_memory: str = "2Gi",
    child_gpu_type: str = "nvidia.com/gpu",
    child_gpu_count: str = "0",
    child_node_selector: dict = {},  # noqa: B006
    child_tolerations: list = [],  # noqa: B006
    store_secret: str = "mlpipeline-minio-artifact",
    store_settings: str = "nas-store",
):
    """Search for the neural network that fits the data, or continue the search that is stored.

    Args:
        search_uri: Where the search's state lies.
        preset: Named configuration to start from; empty continues what is stored.
        overrides: Settings that differ from the preset, such as {"children.epochs": 20}.
        replica: Which controller replica this run is.
        rounds_per_run: Rounds that this run may do; the next run goes on.
        child_cpu: CPUs of each child's pod.
        child_memory: Memory of each child's pod.
        child_gpu_type: Kind of GPU of each child's pod.
        child_gpu_count: GPUs of each child's pod, 0 for none.
        child_node_selector: Labels of the nodes for children.
        child_tolerations: Taints that children tolerate, such as those of spot nodes.
        store_secret: Secret with the store's accesskey and secretkey.
        store_settings: ConfigMap with the store's endpoint and region.
    """
    store = {"store_secret": store_secret, "store_settings": store_settings}
    prepared = prepare_data(search_uri=search_uri, preset=preset, overrides=overrides, run=RUN)
    with_state(prepared, **store)
    planned = plan_rounds(
        search_uri=search_uri, replica=replica, rounds_per_run=rounds_per_run, run=RUN
    ).after(prepared)
    with_state(planned, **store)
    rounds = nas_rounds(
        search_uri=search_uri,
        replica=replica,
        ticks=planned.outputs["ticks"],
        num_ticks=planned.outputs["num_ticks"],
        child_cpu=child_cpu,
        child_memory=child_memory,
        child_gpu_type=child_gpu_type,
        child_gpu_count=child_gpu_count,
        child_node_selector=child_node_selector,
        child_tolerations=child_tolerations,
        **store,
    )
    report = write_report(search_uri=search_uri, replica=replica, run=RUN)
    with_state(report, **store)
    report.after(prepared, planned, rounds).ignore_upstream_failure()
