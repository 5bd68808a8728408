from kfp import dsl
from kfp_nas.components.image import IMAGE


@dsl.component(base_image=IMAGE, install_kfp_package=False)
def update_controller(
    search_uri: str, replica: int, round: int, run: str, metrics: dsl.Output[dsl.Metrics]
):
    """Let the controller learn from a round; nothing is done while a result is missing.

    Args:
        search_uri: Where the search's state lies.
        replica: Which controller replica this run is.
        round: The round's number.
        run: Id of this pipeline run.
        metrics: What the step of learning came to, by the controller's own names.
    """
    from nas_lib import kubeflow_artifacts, pods, steps

    with pods.pod_step(search_uri, "update_controller", run, replica=replica) as search:
        learned = steps.update_controller(search, replica=replica, round=round, run=run)
        for name, value in kubeflow_artifacts.learned_metrics(learned).items():
            metrics.log_metric(name, value)
