"""Children as Kubernetes Jobs: one each, named after it, so that making it twice is one Job."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Sequence
from dataclasses import replace

from nas_lib.cluster.child_job import (
    RUN_LABEL,
    JobPlace,
    child_job,
    job_name,
    made_from,
    round_labels,
    run_labels,
)
from nas_lib.cluster.job_news import DELETED, JobNews, job_outcome
from nas_lib.cluster.job_pods import JobPods
from nas_lib.cluster.kubernetes_api import KubernetesApi, Labels, Resource
from nas_lib.engine import Listener, train_round
from nas_lib.errors import ClusterError, ConfigError
from nas_lib.open_search import OpenSearch
from nas_lib.pods import Log
from nas_lib.records import ChildResult
from nas_lib.store import heartbeat, layout

_STEP = "train_as_jobs"
_SOMEBODY_WAITS_S = 5.0
_QUIET_S = 3.0  # a run that is ended makes no more Jobs after this long without a new one
_DELETED_WITHIN_S, _DELETED_POLL_S = 120.0, 0.5


def train_as_jobs(
    search: OpenSearch, *, children: Sequence[str], run: str, store_secret: str, store_settings: str
) -> list[float]:
    """Train children of one round in a Job each; return their rewards, 0 for one without a result.

    Args:
        search: The search.
        children: Their ids.
        run: This run.
        store_secret: Secret with the store's credentials, for the Jobs' pods.
        store_settings: ConfigMap with its endpoint and region, for the Jobs' pods.
    """
    place = JobPlace(
        namespace=_own("NAS_NAMESPACE"),
        image=_own("NAS_IMAGE"),
        service_account=_own("NAS_SERVICE_ACCOUNT"),
        store_secret=store_secret,
        store_settings=store_settings,
    )
    api = KubernetesApi(place.namespace)
    with heartbeat.beating(search.store, children[0], run):
        place = replace(place, owner=api.workflow_of(socket.gethostname()))
        workers = JobWorkers(search, api, place, children=children, run=run, listener=Log())
        return train_round(search, children, run=run, workers=workers)


def delete_jobs(*labels: Labels, namespace: str) -> int:
    """Delete the Jobs with any of these that have not ended, and return how many they were.

    Whoever makes them may be ended at this moment, and make some more before that.

    Raises:
        ClusterError: There is no way to the cluster, or it refuses.
    """
    api = KubernetesApi(namespace, give_up_after_s=_SOMEBODY_WAITS_S)
    deleted: set[str] = set()
    quiet_since_s = time.monotonic()
    while time.monotonic() - quiet_since_s < _QUIET_S:
        jobs = [job for each in labels for job in api.jobs(each)[0]]
        names = {job["metadata"]["name"] for job in jobs if job_outcome(job) is None} - deleted
        for name in names:
            api.delete_job(name)
        if names:
            quiet_since_s = time.monotonic()
        deleted |= names
        time.sleep(_DELETED_POLL_S)
    return len(deleted)


def _own(variable: str) -> str:
    """Return what the pipeline told this pod about itself."""
    value = os.environ.get(variable)
    if not value:
        raise ConfigError(f"{variable} should be set by the pipeline nas-search-jobs, and is not")
    return value


class JobWorkers:
    """Have the children of one round trained by Jobs, all at once: the cluster says who waits."""

    has_room = True

    def __init__(
        self,
        search: OpenSearch,
        api: KubernetesApi,
        place: JobPlace,
        *,
        children: Sequence[str],
        run: str,
        listener: Listener,
    ) -> None:
        """Take the round's children; `start` makes their Jobs."""
        self._search = search
        self._api = api
        self._place = place
        self._run = run
        self._listener = listener
        self._labels = round_labels(children[0], search_uri=search.uri, config=search.config)
        self._left = {self._name(child): child for child in children}  # who have not ended
        self._running: set[str] = set()  # their Jobs
        self._made: set[str] = set()  # Jobs that we made: the others are another run's
        self._ended: list[str] = []  # children of whom `wait` has not told
        self._failed: dict[str, str] = {}  # children without a result of whom nothing is told yet
        self._news = JobNews(api, self._labels)
        pending_s = search.config.resources.pending_s
        self._pods = JobPods(api, self._labels, listener, pending_s=pending_s)

    @property
    def is_idle(self) -> bool:
        """Whether no child is being trained."""
        return not self._running and not self._ended

    def start(self, child: str) -> None:
        """Make the child's Job, or take over the one that is there."""
        name = self._name(child)
        if self._result(child):
            self._ended.append(self._left.pop(name))
            return
        job = self._job(child)
        is_made = self._api.create_job(job)
        if not is_made and self._is_over(job) and not self._result(child):
            self._replace(name, job)
            is_made = True
        if is_made:
            self._made.add(name)
        self._running.add(name)
        self._news.expect(job)
        self._listener.started(child)

    def wait(self, timeout_s: float) -> list[str]:
        """Return the children whose Jobs ended, waiting for the first at most this long."""
        deadline_s = time.monotonic() + timeout_s
        while not self._ended and (left_s := deadline_s - time.monotonic()) > 0:
            for job in self._news.wait(left_s):
                self._note(job)
            is_last = not self._running and self._news.num_failed > 0
            if is_last or self._pods.is_due:
                self._look_at_pods()
            if not self._running:
                self._tell_failed()
        ended, self._ended = self._ended, []
        return ended

    def give_up(self) -> None:
        """Delete the Jobs of all who have not ended, whoever made them."""
        self._tell_failed()
        for name in self._left:
            self._api.delete_job(name)
        self._left.clear()
        self._running.clear()

    def _note(self, job: Resource) -> None:
        name, outcome = job["metadata"]["name"], job_outcome(job)
        is_anothers = job["metadata"]["labels"][RUN_LABEL] != run_labels(self._run)[RUN_LABEL]
        if name not in self._running or outcome is None or (is_anothers and name in self._made):
            return  # the last is late news of one that we have replaced
        child = self._left[name]
        result = self._result(child)
        if result is None and outcome != DELETED and is_anothers:
            self._take_over(child)
            return
        self._running.remove(name)
        del self._left[name]
        self._ended.append(child)
        if result is not None:
            self._listener.ended(result)
            return
        self._failed[child] = f"{name} {outcome}"  # why its pods did, the next look shows

    def _take_over(self, child: str) -> None:
        """Make the Job anew that another run made and that ended now, as if it had ended before.

        Its pods may have known before we came that nobody waited. One that is deleted stays so, as
        who cancels this run deletes it.
        """
        name, job = self._name(child), self._job(child)
        self._replace(name, job)
        self._made.add(name)
        self._news.expect(job)

    def _look_at_pods(self) -> None:
        """See how the pods fare, give up Jobs whose pods do not come to run, and tell of both."""
        expected = (self._left[name] for name in self._running if self._news.may_have_pods(name))
        self._pods.look(expected)
        overdue = self._pods.overdue()
        for name in [each for each in self._running if self._left[each] in overdue]:
            self._api.delete_job(name)
            self._running.remove(name)
            child = self._left.pop(name)
            self._ended.append(child)
            limit_s = self._search.config.resources.pending_s
            why = f"no pod of it ran for {limit_s:,} s (resources.pending_s)"
            self._failed[child] = f"{name} was given up: {why}"
        self._tell_failed()

    def _tell_failed(self) -> None:
        """Tell of the children whose Jobs ended without a result, and note it."""
        for child, what in self._failed.items():
            trouble = self._pods.trouble(child)
            message = f"{child} has no result: its Job {what}{trouble and f'; its pod: {trouble}'}"
            self._listener.failed(child, message)
            self._search.store.note_problem(run=self._run, step=_STEP, message=message)
        self._failed.clear()

    def _job(self, child: str) -> Resource:
        return child_job(
            child,
            run=self._run,
            search_uri=self._search.uri,
            config=self._search.config,
            place=self._place,
        )

    def _name(self, child: str) -> str:
        return job_name(child, search_uri=self._search.uri, config=self._search.config)

    def _is_over(self, job: Resource) -> bool:
        """Whether the Job of this name that is there has ended, or was made from other settings."""
        there = self._api.job(job["metadata"]["name"])
        return job_outcome(there) is not None or made_from(there) != made_from(job)

    def _result(self, child: str) -> ChildResult | None:
        return self._search.store.find(ChildResult, layout.child_result(child))

    def _replace(self, name: str, job: Resource) -> None:
        """Make a Job anew; its name is free only when the last of the old one is gone."""
        deadline_s = time.monotonic() + _DELETED_WITHIN_S
        self._api.delete_job(name)
        while not self._api.create_job(job):
            if time.monotonic() > deadline_s:
                raise ClusterError(f"the Job {name} should be deleted, and is still there")
            time.sleep(_DELETED_POLL_S)
