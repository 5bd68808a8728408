"""Whether shared weights rank NASNet's cells, and what choosing by them is worth at equal cost.

`python -m benchmarks.studies.nasnet_shared digits`, or `fashion --data FOLDER` (Fashion-MNIST's idx
files, the mean of each 2 x 2 pixels being one). All in one process and one thread; cost is the
processor's time, so that other work on the machine does not count.

Weights are shared by architectures drawn at random, without a controller, and looked at on the way:
what they say of some cells is held against what training each of these from scratch says, and how
well that agrees with another training of the same cells. At equal cost: the best of those cells,
which is random search, against the best few of many that the weights have scored.
"""

from __future__ import annotations

import itertools
import json
import math
import random
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import fmean
from typing import Any, cast

import click
import numpy as np
import torch
from scipy.stats import spearmanr

from benchmarks.studies.shared_weights import halved
from benchmarks.studies.study import RUNS, print_table, write_result
from nas_lib import steps
from nas_lib.config_file import parse_config
from nas_lib.open_search import OpenSearch
from nas_lib.records import Child
from nas_lib.results.agreement import Correlation, kendall_tau
from nas_lib.shared_weights.norm import BatchNormMode
from nas_lib.shared_weights.workload import Workload, finite_score
from nas_lib.spaces import planned
from nas_lib.tasks.trained import TrainedTask

Tokens = tuple[int, ...]
Notes = dict[str, Any]

_RATE = 0.1
_SAMPLES, _KEPT = 200, 3

_CELLS = {"cells": 1, "filters": 8}
_SPACE = {"kind": "nasnet", "blocks": 3, "shared": _CELLS, "child": _CELLS}
_WEIGHTS = {"batch_size": 64, "first_cycle": 2, "augment": {"pad": 1, "flip": False}}
_CHILDREN = {"schedule": "cosine", "augment": {"pad": 1, "flip": False}, "reward": {"power": 1.0}}
DOCUMENTS: dict[str, dict[str, Any]] = {
    "digits": {
        "task": {"kind": "images", "data": {"format": "digits"}, "valid_fraction": 0.2},
        "children": {**_CHILDREN, "epochs": 4, "batch_size": 32},
    },
    "fashion": {
        "task": {"kind": "images", "valid_fraction": 0.5, "max_train": 2000},
        "children": {**_CHILDREN, "epochs": 4, "batch_size": 32},
    },
}


@dataclass(frozen=True)
class Problem:
    """Data, a space, and how networks of it are trained.

    Attributes:
        search: What it lies in.
    """

    search: OpenSearch

    def drawn(self, num: int, seed: int) -> list[Tokens]:
        """Return architectures drawn uniformly."""
        rng = random.Random(seed)
        decisions = self.search.space.decisions(1)
        return [tuple(rng.randrange(each.num_values) for each in decisions) for _ in range(num)]

    def trained(self, tokens: Tokens, seed: int) -> tuple[float, float]:
        """Train an architecture from scratch; return its score and the seconds that it took."""
        started_s = time.process_time()
        task = cast(TrainedTask[Any], self.search.task)
        child = Child("r000-000000-00", self.search.space.decode(tokens), seed=seed)
        manifest, data = task.fetched(self.search.store)
        plan = planned(self.search.space).plan(tokens)
        trainer = task.trainer(child, plan, manifest, data, torch.device("cpu"))
        while not trainer.is_done:
            trainer.run_epoch()
        best = trainer.best_epoch()
        assert best is not None
        return best.score, time.process_time() - started_s


def opened(data: str, name: str, images: Path | None, **space: Any) -> Problem:
    """Return a problem whose data are prepared.

    Args:
        data: A name of `DOCUMENTS`.
        name: Of the search.
        images: Fashion-MNIST's files.
        space: Settings of the space.
    """
    document = {
        **DOCUMENTS[data],
        "name": name,
        "space": {**_SPACE, **space},
        "search": {"kind": "shared", "weights": {"kind": "images", **_WEIGHTS, "epochs": 10_000}},
    }
    if images is not None:
        document["task"]["data"] = {"format": "idx", "path": str(halved(images))}
    search = OpenSearch(str(RUNS / "nasnet" / name))
    steps.prepare_data(search, config=parse_config(document, source="study"))
    return Problem(search)


