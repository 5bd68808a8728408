"""What comes after a search: its best networks are trained to the end, the winner exported."""

from typing import Any, Dict, List

from kfp import dsl
from kfp.dsl import PipelineTask
from kfp.dsl.base_component import BaseComponent
from kfp_nas.components.aggregate_rewards import aggregate_rewards
from kfp_nas.components.export_model import export_model
from kfp_nas.components.sample_architectures import sample_architectures
from kfp_nas.components.train_best import train_best
from kfp_nas.pipelines.fan_out import FanOut, Store
from kfp_nas.pipelines.state import (
    RUN,
    called,
    named,
    with_data_resources,
    with_small_resources,
    with_state,
)

PREFIX = "final-"  # of what has its like in the rounds of a search
REPLICA = 0  # a final training has only one


def final_training(
    search_uri: str,
    trainings: BaseComponent,
    *,
    after: PipelineTask,
    plan: Dict[str, Any],
    store: Store,
) -> None:
    """Wire the final training of a search, which has no rounds where none is to be done.

    Args:
        search_uri: Of the search.
        trainings: What `trainings_pipeline` returns.
        after: What it comes after.
        plan: What `planned_run` returns.
        store: Where the store's credentials and address are.
    """
    begun = train_best(search_uri=search_uri, run=RUN).after(after)
    with_small_resources(with_state(begun, **store))
    resources = {name: value for name, value in plan.items() if name != "ticks"}
    trainings(search_uri=search_uri, training_uris=begun.output, **resources, **store)


def trainings_pipeline(train: FanOut) -> BaseComponent:
    """Return a pipeline that does rounds of final trainings, one after the other.

    As in a search, the store says what is to be done next, and the next round makes good what one
    has left open. A pipeline stands between the two loops, as `kfp.local` mixes up their items.
    """
    a_round = _round_pipeline(train)

    @dsl.pipeline(name="final-trainings")
    def final_trainings(
        search_uri: str,
        training_uris: List[str],
        cpu: str,
        memory: str,
        gpu_type: str,
        gpu_count: str,
        node_selector: dict,
        tolerations: list,
        store_secret: str,
        store_settings: str,
    ):
        """Do the rounds, if there are any: a loop over none has no turns."""
        with named(dsl.ParallelFor(training_uris, parallelism=1), "final-round") as training_uri:
            a_round(
                search_uri=search_uri,
                training_uri=training_uri,
                cpu=cpu,
                memory=memory,
                gpu_type=gpu_type,
                gpu_count=gpu_count,
                node_selector=node_selector,
                tolerations=tolerations,
                store_secret=store_secret,
                store_settings=store_settings,
            )

    return final_trainings


def _round_pipeline(train: FanOut) -> BaseComponent:
    @dsl.pipeline(name="training-round")
    def training_round(
        search_uri: str,
        training_uri: str,
        cpu: str,
        memory: str,
        gpu_type: str,
        gpu_count: str,
        node_selector: dict,
        tolerations: list,
        store_secret: str,
        store_settings: str,
    ):
        """Train the children of a round, and export the winner after the last one."""
        store = {"store_secret": store_secret, "store_settings": store_settings}
        resources = {
            "cpu": cpu,
            "memory": memory,
            "gpu_type": gpu_type,
            "gpu_count": gpu_count,
            "node_selector": node_selector,
            "tolerations": tolerations,
        }
        sample = called(sample_architectures, f"{PREFIX}sample-architectures")
        sampled = sample(search_uri=training_uri, replica=REPLICA, run=RUN)
        with_small_resources(with_state(sampled, **store))
        rewards = train(training_uri, sampled, store, resources, PREFIX)
        rewarded = called(aggregate_rewards, f"{PREFIX}aggregate-rewards")(
            search_uri=training_uri, children=sampled.output, rewards=rewards, run=RUN
        )
        with_small_resources(with_state(rewarded, **store))
        with named(dsl.If(rewarded.outputs["Output"] == -1), "once-finished"):
            exported = export_model(search_uri=search_uri, run=RUN)
            with_data_resources(with_state(exported, **store))

    return training_round
