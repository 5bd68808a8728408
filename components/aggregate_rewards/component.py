from typing import List

from kfp import dsl
from kfp_nas.components.image import IMAGE


@dsl.component(base_image=IMAGE, install_kfp_package=False)
def aggregate_rewards(
    search_uri: str,
    children: List[str],
    rewards: List[float],
    run: str,
    metrics: dsl.Output[dsl.Metrics],
) -> int:
    """Collect the results of a round's children.

    Args:
        search_uri: Where the search's state lies.
        children: Ids of children of the round; its other members are known to the store.
        rewards: What training them returned; their full results are read from the store.
        run: Id of this pipeline run.
        metrics: How the round went, and the best so far.

    Returns:
        The round's number; -1 if it was the last one of a final training, whose winner may now be
        exported.
    """
    from nas_lib import kubeflow_artifacts, pods, steps

    with pods.pod_step(search_uri, "aggregate_rewards", run, children=children) as search:
        summary = steps.aggregate_rewards(search, children=children, run=run)
        for name, value in kubeflow_artifacts.round_metrics(summary).items():
            metrics.log_metric(name, value)
        return pods.round_to_learn_from(search, summary)
