"""A search on digits, and its final training, whose children are Jobs of a real cluster.

Pods of the search are lost in the middle.
"""

from __future__ import annotations

import json
import textwrap
from pathlib import Path
from typing import Any

import pytest
from place import Place, eventually, has_token
from searches import account

from nas_lib.cluster.child_job import final_labels, replica_labels
from nas_lib.config_file import resolve_config
from nas_lib.engine import search
from nas_lib.models import open_model
from nas_lib.open_search import OpenSearch
from nas_lib.results.final import outcome
from nas_lib.steps import view_search
from nas_lib.steps.attempts import Attempt
from nas_lib.store import SearchStore, layout

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(1200)]

OVERRIDES: dict[str, Any] = {
    "name": "digits-as-jobs",
    "task.max_train": 400,
    "space.depth": {"start": 2, "max": 2},
    # long enough that the second pod is lost before its child is done, too
    "children": {"epochs": 100, "keep": 2, "checkpoint_every_s": 0.0},
    "search": {"max_children": 2, "children_per_round": 2},
    # both at once on 2 CPUs, beside the store and what runs queues
    "resources": {"cpu": "600m", "memory": "800Mi", "memory_mb": 600},
    "final": {"follows": True, "top": 1, "seeds": 1, "children": {"epochs": 1}},
}
EVICTED, OUT_OF_MEMORY = "r000-000000-00", "r000-000000-01"

RUN = """
from kfp import local
from kfp_nas.pipelines.nas_search import nas_search_jobs
local.init(runner=local.SubprocessRunner(use_venv=False), pipeline_root="/tmp/artifacts")
nas_search_jobs(search_uri={uri!r}, preset="digits", overrides={overrides!r}, rounds_per_run=2)
"""

HOG = """
import os, signal
from pathlib import Path
def command(pid):
    return (Path("/proc") / pid / "cmdline").read_text()
for pid in filter(str.isdigit, os.listdir("/proc")):
    if int(pid) != os.getpid() and "fork_server" in command(pid):
        os.kill(int(pid), signal.SIGSTOP)  # so that the supervisor hears of nothing
Path("/proc/1/oom_score_adj").write_text("1000")
b"x" * (4 << 30)
"""


def test_it_finishes_with_the_children_of_a_search_on_this_machine(
    place: Place, store: str, image: str, tmp_path: Path
) -> None:
    uri = f"{store}/digits-as-jobs"
    script = RUN.format(uri=uri, overrides=OVERRIDES)
    place.apply(place.script_job("run", image, script))

    evict_a_pod(place, uri)
    use_up_the_memory_of_a_pod(place, uri)
    log = place.wait_for_job("run", timeout_s=600)
    print(textwrap.indent(log, "    "))

    there = view_search(OpenSearch(uri))
    config = resolve_config("digits", OVERRIDES, stored=None)
    here = search(config, store=str(tmp_path / "state"), workers=2)
    assert [(row.id, row.architecture.config, row.reward) for row in there.rows] == account(here)
    assert there.finished
    (killed,) = there.problems  # who was evicted said so
    assert killed.message.startswith(f"{OUT_OF_MEMORY}: its pod ")
    assert killed.message.endswith("; what it was to do is done by now")
    assert there.test == ()
    (final,), (final_here,) = there.finals, here.view.finals
    assert [row.reward for row in final.rows] == [row.reward for row in final_here.rows]
    assert len(final.rows) == 2  # of the winner's only seed, and on all data
    assert open_model(uri).info.test.value == outcome(final_here).score_handed_on.score
    for child in (EVICTED, OUT_OF_MEMORY):  # both went on where they were
        first, second = attempts(uri, child)
        assert first.from_epoch == 0
        assert second.from_epoch > 0
    assert f"{OUT_OF_MEMORY} failed: its pod" in log
    assert "OOMKilled, exit code 137" in log
    pods = place.get("pods", "--selector", "app.kubernetes.io/component=child")
    assert not [pod for pod in pods if has_token(pod)]
    jobs, of_final = (
        jobs_with(place, labels) for labels in (replica_labels(uri, 0), final_labels(uri))
    )
    assert (len(jobs), len(of_final)) == (2, 2)
    assert all(job["status"]["succeeded"] == 1 for job in (*jobs, *of_final))
    failed = {
        job["metadata"]["labels"]["kfp-nas/child"]: job["status"].get("failed") for job in jobs
    }
    assert failed.pop(OUT_OF_MEMORY) == 1
    assert set(failed.values()) == {None}  # what a node does to a pod is not counted


def jobs_with(place: Place, labels: dict[str, str]) -> list[dict[str, Any]]:
    return place.get("jobs", "--selector", ",".join("=".join(each) for each in labels.items()))


def evict_a_pod(place: Place, uri: str) -> None:
    """As one who drains a node does."""
    name = pod_in_the_middle(place, uri, EVICTED)
    path = f"/api/v1/namespaces/{place.namespace}/pods/{name}/eviction"
    eviction = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": name}}
    place.kubectl("create", "--raw", path, "-f", "-", stdin=json.dumps(eviction))


def use_up_the_memory_of_a_pod(place: Place, uri: str) -> None:
    """Have the kernel end the container: its first process, the supervisor, before all others."""
    pod = pod_in_the_middle(place, uri, OUT_OF_MEMORY)
    place.kubectl("exec", pod, "--", "python3", "-c", HOG, check=False)

    def reason() -> str | None:
        (found,) = (each for each in place.get("pods") if each["metadata"]["name"] == pod)
        (container,) = found["status"]["containerStatuses"]
        return container["state"].get("terminated", {}).get("reason")

    assert eventually(reason) == "OOMKilled"


def pod_in_the_middle(place: Place, uri: str, child: str) -> str:
    """Return the pod of a child, once that has a checkpoint."""
    state = SearchStore.open(uri)
    checkpoints = layout.checkpoints(layout.checkpoints_folder(child))
    eventually(lambda: state.numbers(checkpoints))
    pods = place.get("pods", "--selector", f"kfp-nas/child={child}")
    (name,) = (
        pod["metadata"]["name"] for pod in pods if OVERRIDES["name"] in pod["metadata"]["name"]
    )
    return name


def attempts(uri: str, child: str) -> list[Attempt]:
    state = SearchStore.open(uri)
    row = layout.attempts(child)
    return [state.read(Attempt, row.key(number)) for number in state.numbers(row)]
