"""What Kubeflow and Kubernetes know of runs on one search, asked by these runs themselves.

A run's pods may ask Kubeflow's API where it stands alone; where there are profiles they are
strangers to it, and look for the run's Workflow. Whoever may do neither is told nothing.
"""

from __future__ import annotations

import os
from contextlib import suppress
from typing import Any
from uuid import UUID

from nas_lib.cluster.kubeflow_api import KubeflowApi
from nas_lib.cluster.kubeflow_runs import ENDED, state_of
from nas_lib.cluster.kubernetes_api import KubernetesApi
from nas_lib.errors import NasError
from nas_lib.store.environment import pods_namespace

_RUN_LABEL = "pipeline/runid"  # that Kubeflow gives to a run's Workflow
_OVER = ("Succeeded", "Failed", "Error")  # Argo's phases of a Workflow
_SOMEBODY_WAITS_S = 5.0


def is_alive(run: str) -> bool | None:
    """Return whether a run still lives; None where that cannot be told from here."""
    try:
        UUID(run)
    except ValueError:  # a run of the command, which no cluster knows
        return None
    known = _by_kubeflow(run)
    return _by_workflow(run) if known is None else known


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


def _by_kubeflow(run: str) -> bool | None:
    with suppress(NasError):
        return state_of(_run(_kubeflow(), run)) not in ENDED
    return None


def _by_workflow(run: str) -> bool | None:
    """Ask the run's Workflow; None where there is none, or no right to see it."""
    namespace = os.environ.get("NAS_NAMESPACE") or pods_namespace()
    if not namespace:
        return None
    with suppress(NasError):
        api = KubernetesApi(namespace, give_up_after_s=_SOMEBODY_WAITS_S)
        for workflow in api.workflows({_RUN_LABEL: run}):
            return workflow.get("status", {}).get("phase") not in _OVER
    return None
