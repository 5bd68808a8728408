from kfp import dsl
from kfp.dsl import PipelineTask
from kfp.dsl.base_component import BaseComponent
from kfp_nas.components.aggregate_rewards import aggregate_rewards
from kfp_nas.components.sample_architectures import sample_architectures
from kfp_nas.components.update_controller import update_controller
from kfp_nas.pipelines.fan_out import (
    FanOut,
    Resources,
    Store,
    a_job_each,
    a_task_each,
    all_in_one_pod,
)
from kfp_nas.pipelines.final_training import final_training, trainings_pipeline
from kfp_nas.pipelines.run import Tick, ended_by_report, planned_run, ticks_pipeline
from kfp_nas.pipelines.state import KEPT, RUN, with_small_resources, with_state


def a_round(train: FanOut) -> Tick:
    """Return the wiring of a round, whose children are trained in this way."""

    def tick(search_uri: str, replica: int, store: Store, resources: Resources) -> PipelineTask:
        sampled = sample_architectures(search_uri=search_uri, replica=replica, run=RUN)
        with_small_resources(with_state(sampled, **store))
        rewards = train(search_uri, sampled, store, resources)
        rewarded = aggregate_rewards(
            search_uri=search_uri, children=sampled.output, rewards=rewards, run=RUN
        )
        with_small_resources(with_state(rewarded, **store))
        learned = update_controller(
            search_uri=search_uri, replica=replica, round=rewarded.outputs["Output"], run=RUN
        )
        with_small_resources(with_state(learned, **store))
        return sampled

    return tick


def search_pipeline(name: str, train: FanOut) -> BaseComponent:
    """Return the pipeline of this name, whose rounds train their children in this way."""
    rounds = ticks_pipeline(a_round(train), called="round")
    trainings = trainings_pipeline(train)

    @dsl.pipeline(name=name, pipeline_config=KEPT)
    def nas_search(
        search_uri: str = "s3://mlpipeline/nas/digits",
        preset: str = "digits",
        overrides: dict = {},  # noqa: B006 - kfp writes it into the YAML
        replica: int = 0,
        rounds_per_run: int = 5,
        store_secret: str = "nas-store",
        store_settings: str = "nas-store",
        fresh: bool = False,
    ):
        """Search for the neural network that fits the data, or continue the search that is stored.

        prepare-data creates the search, plan-rounds says what this run may do. Then rounds:
        sample-architectures proposes children, which are trained, aggregate-rewards collects their
        results, update-controller learns from them. Where the search is finished and final.follows
        is set, train-best begins the final training of its best networks, and export-model stores
        the winner as a model. write-report always runs; its report says how the search stands and
        what went wrong.

        Args:
            search_uri: Where the search's state lies.
            preset: Named configuration to start from; empty continues what is stored.
            overrides: Settings that differ from it, such as {"resources.gpu_count": 1}.
            replica: Which controller replica this run is.
            rounds_per_run: Rounds that this run may do; the next run goes on.
            store_secret: Secret with the store's accesskey and secretkey; without one, the pods'
                own identity counts.
            store_settings: ConfigMap with the store's endpoint, region or account.
            fresh: Of a schedule whose search_uri ends with [[ScheduledTime]]: each run is a search
                of its own on the data as they are, and its model follows the one in use if it is
                better.
        """
        store = {"store_secret": store_secret, "store_settings": store_settings}
        with ended_by_report(search_uri, replica=replica, store=store):
            plan = planned_run(
                search_uri,
                preset=preset,
                overrides=overrides,
                replica=replica,
                ticks_per_run=rounds_per_run,
                store=store,
                fresh=fresh,
            )
            done = rounds(search_uri=search_uri, replica=replica, **plan, **store)
            final_training(search_uri, trainings, after=done, plan=plan, store=store)

    return nas_search


nas_search = search_pipeline("nas-search", a_task_each)
nas_search_jobs = search_pipeline("nas-search-jobs", a_job_each)
nas_search_pod = search_pipeline("nas-search-pod", all_in_one_pod)
