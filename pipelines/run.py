"""What every run of a search has: a beginning, ticks one after the other, and a report."""

from typing import Any, Callable, ContextManager, Dict, List

from kfp import dsl
from kfp.dsl import PipelineTask
from kfp.dsl.base_component import BaseComponent
from kfp_nas.components.plan_rounds import plan_rounds
from kfp_nas.components.prepare_data import prepare_data
from kfp_nas.components.write_report import write_report
from kfp_nas.pipelines.fan_out import Resources, Store
from kfp_nas.pipelines.state import (
    RUN,
    named,
    with_data_resources,
    with_raw_data,
    with_small_resources,
    with_state,
)

Tick = Callable[[str, int, Store, Resources], PipelineTask]
"""Wires what a tick does, of a search and a replica, and returns its first task."""


def ended_by_report(search_uri: str, *, replica: int, store: Store) -> ContextManager:
    """Open the group of all other tasks: the report comes once, whatever becomes of them.

    A backend makes a task that ignores failures a hook of each task that it comes after; so there
    must be one only, and nothing may come after the report itself.
    """
    report = write_report(search_uri=search_uri, replica=replica, run=RUN)
    with_data_resources(with_state(report, **store))  # it may test the winner
    return named(dsl.ExitHandler(report), "search")


def planned_run(
    search_uri: str,
    *,
    preset: str,
    overrides: dict,
    replica: int,
    ticks_per_run: int,
    store: Store,
    fresh: Any = False,
) -> Dict[str, Any]:
    """Prepare the search and plan what this run may do.

    Returns:
        What the plan says, by the names of its outputs: ticks, and what children's pods may use.
    """
    prepared = prepare_data(
        search_uri=search_uri, preset=preset, overrides=overrides, run=RUN, fresh=fresh
    )
    with_raw_data(with_data_resources(with_state(prepared, **store)))
    return planned_after(
        prepared, search_uri, replica=replica, ticks_per_run=ticks_per_run, store=store
    ).outputs


def planned_after(
    prepared: PipelineTask, search_uri: str, *, replica: int, ticks_per_run: int, store: Store
) -> PipelineTask:
    """Plan what this run may do of a search that a task prepares; see `planned_run`."""
    planned = plan_rounds(
        search_uri=search_uri, replica=replica, rounds_per_run=ticks_per_run, run=RUN
    ).after(prepared)
    return with_small_resources(with_state(planned, **store))


def ticks_pipeline(tick: Tick, *, called: str) -> BaseComponent:
    """Return a pipeline that does what a tick does as often as is planned.

    It stands between the exit handler and the loop, which does not find its items there.

    Args:
        tick: Wires one of them.
        called: What one is called; the pipeline's name is the plural.
    """

    @dsl.pipeline(name=f"{called}s")
    def planned_ticks(
        search_uri: str,
        replica: int,
        ticks: List[int],
        cpu: str,
        memory: str,
        gpu_type: str,
        gpu_count: str,
        node_selector: dict,
        tolerations: list,
        store_secret: str,
        store_settings: str,
    ):
        """Do ticks one after the other, if there are any: a loop over none has no turns.

        A tick stands for nothing certain: what is to be done next, the store says. A tick that
        fails or loses a pod leaves its work open, and the next one goes on with it.
        """
        store = {"store_secret": store_secret, "store_settings": store_settings}
        resources = {
            "cpu": cpu,
            "memory": memory,
            "gpu_type": gpu_type,
            "gpu_count": gpu_count,
            "node_selector": node_selector,
            "tolerations": tolerations,
        }
        with named(dsl.ParallelFor(ticks, parallelism=1), called):
            first = tick(search_uri, replica, store, resources)
            first.register_pipeline_channels([ticks])  # else they do not reach the loop over them

    return planned_ticks
