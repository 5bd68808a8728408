from typing import List, NamedTuple

from kfp import dsl
from kfp_nas.components.image import IMAGE


@dsl.component(base_image=IMAGE, install_kfp_package=False)
def plan_rounds(search_uri: str, replica: int, rounds_per_run: int, run: str) -> NamedTuple(
    "Plan",
    ticks=List[int],
    cpu=str,
    memory=str,
    gpu_type=str,
    gpu_count=str,
    node_selector=dict,
    tolerations=list,
):
    """Say how many rounds this run may do, and keep other runs of this replica away.

    With shared weights a tick stands for a stretch of their training, and for what they tell.

    Args:
        search_uri: Where the search's state lies.
        replica: Which controller replica this run is.
        rounds_per_run: Rounds, or stretches, that one run may do at most.
        run: Id of this pipeline run.

    Returns:
        One tick for each round, none if the search is finished or held by another run; and what
        the pods of children may use, as the search's settings have it.
    """
    from nas_lib import kubeflow_artifacts, pods
    from nas_lib.cluster import own_run

    with pods.pod_step(search_uri, "plan_rounds", run) as search:
        plan = pods.plan_rounds(
            search,
            replica=replica,
            rounds_per_run=rounds_per_run,
            run=run,
            is_alive=own_run.is_alive,
            end_schedule=own_run.end_schedule,
        )
        resources = kubeflow_artifacts.child_resources(search.config.resources)
        return (list(plan.ticks), *resources)
