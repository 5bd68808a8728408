from typing import List

from kfp import dsl
from kfp_nas.components.image import IMAGE


@dsl.component(base_image=IMAGE, install_kfp_package=False)
def sample_architectures(search_uri: str, replica: int, run: str) -> List[str]:
    """Let the controller propose the children of this replica's current round.

    A round that was left open is gone on with; one with nothing left to train is learned from, and
    the next one proposed.

    Args:
        search_uri: Where the search's state lies.
        replica: Which controller replica this run is.
        run: Id of this pipeline run.

    Returns:
        Ids of the children to train, at least one.
    """
    from nas_lib import pods, steps

    with pods.pod_step(search_uri, "sample_architectures", run, replica=replica) as search:
        return steps.sample_architectures(search, replica=replica, run=run)
