"""Versions, runs and schedules as plain values, read from what Kubeflow Pipelines answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from nas_lib.procedures import pipeline_forms

ENDED = ("SUCCEEDED", "FAILED", "CANCELED", "SKIPPED")


@dataclass(frozen=True)
class Version:
    """A version of a pipeline."""

    pipeline_id: str
    id: str
    pipeline: str
    name: str


@dataclass(frozen=True)
class Run:
    """A run: of which search and replica, its arguments say."""

    id: str
    name: str
    search_uri: str | None
    replica: int
    state: str
    created: datetime | None
    schedule: str | None
    """The id of the schedule that began it."""

    @property
    def ended(self) -> bool:
        """Whether nothing more happens in it."""
        return self.state in ENDED

    @property
    def may_go_on(self) -> bool:
        """Whether it has not ended, and nobody is ending it."""
        return not self.ended and self.state != "CANCELING"


@dataclass(frozen=True)
class Schedule:
    """A recurring run of one replica."""

    id: str
    name: str
    search_uri: str | None
    replica: int
    state: str
    timing: str


def run_of(answer: Any, defaults: Mapping[str, Any]) -> Run:
    """Return the run in an answer; for arguments that it was not given it has the defaults."""
    search_uri, replica = _search(answer, defaults)
    return Run(
        id=answer.run_id,
        name=answer.display_name or "",
        search_uri=search_uri,
        replica=replica,
        state=state_of(answer),
        created=answer.created_at,
        schedule=answer.recurring_run_id or None,
    )


def schedule_of(answer: Any, defaults: Mapping[str, Any]) -> Schedule:
    """Return the schedule in an answer; for arguments that it was not given, with the defaults."""
    search_uri, replica = _search(answer, defaults)
    return Schedule(
        id=answer.recurring_run_id,
        name=answer.display_name or "",
        search_uri=search_uri,
        replica=replica,
        state=answer.status or "",
        timing=_timing(answer.trigger),
    )


def state_of(answer: Any) -> str:
    """Return the state of the run in an answer: CANCELED where it was terminated.

    Kubeflow 2.17 has such a run end as FAILED, by its source and on a backend; that it was
    CANCELING before, since it was last RUNNING, only its history says.
    """
    state = str(answer.state or "PENDING")
    states = [each.state for each in answer.state_history or ()]
    since = states[len(states) - states[::-1].index("RUNNING") :] if "RUNNING" in states else states
    return "CANCELED" if state == "FAILED" and "CANCELING" in since else state


def arguments_of(answer: Any) -> dict[str, Any]:
    """Return the arguments that the run or schedule in an answer was given.

    In the UI's form those may be all, or none where nothing was changed.
    """
    return dict((answer.runtime_config and answer.runtime_config.parameters) or {})


def defaults_of(spec: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return the arguments' defaults by a pipeline's specification, as Kubeflow hands it out."""
    spec = spec or {}
    inputs = spec.get("pipeline_spec", spec).get("root", {}).get("inputDefinitions", {})
    parameters = inputs.get("parameters", {})
    return {name: p["defaultValue"] for name, p in parameters.items() if "defaultValue" in p}


def _search(answer: Any, defaults: Mapping[str, Any]) -> tuple[str | None, int]:
    """Return search and replica; no search for a run of another pipeline."""
    arguments = {**defaults, **arguments_of(answer)}
    is_ours = any(name in arguments for form in pipeline_forms() for name in form.own_fields)
    if "search_uri" not in arguments or not is_ours:
        return None, 0
    return str(arguments["search_uri"]).rstrip("/"), int(arguments.get("replica", 0))


def _timing(trigger: Any) -> str:
    if trigger is None:
        return ""
    if trigger.cron_schedule is not None:
        return f"cron {trigger.cron_schedule.cron}"
    if trigger.periodic_schedule is not None:
        return f"every {trigger.periodic_schedule.interval_second} s"
    return ""
