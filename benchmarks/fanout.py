"""`python -m benchmarks.fanout`: what a round costs Kubernetes, with each fan-out.

Pods that Kubeflow makes are counted in the compiled pipelines by the rule of its backend 2.17: a
task is a pod that runs it and one that drives it; a group of tasks (a pipeline, a condition, a
loop, each turn of a loop) is one more that drives it. So are the nodes of Argo's workflow, in which
each pod and each group is two, since the manifests of 2.17 have all of them tried again. Levels
are how often one clicks in Kubeflow's UI to get from the root of the graph to the task that
trains: once for a group, twice for a loop and its turn. Jobs and calls to Kubernetes are counted
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
from dataclasses import dataclass
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
TRAINING = ("train-child", "train-as-jobs", "train-children")
_TURNS = {  # of a loop over this; any other is over children
    "pipelinechannel--ticks": "rounds",
    "pipelinechannel--training_uris": "final rounds",
}
_TRIED = 2  # nodes of what may be tried again: itself, and what tries


@dataclass(frozen=True)
class Size:
    """How many pods and nodes of a workflow something is."""

    pods: int = 0
    nodes: int = 0

    def __add__(self, other: Size) -> Size:
        """Return both together."""
        return Size(self.pods + other.pods, self.nodes + other.nodes)

    def __sub__(self, other: Size) -> Size:
        """Return what one has more than the other."""
        return self + other * -1

    def __mul__(self, times: int) -> Size:
        """Return so many of it."""
        return Size(self.pods * times, self.nodes * times)


_POD = Size(pods=1, nodes=_TRIED)
_GROUP = Size(nodes=_TRIED)
_TASK = _POD + _GROUP + _POD  # a driver, and the group of the one pod that runs it


def costs(fanout: FanOut, num_children: int) -> dict[str, Any]:
    """Return what a round of so many children costs, and a run of some rounds."""
    run = run_size(fanout, rounds=ROUNDS_PER_RUN, children=num_children)
    none = run_size(fanout, rounds=0, children=num_children)
    final = run_size(fanout, rounds=0, children=num_children, final_rounds=1) - none
    job_pods, calls = job_costs(num_children) if fanout == "jobs" else (0, {})
    of_kubeflow = (run.pods - none.pods) // ROUNDS_PER_RUN
    return {
        "fanout": fanout,
        "children per round": num_children,
        "pods per round": of_kubeflow + job_pods,
        "of them Kubeflow's": of_kubeflow,
        "of them the Jobs'": job_pods,
        "nodes per round": (run.nodes - none.nodes) // ROUNDS_PER_RUN,
        "our calls per round": calls,
        "levels down to training": levels(fanout),
        "pods per run besides its rounds": none.pods,
        "nodes per run besides its rounds": none.nodes,
        "pods per round of final training": final.pods + job_pods,
        f"pods per run of {ROUNDS_PER_RUN} rounds": run.pods + ROUNDS_PER_RUN * job_pods,
        f"nodes per run of {ROUNDS_PER_RUN} rounds": run.nodes,
    }


def run_size(fanout: FanOut, *, rounds: int, children: int, final_rounds: int = 0) -> Size:
    """Count what Kubeflow makes for a run with so many rounds, and so many of final training.

    In each of those the condition is counted, and what comes after the last one within it.
    """
    spec = _compiled(fanout)
    turns = {"rounds": rounds, "children": children, "final rounds": final_rounds}
    root = _GROUP + _POD + _GROUP  # the workflow, and the root with what drives it
    return sum((_size(spec, task, turns) for task in _tasks(spec["root"])), root)


def levels(fanout: FanOut) -> int:
    """Count the clicks from the root of the graph to the task that trains."""
    spec = _compiled(fanout)
    return min(_levels(spec, spec["root"]))


def _compiled(fanout: FanOut) -> dict[str, Any]:
    with TemporaryDirectory() as folder:
        name = pipeline_name("nas-search", fanout)
        compile_pipeline(name, path := Path(folder) / "pipeline.yaml")
        spec, _ = yaml.safe_load_all(path.read_text())
    return spec


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


def _size(spec: dict[str, Any], task: dict[str, Any], turns: dict[str, int]) -> Size:
    component = spec["components"][task["componentRef"]["name"]]
    ends = (
        _GROUP if "triggerPolicy" in task and "condition" not in task["triggerPolicy"] else Size()
    )
    if "dag" not in component:
        return _TASK + ends  # what runs in the end is a group more
    within = sum((_size(spec, each, turns) for each in _tasks(component)), Size())
    if "parameterIterator" not in task:
        return _POD + _GROUP + within
    over = task["parameterIterator"]["items"]["inputParameter"]
    a_turn = _GROUP + _POD + _GROUP + within
    all_turns = Size(nodes=1)  # which are one node, tried by nobody
    return _GROUP + _POD + all_turns + a_turn * turns[_TURNS.get(over, "children")]


def _levels(spec: dict[str, Any], group: dict[str, Any]) -> Iterator[int]:
    for name, task in group["dag"]["tasks"].items():
        component = spec["components"][task["componentRef"]["name"]]
        clicks = 2 if "parameterIterator" in task else 1
        if name in TRAINING:
            yield clicks
        elif "dag" in component:
            yield from (clicks + each for each in _levels(spec, component))


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