@dataclass(frozen=True)
class Look:
    """What shared weights say of some architectures after so many steps of training.

    Attributes:
        steps: Of training.
        seconds: Of the processor, since the first step, without looks.
        loss: Of the steps since the last look, mean.
        scores: By mode of BatchNorm.
    """

    steps: int
    seconds: float
    loss: float
    scores: dict[str, list[float]]


def trained_weights(
    problem: Problem, workload: Workload, judged: Sequence[Tokens], marks: Sequence[int], seed: int
) -> Iterator[Look]:
    """Train shared weights by architectures drawn uniformly, and yield what they say.

    Args:
        problem: The data and the space.
        workload: The weights.
        judged: Architectures to score.
        marks: Steps after which to do so; the rate falls to nothing by the last one.
        seed: Of the architectures that they are trained by.
    """
    weights = list(workload.network.parameters())
    optimizer = torch.optim.SGD(weights, _RATE, momentum=0.9, nesterov=True, weight_decay=1e-4)
    proposed = problem.drawn(marks[-1], seed=10**6 + seed)
    batches = itertools.chain.from_iterable(workload.batches(i) for i in itertools.count(1))
    seconds, losses = 0.0, list[float]()
    for number, (tokens, batch) in enumerate(zip(proposed, batches, strict=False), start=1):
        started_s = time.process_time()
        falling = (1 + math.cos(math.pi * (number - 1) / marks[-1])) / 2
        optimizer.param_groups[0]["lr"] = _RATE * falling
        loss, _ = workload.loss(batch, tokens)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_([x for x in weights if x.grad is not None], 5.0)
        optimizer.step()
        losses.append(loss.item())
        seconds += time.process_time() - started_s
        if number in marks:
            yield Look(number, seconds, fmean(losses), scored(workload, judged))
            losses.clear()


def scored(workload: Workload, judged: Sequence[Tokens]) -> dict[str, list[float]]:
    """Return the scores of architectures by these weights, by mode of BatchNorm."""
    modes: Sequence[BatchNormMode] = ("refit", "running")
    return {
        mode: [finite_score(workload, workload.score(tokens, mode=mode)) for tokens in judged]
        for mode in modes
    }


def told(problem: Problem, drawn: Sequence[Tokens], marks: Sequence[int], seed: int) -> Notes:
    """Train shared weights; return what they say of some architectures, and whom they choose.

    Chosen are the best of `_SAMPLES` others, as a search by shared weights without a controller
    does.
    """
    notes = Path(problem.search.uri) / f"weights-{seed}.json"
    if notes.exists():
        found: Notes = json.loads(notes.read_text("utf-8"))
        return found
    task = cast(TrainedTask[Any], problem.search.task)
    manifest, data = task.fetched(problem.search.store)
    torch.manual_seed(seed)
    workload = task._workload(manifest, data, torch.device("cpu"))
    looks = [asdict(each) for each in trained_weights(problem, workload, drawn, marks, seed)]
    started_s = time.process_time()
    samples = problem.drawn(_SAMPLES, seed=2 * 10**6 + seed)
    by_score = sorted(samples, key=lambda tokens: workload.score(tokens, mode="refit"))
    seconds = time.process_time() - started_s
    chosen = by_score[: -_KEPT - 1 : -1]
    result = {
        "parameters": sum(each.numel() for each in workload.network.parameters()),
        "looks": looks,
        "seconds of choosing": seconds,
        "chosen": chosen,
    }
    notes.write_text(json.dumps(result), "utf-8")
    return result


def trainings(
    problem: Problem, name: str, drawn: Sequence[Tokens], seed: int
) -> list[tuple[float, float]]:
    """Train architectures from scratch, each noted as soon as it is; their scores and seconds."""
    notes = Path(problem.search.uri) / f"{name}-{seed}.json"
    found = json.loads(notes.read_text("utf-8")) if notes.exists() else []
    for tokens in drawn[len(found) :]:
        found.append(problem.trained(tokens, seed=seed))
        notes.write_text(json.dumps(found), "utf-8")
    return [(score, seconds) for score, seconds in found]


