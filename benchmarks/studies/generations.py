"""NAS, NASNet and ENAS on one data set: how long each takes to an equal accuracy.

`python -m benchmarks.studies.generations --data FOLDER` (Fashion-MNIST's idx files, halved to 14 x
14 pixels). Whatever is searched for, and however, children are trained alike and judged by the same
images, so their validation accuracies compare; seconds are those of all trainings up to there, of
shared weights too. Beside each generation stands random search in its space.
"""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import click

import nas_lib
from benchmarks.studies.cells import DOCUMENT, task_of
from benchmarks.studies.study import RESULTS, RUNS, Spread, print_table, write_result
from nas_lib.config import SearchConfig
from nas_lib.config_file import parse_config
from nas_lib.engine import SearchHandle
from nas_lib.records import ChildRow
from nas_lib.report.charts import Panel, Series, plot
from nas_lib.results import by_time
from nas_lib.results.shared_progress import shared_progress

TARGETS = (0.65, 0.68, 0.70, 0.75, 0.76, 0.77, 0.78)
_SIDES = [1, 3, 5]
_NAS = {
    "kind": "cnn",
    "filter_heights": _SIDES,
    "filter_widths": _SIDES,
    "num_filters": [8, 16, 24],
    "pool_layers": [2, 5],
    "depth": {"start": 7, "step": 0, "max": 7},
}
_NASNET = DOCUMENT["space"]
_CELLS = {"cells": 3, "filters": 8}  # a normal cell for each stage, as the others have
_ENAS = {"kind": "enas-micro", "nodes": 3, "shared": _CELLS, "child": _CELLS}
_ROUNDS = {"max_children": 48, "confirm": None}
_SHARED = {
    "kind": "shared",
    "weights": {
        "epochs": 62,
        "batch_size": 64,
        "learning_rate": 0.05,
        "first_cycle": 2,
        "augment": {"pad": 1},
    },
    "controller_after": 30,
    "controller_steps": 10,
    "architectures_per_step": 10,
    "derive": {"num_samples": 50, "keep": 8, "probes": 0},
}
ARMS: Mapping[str, Mapping[str, Any]] = {
    "NAS, auto": {"space": _NAS, "search": _ROUNDS},
    "NAS, reinforce": {
        "space": _NAS,
        "search": _ROUNDS,
        "controller": {"kind": "reinforce", "learning_rate": 1e-2},
    },
    "NAS, random": {"space": _NAS, "search": _ROUNDS, "controller": "random"},
    "NASNet, auto": {"space": _NASNET, "search": _ROUNDS},
    "NASNet, ppo": {
        "space": _NASNET,
        "search": _ROUNDS,
        "controller": {
            "kind": "ppo",
            "epochs": 10,
            "learning_rate": 1e-2,
            "policy": {"kind": "nas", "num_layers": 1, "hidden_size": 100, "init_range": 0.1},
        },
    },
    "NASNet, random": {"space": _NASNET, "search": _ROUNDS, "controller": "random"},
    "ENAS": {"space": _ENAS, "search": _SHARED},
    "ENAS, random": {"space": _ENAS, "search": _SHARED, "controller": "random"},
}


class Point(NamedTuple):
    """How far a search was once a network had its score: the best so far, and seconds."""

    seconds: float
    accuracy: float


def config(arm: str, seed: int, data: Path) -> SearchConfig:
    """Return one search of the study."""
    document = {
        "name": f"{_word(arm)}-{seed}",
        "seed": seed,
        "task": task_of("fashion", data, is_small=True),
        "children": DOCUMENT["children"],
        **ARMS[arm],
    }
    return parse_config(document, source="study")


def _word(arm: str) -> str:
    return arm.lower().replace(", ", "-")


def course(search: SearchHandle) -> list[Point]:
    """Return the best accuracy so far over the seconds of all trainings."""
    rows = by_time(search.children)
    scores = itertools.accumulate((row.score or 0.0 for row in rows), max)
    spent = itertools.accumulate((row.seconds for row in rows), initial=seconds_before(search))
    return [Point(*point) for point in zip(itertools.islice(spent, 1, None), scores, strict=True)]


def seconds_before(search: SearchHandle) -> float:
    """Return what was spent on shared weights, before any network was trained from scratch."""
    spent = shared_progress(search.view)
    return spent.training_s + spent.controller_s + (spent.deriving_s or 0.0)


def seconds_to(points: Iterable[Point], target: float) -> float | None:
    """Return when an accuracy was reached, None where it was not."""
    return next((point.seconds for point in points if point.accuracy >= target), None)


def front(rows: Iterable[ChildRow]) -> list[tuple[float, float]]:
    """Return the Pareto front: million multiply-adds, and accuracies that fewer do not reach."""
    costs = sorted(
        ((row.num_multiply_adds or 0) / 1e6, -row.score) for row in rows if row.score is not None
    )
    found: list[tuple[float, float]] = []
    for cost, loss in costs:
        if not found or -loss > found[-1][1]:
            found.append((cost, -loss))
    return found


def pictures(searches: Mapping[str, Sequence[SearchHandle]]) -> Iterator[Panel]:
    """Yield the courses of the first seed, and the fronts of all children of a generation."""
    courses = [
        Series(arm, [(point.seconds / 60, point.accuracy) for point in course(each[0])])
        for arm, each in searches.items()
        if not arm.endswith(("reinforce", "ppo"))
    ]
    yield Panel("Best accuracy so far, first seed", courses, "minutes of training", "accuracy")
    children: dict[str, list[ChildRow]] = defaultdict(list)
    for arm, each in searches.items():
        children[arm.partition(",")[0]] += [row for search in each for row in search.children]
    fronts = [Series(name, front(rows), dots=True) for name, rows in children.items()]
    yield Panel("Pareto fronts of all children", fronts, "million multiply-adds", "accuracy")


def tell(searches: Mapping[str, Sequence[SearchHandle]]) -> None:
    """Print the table, draw the curves, store the figures."""
    found = {arm: [course(search) for search in each] for arm, each in searches.items()}
    picture = plot(pictures(searches))
    (RESULTS / "generations.svg").write_text(picture + "\n", encoding="utf-8")
    rows = []
    for arm, courses in found.items():
        row: list[object] = [arm]
        for target in TARGETS:
            reached = [at for each in courses if (at := seconds_to(each, target)) is not None]
            share = f"{len(reached)}/{len(courses)}"
            row.append(f"{Spread.of(reached).text(0)} s ({share})" if reached else f"- ({share})")
        rows.append([*row, Spread.of(each[-1].accuracy for each in courses).text()])
    print_table("seconds to a validation accuracy", ["", *map(str, TARGETS), "in the end"], rows)
    write_result("generations", {"courses": found})


@click.command()
@click.option("--data", type=click.Path(exists=True, path_type=Path), required=True)
@click.option("--seeds", default=2, show_default=True)
@click.option("--arm", "arms", multiple=True, type=click.Choice(list(ARMS)), help="Only these.")
def main(data: Path, seeds: int, arms: tuple[str, ...]) -> None:
    """Run the searches that there are not yet, and print the table."""
    found: dict[str, list[SearchHandle]] = defaultdict(list)
    for seed, arm in itertools.product(range(seeds), arms or ARMS):
        store = str(RUNS / "generations" / f"{_word(arm)}-{seed}")
        found[arm].append(nas_lib.search(config(arm, seed, data), store=store, workers=1))
    tell(found)


if __name__ == "__main__":
    main()
