from kfp import dsl
from kfp_nas.components.image import IMAGE


@dsl.component(base_image=IMAGE, install_kfp_package=False)
def train_child(search_uri: str, child: str, run: str) -> float:
    """Build and train one child network, and store its result.

    A child that diverges, runs out of memory or crashes is a result too, and no failed task.

    Args:
        search_uri: Where the search's state lies.
        child: The child's id.
        run: Id of this pipeline run.

    Returns:
        The child's reward; 0 where training failed.
    """
    from nas_lib import pods

    with pods.pod_step(search_uri, "train_child", run, children=[child]) as search:
        return pods.train_child(search, child=child, run=run)
