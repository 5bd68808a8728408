from typing import List

from kfp import dsl
from kfp_nas.components.image import IMAGE


@dsl.component(base_image=IMAGE, install_kfp_package=False)
def train_best(search_uri: str, run: str) -> List[str]:
    """Begin the final training of the best networks, and keep other runs away from it.

    Only where the search's setting final.follows asks for it, and once the search is finished.

    Args:
        search_uri: Where the search's state lies.
        run: Id of this pipeline run.

    Returns:
        For each round that it is expected to take, and for one more in case one gets lost, where
        the state of the final training lies; none if there is nothing to do.
    """
    from nas_lib import pods
    from nas_lib.cluster import own_run

    with pods.pod_step(search_uri, "train_best", run) as search:
        return pods.train_best(
            search, run=run, is_alive=own_run.is_alive, end_schedule=own_run.end_schedule
        )
