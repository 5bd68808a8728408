"""What Kubeflow and Kubernetes know of runs on one search, asked by these runs themselves.

A run's pods may ask Kubeflow's API where it stands alone; where there are profiles they are
strangers to it, and look for the run's Workflow. Whoever may do neither is told nothing.
"""

from __future__ import annotations

import os
from contextlib import suppress
from typing import Any, Literal
from uuid import UUID

from nas_lib.cluster.kubeflow_api import KubeflowApi
from nas_lib.cluster.kubeflow_runs import ENDED, state_of
from nas_lib.cluster.kubernetes_api import KubernetesApi
from nas_lib.errors import NasError
from nas_lib.store.environment import pods_namespace

Fate = Literal["at work", "ended", "cancelled"]

_RUN_LABEL = "pipeline/runid"  # that Kubeflow gives to a run's Workflow
_OVER = ("Succeeded", "Failed", "Error")  # Argo's phases of a Workflow
_SOMEBODY_WAITS_S = 5.0


def fate(run: str) -> Fate | None:
    """Return what became of a run; None where that cannot be told from here."""
    try:
        UUID(run)
    except ValueError:  # a run of the command, which no cluster knows
        return None
    state = _kubeflow_state(run) or _workflow_state(run)
    if state is None:
        return None
    if state == "CANCELED":
        return "cancelled"
    return "ended" if state in ENDED else "at work"


def is_alive(run: str) -> bool | None:
    """Return whether a run still lives; None where that cannot be told from here."""
    known = fate(run)
    return None if known is None else known == "at work"


def end_schedule(run: str) -> str | None:
    """Disable the schedule that began this run, whose search is finished.

    Returns:
        What became of it; None where no schedule began the run, or this is no cluster.
    """
    if not {"KF_PIPELINES_ENDPOINT", "KUBERNETES_SERVICE_HOST"} & os.environ.keys():
        return None
    try:
        api = _kubeflow()
        schedule = _run(api, run).recurring_run_id
        if schedule:
            disable = api.recurring_runs.recurring_run_service_disable_recurring_run
            api.ask(f"disable the schedule {schedule}", disable, schedule)
    except NasError as err:
        return (
            "the search is finished; if a schedule began this run, it goes on with such runs until "
            f"`nas cancel SCHEDULE` ends it ({err})"
        )
    if not schedule:
        return None
    return (
        f"the search is finished, and its schedule {schedule} is disabled; to go on with a larger "
        "budget, make another with `nas schedule --replace`"
    )


def _kubeflow() -> KubeflowApi:
    return KubeflowApi(
        os.environ.get("KF_PIPELINES_ENDPOINT"),
        token=os.environ.get("NAS_KUBEFLOW_TOKEN"),
        answer_timeout_s=_SOMEBODY_WAITS_S,
    )


def _run(api: KubeflowApi, run: str) -> Any:
    return api.ask(f"find the run {run}", api.runs.run_service_get_run, run)


def _kubeflow_state(run: str) -> str | None:
    with suppress(NasError):
        return state_of(_run(_kubeflow(), run))
    return None


def _workflow_state(run: str) -> str | None:
    """Return the same from the run's Workflow; None where there is none, or no right to see it."""
    namespace = os.environ.get("NAS_NAMESPACE") or pods_namespace()
    if not namespace:
        return None
    with suppress(NasError):
        api = KubernetesApi(namespace, give_up_after_s=_SOMEBODY_WAITS_S)
        for workflow in api.workflows({_RUN_LABEL: run}):
            if workflow.get("status", {}).get("phase") not in _OVER:
                return "RUNNING"
            # what Kubeflow's way to terminate a run is
            is_cancelled = workflow["spec"].get("activeDeadlineSeconds") == 0
            return "CANCELED" if is_cancelled else "SUCCEEDED"
    return None
