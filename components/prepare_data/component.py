from kfp import dsl
from kfp_nas.components.image import IMAGE


@dsl.component(base_image=IMAGE, install_kfp_package=False)
def prepare_data(
    search_uri: str,
    preset: str,
    overrides: dict,
    run: str,
    summary: dsl.Output[dsl.Markdown],
    fresh: bool = False,
) -> int:
    """Create the search and store its data, or continue the search that is there.

    Args:
        search_uri: Where the search's state lies, such as s3://bucket/prefix.
        preset: Name of the configuration to start from; empty continues what is stored.
        overrides: Settings that differ, such as {"children.epochs": 20}.
        run: Id of this pipeline run.
        summary: What was prepared, for people.
        fresh: Whether it is one of several on data that change, and begins with the last's best.

    Returns:
        Number of training examples; 0 if the search needs no data from us.
    """
    from pathlib import Path

    from nas_lib import kubeflow_artifacts, pods

    with pods.pod_step(search_uri, "prepare_data", run) as search:
        prepared = pods.prepare_data(
            search, preset=preset, overrides=overrides, run=run, fresh=fresh
        )
        Path(summary.path).write_text(kubeflow_artifacts.prepared_text(search, prepared))
        return prepared.num_train if prepared else 0
