"""Searches as runs and schedules of Kubeflow Pipelines."""

from __future__ import annotations

import os
import uuid
from collections.abc import Callable, Iterator
from datetime import datetime
from itertools import islice
from typing import Any, TypeVar

import kfp_server_api as kfp

from nas_lib.cluster.api_errors import MissingError
from nas_lib.cluster.idempotent_create import create_once
from nas_lib.cluster.kubeflow_api import KubeflowApi
from nas_lib.cluster.kubeflow_runs import (
    Run,
    Schedule,
    Version,
    defaults_of,
    run_of,
    schedule_of,
)
from nas_lib.cluster.publishing import experiment, published
from nas_lib.cluster.schedules import Interval, Timing
from nas_lib.cluster.submission import Submission
from nas_lib.errors import ClusterError
from nas_lib.redaction import without_secrets

_RIVALS = 20  # of a search's runs, the newest first: those at work are among them

Method = Callable[..., Any]
Found = TypeVar("Found", Run, Schedule)


class Kubeflow:
    """Kubeflow Pipelines, as one user of one namespace sees it."""

    def __init__(self, api: KubeflowApi) -> None:
        """Keep whom to ask, as whom."""
        self._api = api
        self._defaults: dict[str, dict[str, Any]] = {}  # of arguments, by the pipeline's version

    def version(self, pipeline: str, *, image: str | None = None) -> Version:
        """Return this release's version of a pipeline, uploaded unless it is there.

        Args:
            pipeline: Its name.
            image: That its tasks run in, by default as for `compile_pipeline`.
        """
        return published(self._api, pipeline, image=image)

    def experiment(self, name: str) -> str:
        """Return the id of the experiment of this name, made unless it is there."""
        return experiment(self._api, name)

    def start(
        self,
        submission: Submission,
        replica: int,
        *,
        version: Version,
        experiment: str,
        service_account: str | None = None,
    ) -> Run:
        """Start a run of one replica; where an answer gets lost, look before starting another.

        Args:
            submission: Of the search.
            replica: Of the search.
            version: Of the pipeline.
            experiment: Its id.
            service_account: Of the run's pods; None is Kubeflow's own.
        """
        mark, description = _marked(submission.description(replica))
        title = f"{submission.title(replica)} {datetime.now():%m-%d %H:%M}"
        body = kfp.V2beta1Run(
            display_name=title,
            description=description,
            **_what_runs(submission, replica, version, experiment, service_account),
        )
        runs = self._api.runs
        create, listing = runs.run_service_create_run, runs.run_service_list_runs
        what = f"start the run {title}"
        return self._run_of(
            self._made(what, body, mark, create=create, listing=listing, items="runs")
        )

    def schedule(
        self,
        submission: Submission,
        replica: int,
        timing: Timing,
        *,
        version: Version,
        experiment: str,
        service_account: str | None = None,
    ) -> Schedule:
        """Let a replica go on again and again: one run at a time, and none for times missed.

        Args:
            submission: Of the search.
            replica: Of the search.
            timing: When.
            version: Of the pipeline; the schedule keeps it.
            experiment: Its id.
            service_account: Of the runs' pods; None is Kubeflow's own.
        """
        mark, description = _marked(submission.description(replica))
        title = submission.title(replica)
        body = kfp.V2beta1RecurringRun(
            display_name=title,
            description=description,
            **_what_runs(submission, replica, version, experiment, service_account),
            trigger=_trigger(timing),
            max_concurrency="1",
            no_catchup=True,
            mode=kfp.RecurringRunMode.ENABLE,
        )
        service = self._api.recurring_runs
        create = service.recurring_run_service_create_recurring_run
        listing = service.recurring_run_service_list_recurring_runs
        what, items = f"schedule {title}", "recurring_runs"
        return self._schedule_of(
            self._made(what, body, mark, create=create, listing=listing, items=items)
        )

    def runs(self, search_uri: str | None = None, *, limit: int) -> list[Run]:
        """Return the newest runs of a search, or of all."""
        listing = self._api.runs.run_service_list_runs
        found = map(self._run_of, self._listed(listing, "runs", sort_by="created_at desc"))
        return list(islice(_of_search(found, search_uri), limit))

    def schedules(self, search_uri: str | None = None) -> list[Schedule]:
        """Return the schedules of a search, or of all."""
        listing = self._api.recurring_runs.recurring_run_service_list_recurring_runs
        found = map(self._schedule_of, self._listed(listing, "recurring_runs"))
        return list(_of_search(found, search_uri))

    def run(self, run_id: str) -> Run:
        """Return the run of this id.

        Raises:
            MissingError: There is none.
        """
        get = self._api.runs.run_service_get_run
        return self._run_of(self._api.ask(f"find the run {run_id}", get, run_id))

    def rivals(self, run: Run) -> list[Run] | None:
        """Return which other runs may be at work on its search, by the newest runs.

        None where nobody can say.
        """
        if run.search_uri is None:
            return None
        try:
            newest = self.runs(run.search_uri, limit=_RIVALS)
        except ClusterError:
            return None
        return [other for other in newest if other.id != run.id and other.may_go_on]

    def cancel(self, some_id: str) -> Run | Schedule:
        """End a run, or delete a schedule, and return which it was.

        Raises:
            ClusterError: The run has ended, or nothing has this id.
        """
        try:
            run = self.run(some_id)
        except MissingError:
            return self._cancel_schedule(some_id)
        if run.ended:
            raise ClusterError(
                f"the run {run.name} has ended already: {run.state}; Jobs for children that it "
                f"left behind are deleted by kubectl delete jobs -l kfp-nas/run={run.id}"
            )
        if run.state == "CANCELING":  # it is refused to end it twice
            return run
        self._api.ask(f"end the run {run.name}", self._api.runs.run_service_terminate_run, run.id)
        return run

    def delete_schedule(self, schedule: Schedule) -> None:
        """Delete a schedule; a run that it has begun goes on."""
        delete = self._api.recurring_runs.recurring_run_service_delete_recurring_run
        what = f"delete the schedule {schedule.name}"
        self._api.ask(what, delete, schedule.id, propagation_policy="ORPHAN")

    def url(self, run: Run | Schedule) -> str:
        """Return the page of a run or a schedule in the UI."""
        ui = without_secrets(os.environ.get("KF_PIPELINES_UI_ENDPOINT", self._api.host)).rstrip("/")
        page = "runs/details" if isinstance(run, Run) else "recurringrun/details"
        return f"{ui}/#/{page}/{run.id}"

    def _cancel_schedule(self, some_id: str) -> Schedule:
        get = self._api.recurring_runs.recurring_run_service_get_recurring_run
        try:
            schedule = self._schedule_of(self._api.ask(f"find {some_id}", get, some_id))
        except MissingError as err:
            raise ClusterError(
                f"neither a run nor a schedule at {self._api.host} has the id {some_id}"
            ) from err
        self.delete_schedule(schedule)
        return schedule

    def _run_of(self, answer: Any) -> Run:
        return run_of(answer, self._defaults_for(answer))

    def _schedule_of(self, answer: Any) -> Schedule:
        return schedule_of(answer, self._defaults_for(answer))

    def _defaults_for(self, answer: Any) -> dict[str, Any]:
        """Return the defaults of arguments that a run or schedule was not given."""
        version = answer.pipeline_version_reference
        if version is None or not version.pipeline_version_id:
            return defaults_of(answer.pipeline_spec)
        if version.pipeline_version_id not in self._defaults:
            get = self._api.pipelines.pipeline_service_get_pipeline_version
            ids = version.pipeline_id, version.pipeline_version_id
            try:
                found = defaults_of(self._api.ask("read the pipeline", get, *ids).pipeline_spec)
            except ClusterError:  # deleted, or not ours to see: then the arguments must say all
                found = {}
            self._defaults[version.pipeline_version_id] = found
        return self._defaults[version.pipeline_version_id]

    def _listed(self, method: Method, items: str, **options: object) -> Iterator[Any]:
        return self._api.every(method, items, namespace=self._api.namespace, **options)

    def _made(
        self, what: str, body: Any, mark: str, *, create: Method, listing: Method, items: str
    ) -> Any:
        """Return what was made under a name that others may have, and a mark that none has."""

        def find() -> list[Any]:
            found = self._api.find(body.display_name, listing, items, namespace=self._api.namespace)
            return [each for each in found if mark in (each.description or "")]

        return create_once(lambda: self._api.ask(what, create, body), find)


