"""Does asynchrony cost quality? K = 1, 4 and 16 replicas at equal numbers of children.

Two problems whose rewards are computed or looked up, ten seeds, on a simulated clock: children
take random times (or, on NAS-Bench-201, those that its authors measured), every replica has the
machines for its own m children and waits for nobody else. With --tune, the controller's settings
for NAS-Bench-201 are varied, on seeds that the study itself does not use. With --auto it is what
`controller: auto` chooses that searches, on the first five seeds.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import product
from statistics import fmean

from benchmarks.simulated import Seconds, SimulatedWorkers, log_normal
from benchmarks.studies import layered_reward, nasbench201
from benchmarks.studies.study import RUNS, Spread, compare_arms, print_table, write_result
from nas_lib import steps
from nas_lib.architecture import Architecture
from nas_lib.config import (
    AutoConfig,
    ControllerConfig,
    CustomSpaceConfig,
    OwnChildrenConfig,
    RandomConfig,
    ReinforceConfig,
    RoundsConfig,
    SearchConfig,
    SpaceConfig,
)
from nas_lib.engine import Engine, Listener
from nas_lib.open_search import OpenSearch
from nas_lib.records import ChildId, ChildRow
from nas_lib.results import top_k_mean

PER_ROUND = 8
SEEDS = range(1, 11)
AUTO_SEEDS = range(1, 6)
TUNING_SEEDS = (101, 102)
REPLICAS = (1, 4, 16)
TOPS = (1, 15)
LAST = 80  # children, whose mean reward says where the policy stands

Measures = dict[str, float]


@dataclass(frozen=True)
class Problem:
    """What is searched for.

    Attributes:
        space: What may be built, as a configuration names it.
        evaluate: `module:name` of the reward.
        controller: The learning controller's settings.
        marks: Numbers of children at which the search is looked at.
        seconds: From an architecture to its training time; None for random times.
    """

    space: SpaceConfig
    evaluate: str
    controller: ReinforceConfig
    marks: tuple[int, ...]
    seconds: Callable[[Architecture], float] | None = None


PROBLEMS = {
    "layered": Problem(
        layered_reward.SPACE,
        "benchmarks.studies.layered_reward:reward",
        ReinforceConfig(learning_rate=1e-2, entropy_weight=0.01),
        (400, 800, 1600, 3200),
    ),
    "nasbench201": Problem(
        CustomSpaceConfig(object="benchmarks.studies.nasbench201:SPACE"),
        "benchmarks.studies.nasbench201:reward",
        ReinforceConfig(learning_rate=1e-2, entropy_weight=0.003),
        (256, 512, 1024, 2048),  # 16 replicas do 128 children a round
        nasbench201.seconds,
    ),
}


@dataclass(frozen=True)
class Arm:
    """One way to search: so many replicas of this controller."""

    name: str
    replicas: int
    controller: ControllerConfig


def arms(problem: Problem) -> list[Arm]:
    """Return random search, and the learning controller in one to many replicas."""
    learning = [Arm(f"K={num}", num, problem.controller) for num in REPLICAS]
    return [Arm("random", 1, RandomConfig()), *learning]


def auto_arms() -> list[Arm]:
    """Return what is chosen for such a search, in one to many replicas."""
    return [Arm(f"auto, K={num}", num, AutoConfig()) for num in REPLICAS]


def measure(name: str, arm: Arm, seed: int) -> Measures:
    """Return what a search comes to: measured now, or before under the same names."""
    path = RUNS / "asynchrony" / f"{name}-{arm.name}-{seed}.json"
    if path.exists():
        return dict(json.loads(path.read_text(encoding="utf-8")))
    started_s = time.monotonic()
    found = _search(PROBLEMS[name], arm, seed, uri=f"memory://{path.stem}")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(found), encoding="utf-8")
    print(f"{path.stem}: {time.monotonic() - started_s:.0f} s", flush=True)
    return found


def _search(problem: Problem, arm: Arm, seed: int, *, uri: str) -> Measures:
    config = SearchConfig(
        seed=seed,
        space=problem.space,
        controller=arm.controller,
        children=OwnChildrenConfig(evaluate=problem.evaluate),
        search=RoundsConfig(
            max_children=problem.marks[-1],
            children_per_round=PER_ROUND,
            replicas=arm.replicas,
            repeats="train",
        ),
    )
    search = OpenSearch(uri)
    steps.prepare_data(search, config=config)
    workers = SimulatedWorkers(
        search,
        seconds=_seconds(problem, search, seed),
        capacity=PER_ROUND * arm.replicas,
    )
    view = Engine(search, make_workers=workers.in_run, listener=Listener()).run()
    staleness = [entry.staleness[0] for entry in view.learned]
    return {
        "mean staleness": fmean(staleness),
        "greatest staleness": max(staleness),
        **_curves(problem.marks, workers.ended, view.rows),
    }


def _curves(
    marks: Sequence[int], ended: Sequence[tuple[float, str]], found: Iterable[ChildRow]
) -> Measures:
    """Return where the search stood when so many children had ended, and how late it was then."""
    by_id = {row.id: row for row in found}
    rows = [by_id[child] for _, child in ended]
    tops = {top: top_k_mean(rows, top) for top in TOPS}
    measures: Measures = {}
    for mark in marks:
        measures[f"repeats at {mark}"] = mark - len({row.architecture.id for row in rows[:mark]})
        for top in TOPS:
            measures[f"top {top} at {mark}"] = tops[top][mark - 1] or 0.0
        measures[f"last {LAST} at {mark}"] = fmean(row.reward for row in rows[mark - LAST : mark])
        measures[f"simulated seconds at {mark}"] = ended[mark - 1][0]
    return measures


def _seconds(problem: Problem, search: OpenSearch, seed: int) -> Seconds:
    of_architecture = problem.seconds
    if of_architecture is None:
        return log_normal(seed)

    def seconds(child: str) -> float:
        proposed = search.store.proposed(child)
        return of_architecture(proposed.children[ChildId.parse(child).index].architecture)

    return seconds


def study(name: str) -> None:
    """Run all searches on one problem and print the comparison."""
    found = {arm.name: [measure(name, arm, seed) for seed in SEEDS] for arm in arms(PROBLEMS[name])}
    best = nasbench201.optimum() if name == "nasbench201" else 1.0
    title = f"{name}: the optimum is {best:.4f}; {len(SEEDS)} seeds"
    compare_arms(title, found, base="K=1", others=("K=4", "K=16"))
    controller = PROBLEMS[name].controller.model_dump()
    write_result(
        f"asynchrony_{name}",
        {"seeds": list(SEEDS), "optimum": best, "controller": controller, "searches": found},
    )


def study_auto() -> None:
    """Run what `auto` chooses on all problems and print the comparison."""
    searches = {}
    for name in PROBLEMS:
        found = {arm.name: [measure(name, arm, seed) for seed in AUTO_SEEDS] for arm in auto_arms()}
        base, *others = found
        compare_arms(f"{name}: {len(AUTO_SEEDS)} seeds", found, base=base, others=others)
        searches[name] = found
    write_result("asynchrony_auto", {"seeds": list(AUTO_SEEDS), "searches": searches})


def tune() -> None:
    """Print where the policy stands on NAS-Bench-201 with other settings, one replica."""
    marks = PROBLEMS["nasbench201"].marks
    names = [f"{what} at {mark}" for what in ("top 15", f"last {LAST}") for mark in marks]
    rows = []
    searches = {}
    for rate, weight in product((3e-3, 1e-2, 3e-2), (0.0, 0.003, 0.01)):
        controller = ReinforceConfig(learning_rate=rate, entropy_weight=weight)
        arm = Arm(f"tune-{rate}-{weight}", 1, controller)
        found = [measure("nasbench201", arm, seed) for seed in TUNING_SEEDS]
        searches[f"{rate}, {weight}"] = found
        spreads = (Spread.of(each[name] for each in found).text() for name in names)
        rows.append([rate, weight, *spreads])
    header = ["learning rate", "entropy weight", *names]
    print_table(f"Tuning, seeds {list(TUNING_SEEDS)}", header, rows)
    write_result("asynchrony_tuning", {"seeds": TUNING_SEEDS, "searches": searches})


if __name__ == "__main__":
    if "--tune" in sys.argv:
        tune()
    elif "--auto" in sys.argv:
        study_auto()
    else:
        for problem_name in sys.argv[1:] or PROBLEMS:
            study(problem_name)
