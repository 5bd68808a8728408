from typing import List

from kfp import dsl
from kfp_nas.components.image import IMAGE


@dsl.component(base_image=IMAGE, install_kfp_package=False)
def derive_architectures(search_uri: str, run: str) -> List[str]:
    """Choose by the shared weights what is trained from scratch.

    The controller's samples are scored on all validation data, and the best are kept; some drawn
    uniformly join them. Doing it again gives the same children.

    Args:
        search_uri: Where the search's state lies.
        run: Id of this pipeline run.

    Returns:
        Ids of the children to train, at least one.
    """
    from nas_lib import pods

    with pods.pod_step(search_uri, "derive_architectures", run) as search:
        return pods.derive_architectures(search, run=run)
