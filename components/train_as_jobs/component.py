from typing import List

from kfp import dsl
from kfp_nas.components.image import IMAGE


@dsl.component(base_image=IMAGE, install_kfp_package=False)
def train_as_jobs(
    search_uri: str, children: List[str], run: str, store_secret: str, store_settings: str
) -> List[float]:
    """Train each child in a Kubernetes Job of its own, and wait for them.

    What a Job may use and how long a round waits for it, the search's settings say. A Job that
    fails is tried again; a child without a result leaves its round open, and is no failed task.

    Args:
        search_uri: Where the search's state lies.
        children: Ids of the children, all of one round.
        run: Id of this pipeline run.
        store_secret: Secret with the store's accesskey and secretkey, for the Jobs' pods.
        store_settings: ConfigMap with the store's endpoint, region or account, for the Jobs' pods.

    Returns:
        Each child's reward; 0 where there is none.
    """
    from nas_lib import pods
    from nas_lib.cluster import jobs

    with pods.pod_step(search_uri, "train_as_jobs", run, children=children) as search:
        return jobs.train_as_jobs(
            search,
            children=children,
            run=run,
            store_secret=store_secret,
            store_settings=store_settings,
        )
