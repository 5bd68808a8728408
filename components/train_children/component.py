from typing import List

from kfp import dsl
from kfp_nas.components.image import IMAGE


@dsl.component(base_image=IMAGE, install_kfp_package=False)
def train_children(search_uri: str, children: List[str], run: str) -> List[float]:
    """Train all children of a round in this pod, as many at once as it has GPUs, or else CPUs.

    A child that diverges, runs out of memory or crashes is a result too, and no failed task.

    Args:
        search_uri: Where the search's state lies.
        children: Ids of the children, all of one round.
        run: Id of this pipeline run.

    Returns:
        Each child's reward; 0 where there is none.
    """
    from nas_lib import pods

    with pods.pod_step(search_uri, "train_children", run, children=children) as search:
        return pods.train_children(search, children=children, run=run)
