"""What becomes of a round's Jobs, with few calls to Kubernetes."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator

from nas_lib.cluster.kubernetes_api import KubernetesApi, Labels, Resource

LOOK_S = 60.0
"""How often to see how the Jobs' pods fare."""
DELETED = "was deleted"
_PAUSE_S = 1.0  # between two lists at least, however soon connections end
_SLACK_S = 1.0  # a connection's time is in whole seconds


class JobNews:
    """The Jobs with certain labels as they change, over one connection while that lasts."""

    def __init__(self, api: KubernetesApi, labels: Labels) -> None:
        """Nothing is asked for yet."""
        self._api = api
        self._labels = labels
        self._jobs: dict[str, Resource] = {}
        self._changes: Iterator[Resource] | None = None
        self._until_s = 0.0  # when the connection ends
        self._listed_s = -_PAUSE_S

    @property
    def num_failed(self) -> int:
        """Pods that these Jobs have lost."""
        return sum(job.get("status", {}).get("failed") or 0 for job in self._jobs.values())

    def may_have_pods(self, name: str) -> bool:
        """Whether Kubernetes makes pods of this Job now: none while it waits in a queue."""
        job = self._jobs.get(name, {})
        return bool(job) and not job["spec"].get("suspend") and job_outcome(job) is None

    def expect(self, job: Resource) -> None:
        """Count on this Job to be there: if it is not, it was deleted."""
        self._jobs[job["metadata"]["name"]] = job

    def wait(self, timeout_s: float) -> Iterable[Resource]:
        """Return Jobs that may have changed, waiting for the first at most about this long.

        One that was deleted is returned with the time of that. It may return before, without any.
        """
        until_s = time.monotonic() + min(timeout_s, LOOK_S)
        if self._changes is None or self._until_s > until_s + _SLACK_S:
            return self._begin(until_s)
        change = next(self._changes, None)
        if change is None:
            self._changes = None
            return ()
        job: Resource = change["object"]
        if change["type"] == "DELETED":
            job["metadata"].setdefault("deletionTimestamp", "unknown")
        self._jobs[job["metadata"]["name"]] = job
        return [job]

    def _begin(self, until_s: float) -> Iterable[Resource]:
        """Ask how all Jobs are, and to be told of changes from there."""
        time.sleep(max(0.0, self._listed_s + _PAUSE_S - time.monotonic()))
        jobs, version = self._api.jobs(self._labels)
        self._listed_s = time.monotonic()
        found = {job["metadata"]["name"]: job for job in jobs}
        for name, job in self._jobs.items():
            if name not in found:
                job["metadata"].setdefault("deletionTimestamp", "unknown")
        self._jobs |= found
        self._changes = self._api.changes(self._labels, version, until_s - self._listed_s)
        self._until_s = until_s
        return list(self._jobs.values())


def job_outcome(job: Resource) -> str | None:
    """Say how a Job ended, None while it goes on; an empty one is one that is not there."""
    if not job or job["metadata"].get("deletionTimestamp"):
        return DELETED
    for condition in job.get("status", {}).get("conditions") or ():
        if condition["status"] == "True" and condition["type"] in ("Complete", "Failed"):
            reason = condition.get("reason") or condition["type"]
            return f"ended: {reason} {condition.get('message', '')}".strip()
    return None
