"""Versions, runs and schedules as plain values, read from what Kubeflow Pipelines answers."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from nas_lib.procedures import pipeline_forms

_ENDED = ("SUCCEEDED", "FAILED", "CANCELED", "SKIPPED")


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
        return self.state in _ENDED


@dataclass(frozen=True)
class Schedule:
    """A recurring run of one replica."""

    id: str
    name: str
    search_uri: str | None
    replica: int
    state: str
    timing: str


def run_of(answer: Any) -> Run:
    """Return the run in an answer."""
    search_uri, replica = _search(answer)
    return Run(
        id=answer.run_id,
        name=answer.display_name or "",
        search_uri=search_uri,
        replica=replica,
        state=answer.state or "PENDING",
        created=answer.created_at,
        schedule=answer.recurring_run_id or None,
    )


def schedule_of(answer: Any) -> Schedule:
    """Return the schedule in an answer."""
    search_uri, replica = _search(answer)
    return Schedule(
        id=answer.recurring_run_id,
        name=answer.display_name or "",
        search_uri=search_uri,
        replica=replica,
        state=answer.status or "",
        timing=_timing(answer.trigger),
    )


def _search(answer: Any) -> tuple[str | None, int]:
    """Return search and replica; no search for a run of another pipeline."""
    arguments = answer.runtime_config.parameters if answer.runtime_config else None
    arguments = arguments or {}
    is_ours = any(form.per_run in arguments for form in pipeline_forms())
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