def agreement(xs: Sequence[float], ys: Sequence[float]) -> Notes:
    """Return Kendall's tau with 95 % of 2,000 samples with replacement, and Spearman's rho."""
    rng = np.random.default_rng(0)
    taus = []
    for _ in range(2000):
        index = rng.integers(len(xs), size=len(xs))
        taus.append(kendall_tau([xs[i] for i in index], [ys[i] for i in index]))
    tau, rho = kendall_tau(xs, ys), spearmanr(xs, ys)
    low, high = np.quantile([each for each in taus if each is not None], [0.025, 0.975])
    return {
        "tau": tau,
        "interval": [float(low), float(high)],
        "by chance": Correlation(len(xs), tau).standard_error,
        "spearman": float(rho.statistic),
        "p": float(rho.pvalue),
    }


def worth(problem: Problem, drawn: Sequence[Tokens], by: Notes, seed: int) -> Notes:
    """Return the best by shared weights and the best of random search for the same seconds."""
    chosen = [tuple(tokens) for tokens in by["chosen"]]
    trained = trainings(problem, f"chosen-{seed}", chosen, 1)
    seconds = by["looks"][-1]["seconds"] + by["seconds of choosing"]
    seconds += sum(each for _, each in trained)
    at_random = list[tuple[float, float]]()
    for each in trainings(problem, "drawn", drawn, 1):
        if sum(of_one for _, of_one in at_random) + each[1] > seconds:
            break
        at_random.append(each)
    best = max(range(len(chosen)), key=lambda i: trained[i][0])
    winner = max(range(len(at_random)), key=lambda i: at_random[i][0])
    anew = [score for score, _ in trainings(problem, f"chosen-{seed}", chosen, 2)]
    return {
        "seconds": seconds,
        "chosen": [score for score, _ in trained],
        "at random": [score for score, _ in at_random],
        "best chosen": trained[best][0],
        "best at random": at_random[winner][0],
        "chosen anew": anew,
        "best chosen anew": anew[best],
        "best at random anew": trainings(problem, "drawn", drawn, 2)[winner][0],
    }


@click.command()
@click.argument("name", type=click.Choice(list(DOCUMENTS)))
@click.option("--data", type=click.Path(exists=True, path_type=Path))
@click.option("--steps", "num_steps", default=1200, show_default=True, help="Of shared weights.")
@click.option("--drawn", default=24, show_default=True, help="Cells trained from scratch, twice.")
@click.option("--seeds", default=1, show_default=True, help="Trainings of shared weights.")
def main(name: str, data: Path | None, num_steps: int, drawn: int, seeds: int) -> None:
    """Train weights and cells of one data set, and print what agrees."""
    torch.set_num_threads(1)
    problem = opened(name, name, data)
    cells = problem.drawn(drawn, seed=1)
    marks = (num_steps // 4, num_steps // 2, num_steps)
    weights = [told(problem, cells, marks, seed) for seed in range(seeds)]
    scores = [[score for score, _ in trainings(problem, "drawn", cells, seed)] for seed in (1, 2)]
    truth = [fmean(each) for each in zip(*scores, strict=True)]
    agreements = {
        f"seed {seed}, {look['steps']} steps, {mode}": agreement(look["scores"][mode], truth)
        for seed, by in enumerate(weights)
        for look in by["looks"]
        for mode in look["scores"]
    } | {"two trainings from scratch": agreement(*scores)}
    if seeds > 1:
        last = [by["looks"][-1]["scores"]["refit"] for by in weights[:2]]
        agreements["two trainings of shared weights"] = agreement(*last)
    rows = [
        [
            what,
            f"{each['tau']:.2f}",
            [round(x, 2) for x in each["interval"]],
            f"{each['spearman']:.2f}",
        ]
        for what, each in agreements.items()
    ]
    print_table(name, ["", "Kendall's tau", "95 %", "Spearman's rho"], rows)
    equal_cost = [worth(problem, cells, by, seed) for seed, by in enumerate(weights)]
    print(json.dumps(equal_cost, indent=1))
    write_result(
        f"nasnet_shared_{name}",
        {
            "weights": weights,
            "from scratch": scores,
            "seconds": [each for _, each in trainings(problem, "drawn", cells, 1)],
            "architectures": [problem.search.space.decode(each).config for each in cells],
            "agreement": agreements,
            "equal cost": equal_cost,
        },
    )


if __name__ == "__main__":
    main()
