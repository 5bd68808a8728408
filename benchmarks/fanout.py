"""`python -m benchmarks.fanout`: what a round costs Kubernetes, with each fan-out.

Pods that Kubeflow makes are counted in the compiled pipelines by the rule of its backend 2.17: a
task is a pod that runs it and one that drives it; a group of tasks (a pipeline, a condition, a
loop, each turn of a loop) is one more that drives it. Jobs and calls to Kubernetes are counted
where they happen: in a round against a small Kubernetes, whose children end together soon after
they began; in a longer one there are a list of Jobs, one of pods and a watch more every minute.
Calls that Kubeflow, Argo and the Job controller make themselves are not ours to count.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, get_args

import yaml

from nas_lib import steps
from nas_lib.cluster.jobs import train_as_jobs
from nas_lib.cluster.package import compile_pipeline, pipeline_name
from nas_lib.config import CustomSpaceConfig, FanOut, OwnChildrenConfig, RoundsConfig, SearchConfig
from nas_lib.open_search import OpenSearch
from nas_lib.spaces import ChoiceSpace
from tests.fakes.job_controller import start_function
from tests.fakes.small_kubernetes import NAMESPACE, SmallKubernetes, running_small_kubernetes

CHILDREN_PER_ROUND = (8, 64)
ROUNDS_PER_RUN = 5
RESULTS = Path(__file__).parent / "results" / "fanout.json"
RUN = "benchmark"
SPACE = ChoiceSpace(a=list(range(8)), b=list(range(8)))
_TURNS = {"pipelinechannel--ticks": "rounds"}  # of a loop over this; any other is over children


def costs(fanout: FanOut, num_children: int) -> dict[str, Any]:
    """Return what a round of so many children costs, and a run of some rounds."""
    run = run_pods(fanout, rounds=ROUNDS_PER_RUN, children=num_children)
    none = run_pods(fanout, rounds=0, children=num_children)
    job_pods, calls = job_costs(num_children) if fanout == "jobs" else (0, {})
    of_kubeflow = (run - none) // ROUNDS_PER_RUN
    return {
        "fanout": fanout,
        "children per round": num_children,
        "pods per round": of_kubeflow + job_pods,
        "of them Kubeflow's": of_kubeflow,
        "of them the Jobs'": job_pods,
        "our calls per round": calls,
        "pods per run besides its rounds": none,
        f"pods per run of {ROUNDS_PER_RUN} rounds": run + ROUNDS_PER_RUN * job_pods,
    }


def run_pods(fanout: FanOut, *, rounds: int, children: int) -> int:
    """Count the pods that Kubeflow makes for a run with so many rounds."""
    with TemporaryDirectory() as folder:
        name = pipeline_name("nas-search", fanout)
        compile_pipeline(name, path := Path(folder) / "pipeline.yaml")
        spec, _ = yaml.safe_load_all(path.read_text())
    turns = {"rounds": rounds, "children": children}
    return 1 + sum(_pods(spec, task, turns) for task in _tasks(spec["root"]))  # 1 drives the root


def job_costs(num_children: int) -> tuple[int, dict[str, int]]:
    """Run a round of Jobs; return how many pods they had, and the calls by verb and kind."""
    config = SearchConfig(
        space=CustomSpaceConfig(object="benchmarks.fanout:SPACE"),
        children=OwnChildrenConfig(evaluate="benchmarks.fanout:nothing"),
        search=RoundsConfig(
            max_children=num_children, children_per_round=num_children, repeats="train"
        ),
    )
    with TemporaryDirectory() as folder, _cluster(Path(folder)) as cluster:
        search = OpenSearch(str(Path(folder) / "search"))
        steps.prepare_data(search, config=config)
        children = steps.sample_architectures(search, replica=0, run=RUN)
        train_as_jobs(
            search, children=children, run=RUN, store_secret="secret", store_settings="settings"
        )
        calls = {f"{verb} {kind}": num for (verb, kind), num in sorted(cluster.calls.items())}
        return len(cluster.all("pods")), calls


def nothing(architecture: object) -> float:
    """Be a child that takes no time."""
    return 0.5


def _pods(spec: dict[str, Any], task: dict[str, Any], turns: dict[str, int]) -> int:
    component = spec["components"][task["componentRef"]["name"]]
    if "dag" not in component:
        return 2
    is_skipped = "condition" in task.get("triggerPolicy", {}) and not turns["rounds"]
    within = 0 if is_skipped else sum(_pods(spec, each, turns) for each in _tasks(component))
    if "parameterIterator" not in task:
        return 1 + within
    over = task["parameterIterator"]["items"]["inputParameter"]
    return 1 + turns[_TURNS.get(over, "children")] * (1 + within)


def _tasks(component: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield from component["dag"]["tasks"].values()


@contextmanager
def _cluster(folder: Path) -> Iterator[SmallKubernetes]:
    """Run a small Kubernetes whose Jobs train in this process, and be a pod that makes them."""
    with running_small_kubernetes(folder / "kubernetes") as cluster:

        def train(command: list[str]) -> None:
            while not cluster.calls["watch", "jobs"]:
                time.sleep(0.01)
            steps.train_child(OpenSearch(command[2]), child=command[3], run=command[5])

        cluster.jobs.start = start_function(train)
        own = {"NAS_IMAGE": "kfp-nas", "NAS_NAMESPACE": NAMESPACE, "NAS_SERVICE_ACCOUNT": "default"}
        os.environ |= {**own, "KUBECONFIG": str(cluster.kubeconfig)}
        yield cluster


def main() -> None:
    """Count, and write the results."""
    found = [costs(fanout, num) for num in CHILDREN_PER_ROUND for fanout in get_args(FanOut)]
    RESULTS.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
