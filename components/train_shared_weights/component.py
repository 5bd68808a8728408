from kfp import dsl
from kfp_nas.components.image import IMAGE


@dsl.component(base_image=IMAGE, install_kfp_package=False)
def train_shared_weights(search_uri: str, run: str, metrics: dsl.Output[dsl.Metrics]) -> int:
    """Train the shared weights and their controller, from the last finished epoch on.

    The pod ends at the first end of an epoch after the minutes that the search's settings say.
    Once all epochs are done, it does nothing.

    Args:
        search_uri: Where the search's state lies.
        run: Id of this pipeline run.
        metrics: What the last epoch of this pod came to.

    Returns:
        1 if architectures are to be derived now, else 0.
    """
    from nas_lib import kubeflow_artifacts, pods

    with pods.pod_step(search_uri, "train_shared_weights", run) as search:
        tick = pods.train_shared_weights(search, run=run)
        for name, value in kubeflow_artifacts.epoch_metrics(tick.last_epoch).items():
            metrics.log_metric(name, value)
        return int(tick.may_derive)
