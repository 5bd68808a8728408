"""Runs on Kubeflow that ended before they could report: cancelled, terminated or lost."""

from __future__ import annotations

from collections.abc import Collection

from nas_lib.records import RunPlan
from nas_lib.store import SearchStore, layout


def lost_runs(store: SearchStore, *, but: Collection[str]) -> list[RunPlan]:
    """Return what such runs planned, in order of time.

    A run's last task stores its report, whatever became of the others; only where the run was ended
    from outside, or that task failed itself, there is none.

    Args:
        store: The search's.
        but: Runs that may be at work yet.
    """
    runs = [key.split("/")[1] for key in store.objects.keys(layout.RUNS) if layout.is_plan(key)]
    if not set(runs) - set(but):
        return []
    reported = {key.split("/")[1] for key in store.objects.keys(layout.REPORTS)}
    keys = [layout.run_plan(run) for run in runs if run not in reported and run not in but]
    found = store.each(lambda key: store.find_note(RunPlan, key), keys)
    return sorted(
        (plan for plan in found if plan and plan.num_ticks), key=lambda plan: plan.created_s
    )
