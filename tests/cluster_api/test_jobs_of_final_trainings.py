"""A final training by Jobs, which is a search within a search, against a small Kubernetes."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from typing import Any

from toy_finals import do_round, prepared

from nas_lib import pods, steps
from nas_lib.cluster.child_job import final_labels, job_name, replica_labels
from nas_lib.open_search import OpenSearch
from nas_lib.steps import view_search
from nas_lib.store import layout
from tests.cluster_api.job_rounds import FIRST, RUN, SECOND, Image, tick, train, until
from tests.fakes.small_kubernetes import SmallKubernetes

AGAIN = "r000-000001-00"
"""The winner, trained once more."""


def final_tick(uri: str) -> tuple[list[float], int]:
    """Do a round of a final training as the pipeline does; return rewards, and what is next."""
    children = steps.sample_architectures(OpenSearch(uri), replica=0, run=RUN)
    rewards = train(uri, children)
    summary = steps.aggregate_rewards(OpenSearch(uri), children=children, run=RUN)
    return rewards, pods.round_to_learn_from(OpenSearch(uri), summary)


def names(cluster: SmallKubernetes, labels: dict[str, str]) -> dict[str, str]:
    """Return the names of the Jobs with these labels, by their children."""

    def has_them(job: dict[str, Any]) -> bool:
        return labels.items() <= job["metadata"]["labels"].items()

    return {
        job["metadata"]["labels"]["kfp-nas/child"]: job["metadata"]["name"]
        for job in cluster.all("jobs")
        if has_them(job)
    }


def test_a_search_and_its_final_training_have_jobs_of_their_own_and_the_results_of_tasks(
    tmp_path: Path, cluster: SmallKubernetes, image: Image, in_background: Callable[..., Future]
) -> None:
    search = prepared(tmp_path)
    tick(search.uri)
    final = OpenSearch(pods.train_best(OpenSearch(search.uri), run=RUN)[0])
    shutil.copytree(search.uri, tmp_path / "copy")
    image.hold(SECOND)
    waits = layout.heartbeat(0, 0)

    ticking = in_background(final_tick, final.uri)
    until(lambda: len(cluster.all("jobs")) == 4)
    assert [each.store.objects.has(waits) for each in (search, final)] == [False, True]
    image.let_go()
    rewards, number = ticking.result()
    last, then = final_tick(final.uri)

    assert (number, then) == (0, -1)  # the second is the last one
    assert not final.store.objects.has(waits)
    assert names(cluster, replica_labels(search.uri, 0)).keys() == {FIRST, SECOND}
    assert names(cluster, final_labels(search.uri)) == {
        child: job_name(child, search_uri=final.uri, config=search.config)
        for child in (FIRST, SECOND, AGAIN)
    }
    assert len(cluster.all("jobs")) == 2 + 3
    tasks = OpenSearch(f"{tmp_path}/copy/{layout.FINAL}/{layout.final_key(final.uri)}")
    do_round(tasks)
    do_round(tasks)
    assert rewards + last == [row.reward for row in view_search(tasks).rows]
