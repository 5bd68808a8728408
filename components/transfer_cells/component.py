from kfp import dsl
from kfp_nas.components.image import IMAGE


@dsl.component(base_image=IMAGE, install_kfp_package=False)
def transfer_cells(
    search_uri: str,
    source: str,
    preset: str,
    overrides: dict,
    run: str,
    summary: dsl.Output[dsl.Markdown],
) -> int:
    """Begin the transfer of networks that were found elsewhere, or continue the one that is there.

    It stores the data of their new task, for which they are then trained.

    Args:
        search_uri: Where the transfer's state lies, such as s3://bucket/prefix.
        source: Where a search lies, or cells by name; empty where the overrides name networks.
        preset: Name of the configuration with their task; empty continues what is stored.
        overrides: Settings that differ, such as {"final.size.parameters": 1000000}.
        run: Id of this pipeline run.
        summary: What was prepared, for people.

    Returns:
        Number of training examples.
    """
    from pathlib import Path

    from nas_lib import kubeflow_artifacts, pods

    with pods.pod_step(search_uri, "transfer_cells", run) as search:
        prepared = pods.transfer_cells(
            search, source=source, preset=preset, overrides=overrides, run=run
        )
        Path(summary.path).write_text(kubeflow_artifacts.prepared_text(search, prepared))
        return prepared.num_train if prepared else 0