def _marked(description: str) -> tuple[str, str]:
    """Return a mark that only this submission has, and the description with it."""
    mark = uuid.uuid4().hex[:12]
    return mark, f"{description} Submission {mark}."


def _of_search(found: Iterator[Found], search_uri: str | None) -> Iterator[Found]:
    """Yield those of a search; None stands for all searches, but not for other pipelines."""
    for each in found:
        uri = each.search_uri
        if uri is not None and (search_uri is None or uri == search_uri.rstrip("/")):
            yield each


def _what_runs(
    submission: Submission,
    replica: int,
    version: Version,
    experiment: str,
    service_account: str | None,
) -> dict[str, Any]:
    """Return the fields that a run and a schedule have in common."""
    return {
        "experiment_id": experiment,
        "pipeline_version_reference": kfp.V2beta1PipelineVersionReference(
            pipeline_id=version.pipeline_id, pipeline_version_id=version.id
        ),
        "runtime_config": kfp.V2beta1RuntimeConfig(parameters=submission.arguments_of(replica)),
        "service_account": service_account,
    }


def _trigger(timing: Timing) -> kfp.V2beta1Trigger:
    if isinstance(timing, Interval):
        every = kfp.V2beta1PeriodicSchedule(interval_second=str(timing.seconds))
        return kfp.V2beta1Trigger(periodic_schedule=every)
    return kfp.V2beta1Trigger(cron_schedule=kfp.V2beta1CronSchedule(cron=timing.expression))
