from kfp import dsl
from kfp_nas.components.image import IMAGE


@dsl.component(base_image=IMAGE, install_kfp_package=False)
def write_report(
    search_uri: str,
    replica: int,
    run: str,
    about_this_run: dsl.Output[dsl.Markdown],
    report: dsl.Output[dsl.HTML],
    metrics: dsl.Output[dsl.Metrics],
):
    """Write what the search has come to; test the winner once the search is finished.

    Runs whatever became of the other tasks, and says what this run did and what failed in it, also
    where those could not say so. Kubeflow shows artifacts by name, so its summary comes first.

    Args:
        search_uri: Where the search's state lies.
        replica: Which controller replica this run is.
        run: Id of this pipeline run.
        about_this_run: How the search stands, what failed in this run, where to look next.
        report: A page with the winner, the curves and every child.
        metrics: The best score, the winner's score on the test data and the number of children.
    """
    from pathlib import Path

    from nas_lib import kubeflow_artifacts, pods

    with pods.pod_step(search_uri, "write_report", run) as search:
        view = pods.write_report(search, replica=replica, run=run)
        written = kubeflow_artifacts.report_of(search, view)
        Path(about_this_run.path).write_text(written.text)
        Path(report.path).write_text(written.page)
        for name, value in written.metrics.items():
            metrics.log_metric(name, value)
