"""What is read in Jobs and pods as Kubernetes writes them."""

from __future__ import annotations

from typing import Any

import pytest

from nas_lib.cluster.job_news import job_outcome
from nas_lib.cluster.job_pods import pod_trouble


def job(*conditions: dict[str, str], **metadata: str) -> dict[str, Any]:
    return {"metadata": {"name": "a-job", **metadata}, "status": {"conditions": list(conditions)}}


def condition(type_: str, status: str = "True", **more: str) -> dict[str, str]:
    return {"type": type_, "status": status, **more}


@pytest.mark.parametrize(
    "going_on",
    [
        {"metadata": {"name": "just-made"}},
        job(),
        job(condition("Complete", "False")),
        job(condition("Suspended", reason="JobSuspended")),  # Kueue has it wait
        job(condition("FailureTarget", reason="DeadlineExceeded")),  # its pods are still there
        job(condition("SuccessCriteriaMet", reason="CompletionsReached")),
    ],
)
def test_a_job_goes_on_until_it_is_complete_or_failed(going_on: dict[str, Any]) -> None:
    assert job_outcome(going_on) is None


@pytest.mark.parametrize(
    ("ended", "outcome"),
    [
        (job(condition("Complete")), "ended: Complete"),  # before Kubernetes 1.31, without a reason
        (
            job(condition("Failed", reason="BackoffLimitExceeded", message="too often")),
            "ended: BackoffLimitExceeded too often",
        ),
        (job(deletionTimestamp="2026-11-24T15:00:00Z"), "was deleted"),
        ({}, "was deleted"),
    ],
)
def test_how_a_job_ended_is_in_its_own_words(ended: dict[str, Any], outcome: str) -> None:
    assert job_outcome(ended) == outcome


def pod(phase: str, state: dict[str, Any] | None = None, **status: Any) -> dict[str, Any]:
    containers = {"containerStatuses": [{"name": "child", "state": state}]} if state else {}
    return {"metadata": {"name": "a-pod"}, "status": {"phase": phase, **containers, **status}}


@pytest.mark.parametrize(
    "well",
    [
        pod("Pending"),
        pod("Pending", {"waiting": {"reason": "ContainerCreating"}}),
        pod("Running", {"running": {"startedAt": "2026-11-24T15:00:00Z"}}),
        pod("Succeeded", {"terminated": {"exitCode": 0, "reason": "Completed"}}),
        pod("Pending", conditions=[{"type": "PodScheduled", "status": "True"}]),
    ],
)
def test_nothing_is_wrong_with_a_pod_that_starts_runs_or_is_done(well: dict[str, Any]) -> None:
    assert pod_trouble(well) == ""


@pytest.mark.parametrize(
    ("ill", "trouble"),
    [
        (
            pod("Pending", {"waiting": {"reason": "ErrImagePull", "message": "not found"}}),
            "ErrImagePull not found",
        ),
        (
            pod("Pending", {"waiting": {"reason": "CreateContainerConfigError"}}),
            "CreateContainerConfigError",
        ),
        (
            pod("Failed", {"terminated": {"exitCode": 137, "reason": "OOMKilled"}}),
            "OOMKilled, exit code 137 (raise resources.memory)",
        ),
        (
            pod("Failed", {"terminated": {"exitCode": 1, "reason": "Error"}}),
            "Error, exit code 1",
        ),
        (
            pod(
                "Pending",
                conditions=[
                    {
                        "type": "PodScheduled",
                        "status": "False",
                        "reason": "Unschedulable",
                        "message": "0/3 nodes are available",
                    }
                ],
            ),
            "Unschedulable 0/3 nodes are available",
        ),
        (
            pod(  # what its container says, 137, is only what became of it
                "Failed",
                {"terminated": {"exitCode": 137, "reason": "Error"}},
                reason="Evicted",
                message="The node was low on resource: ephemeral-storage.",
            ),
            "Evicted The node was low on resource: ephemeral-storage.",
        ),
        (pod("Failed", reason="UnexpectedAdmissionError"), "UnexpectedAdmissionError"),
    ],
)
def test_what_is_wrong_with_a_pod_is_in_kubernetes_own_words(
    ill: dict[str, Any], trouble: str
) -> None:
    assert pod_trouble(ill) == trouble
