"""Rounds whose children are Jobs: what tests of them do, and what they look at."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from threading import Event
from typing import Any

import pytest
import searches
from searches import tabular

from nas_lib import steps
from nas_lib.cluster.jobs import train_as_jobs
from nas_lib.config import ResourcesConfig, SearchConfig
from nas_lib.open_search import OpenSearch
from nas_lib.pods import pod_step
from nas_lib.steps import RoundSummary, view_search
from nas_lib.store import SearchStore
from tests.fakes.small_kubernetes import SmallKubernetes

RUN = "run-1"
FIRST, SECOND, THIRD, LAST = CHILDREN = [f"r000-000000-{index:02d}" for index in range(4)]


class Image:
    """Does what the image's program would, without a process of its own, when it is let."""

    def __init__(self) -> None:
        self.held: dict[str, Event] = {}
        self.failures: dict[str, int] = {}  # still to come, of which child
        self.exit_codes: dict[str, int] = {}  # with which a child's first pod ends
        self.runs: list[tuple[str, str]] = []  # the children that were begun, and for which run

    def __call__(self, command: list[str]) -> None:
        nas, train_child, uri, child, option, run = command
        assert (nas, train_child, option) == ("nas", "train-child", "--run")
        self.runs.append((child, run))
        if child in self.held:
            self.held[child].wait(30)
        if child in self.exit_codes:
            raise SystemExit(self.exit_codes.pop(child))
        if self.failures.get(child, 0):
            self.failures[child] -= 1
            raise SystemExit(1)
        steps.train_child(OpenSearch(uri), child=child, run=run)

    def hold(self, *children: str) -> None:
        self.held |= {child: Event() for child in children}

    def let_go(self) -> None:
        for each in self.held.values():
            each.set()


def prepared(folder: Path, **loop: float) -> str:
    """A search of one round of four children."""
    return stored(folder, tabular(max_children=4, **loop))


def stored(folder: Path, config: SearchConfig) -> str:
    uri = str(folder)
    steps.prepare_data(OpenSearch(uri), config=config)
    return uri


def with_resources(config: SearchConfig, **resources: object) -> SearchConfig:
    return config.model_copy(update={"resources": ResourcesConfig(**resources)})


def train(uri: str, children: list[str], run: str = RUN) -> list[float]:
    """What the component does."""
    with pod_step(uri, "train_as_jobs", run) as search:
        return train_as_jobs(
            search, children=children, run=run, store_secret="secret", store_settings="settings"
        )


def tick(uri: str, run: str = RUN) -> RoundSummary:
    """One tick of the pipeline."""
    children = steps.sample_architectures(OpenSearch(uri), replica=0, run=run)
    train(uri, children, run)
    summary = steps.aggregate_rewards(OpenSearch(uri), children=children, run=run)
    steps.update_controller(OpenSearch(uri), replica=0, round=summary.round, run=run)
    return summary


def said(uri: str) -> str:
    """Return the one sentence with which a tick ends."""
    with pytest.raises(SystemExit) as ended:
        tick(uri)
    assert isinstance(ended.value.code, str)
    return ended.value.code


def rewards(uri: str) -> list[float]:
    return [row.reward for row in view_search(OpenSearch(uri)).rows]


def right_rewards(uri: str) -> list[float]:
    return [searches.product(row.architecture) for row in view_search(OpenSearch(uri)).rows]


def job_of(cluster: SmallKubernetes, child: str) -> dict[str, Any]:
    (found,) = (
        job for job in cluster.all("jobs") if job["metadata"]["labels"]["kfp-nas/child"] == child
    )
    return found


def uids(cluster: SmallKubernetes) -> dict[str, str]:
    return {
        job["metadata"]["labels"]["kfp-nas/child"]: job["metadata"]["uid"]
        for job in cluster.all("jobs")
    }


def problems(uri: str) -> list[str]:
    return [problem.message for problem in SearchStore.open(uri).problems()]


def until(condition: Callable[[], bool]) -> None:
    until_s = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < until_s
        time.sleep(0.02)
