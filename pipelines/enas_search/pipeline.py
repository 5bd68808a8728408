from kfp import dsl
from kfp.dsl import PipelineTask
from kfp.dsl.base_component import BaseComponent
from kfp_nas.components.aggregate_rewards import aggregate_rewards
from kfp_nas.components.derive_architectures import derive_architectures
from kfp_nas.components.train_shared_weights import train_shared_weights
from kfp_nas.pipelines.fan_out import (
    FanOut,
    Resources,
    Store,
    a_job_each,
    a_task_each,
    all_in_one_pod,
    with_child_resources,
)
from kfp_nas.pipelines.final_training import final_training, trainings_pipeline
from kfp_nas.pipelines.run import Tick, ended_by_report, planned_run, ticks_pipeline
from kfp_nas.pipelines.state import KEPT, RUN, named, with_small_resources, with_state

REPLICA = 0  # with shared weights there is only one


def a_stretch(train: FanOut) -> Tick:
    """Return the wiring of a stretch of shared-weight training.

    The one that finds the weights trained goes on to what they tell: so whatever gets lost there,
    the next one does again.
    """

    def tick(search_uri: str, replica: int, store: Store, resources: Resources) -> PipelineTask:
        trained = train_shared_weights(search_uri=search_uri, run=RUN)
        with_child_resources(with_state(trained, **store), **resources)
        with named(dsl.If(trained.outputs["Output"] == 1), "once-trained"):
            derived = derive_architectures(search_uri=search_uri, run=RUN)
            with_child_resources(with_state(derived, **store), **resources)
            rewards = train(search_uri, derived, store, resources)
            rewarded = aggregate_rewards(
                search_uri=search_uri, children=derived.output, rewards=rewards, run=RUN
            )
            with_small_resources(with_state(rewarded, **store))
        return trained

    return tick


def search_pipeline(name: str, train: FanOut) -> BaseComponent:
    """Return the pipeline of this name, which trains derived children in this way."""
    ticks = ticks_pipeline(a_stretch(train), called="tick")
    trainings = trainings_pipeline(train)

    @dsl.pipeline(name=name, pipeline_config=KEPT)
    def enas_search(
        search_uri: str = "s3://mlpipeline/nas/enas-macro-digits",
        preset: str = "enas-macro-digits",
        overrides: dict = {},  # noqa: B006 - kfp writes it into the YAML
        ticks_per_run: int = 10,
        store_secret: str = "nas-store",
        store_settings: str = "nas-store",
    ):
        """Search by shared weights (ENAS), or continue the search that is stored.

        prepare-data creates the search, plan-rounds says what this run may do. Then ticks:
        train-shared-weights trains them and the controller for some minutes. Once they are trained,
        derive-architectures proposes children, which are trained from scratch, and
        aggregate-rewards collects their results. Where the search is finished and final.follows is
        set, train-best begins the final training of its best networks: its rounds are trained as
        sample-architectures says, and export-model stores the winner as a model. write-report
        always runs; its report says how the search stands and what went wrong.

        Args:
            search_uri: Where the search's state lies.
            preset: Named configuration to start from; empty continues what is stored.
            overrides: Settings that differ from it, such as {"resources.gpu_count": 1}.
            ticks_per_run: Pods, one after the other, that train shared weights in this run, each
                for search.tick_minutes; the next run goes on.
            store_secret: Secret with the store's accesskey and secretkey; without one, the pods'
                own identity counts.
            store_settings: ConfigMap with the store's endpoint, region or account.
        """
        store = {"store_secret": store_secret, "store_settings": store_settings}
        with ended_by_report(search_uri, replica=REPLICA, store=store):
            plan = planned_run(
                search_uri,
                preset=preset,
                overrides=overrides,
                replica=REPLICA,
                ticks_per_run=ticks_per_run,
                store=store,
            )
            done = ticks(search_uri=search_uri, replica=REPLICA, **plan, **store)
            final_training(search_uri, trainings, after=done, plan=plan, store=store)

    return enas_search


enas_search = search_pipeline("enas-search", a_task_each)
enas_search_jobs = search_pipeline("enas-search-jobs", a_job_each)
enas_search_pod = search_pipeline("enas-search-pod", all_in_one_pod)
