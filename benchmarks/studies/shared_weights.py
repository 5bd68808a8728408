"""ENAS against random search with weight sharing, at an equal budget; and what shared weights tell.

`python -m benchmarks.studies.shared_weights macro --data FOLDER`, likewise micro (both on
Fashion-MNIST's idx files, the mean of each 2 x 2 pixels being one) and rnn (on a folder with
train.txt, valid.txt and test.txt). Searches of one seed share the split of the data and the first
weights. `enas` is as published: each architecture is judged on a batch of its own, and measured
against a moving average. `common` judges all of a controller step on the same batch, each against
the mean of the others.
"""

from __future__ import annotations

import gzip
import json
import struct
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from statistics import fmean
from typing import Any

import click
import numpy as np

import nas_lib
from benchmarks.studies.reward_variance import RewardVariance
from benchmarks.studies.study import RUNS, Spread, paired, print_table, write_result
from nas_lib import steps
from nas_lib.config import RandomConfig, SearchConfig, SharedConfig
from nas_lib.config_file import apply_overrides, parse_config
from nas_lib.open_search import OpenSearch
from nas_lib.procedures.shared_training import at_work, epochs, restored
from nas_lib.records import Derived
from nas_lib.results import Correlation, best_kept, derivation
from nas_lib.seeds import Stream, seed_for
from nas_lib.shared_weights.norm import BatchNormMode
from nas_lib.shared_weights.trainer import SharedTrainer
from nas_lib.shared_weights.workload import Workload, finite_score
from nas_lib.store import layout, lease

SEEDS = (1, 2, 3)
AS_PUBLISHED = {"search.validation_batches": "own", "controller.baseline": "moving_average"}
ARMS = {
    "enas": AS_PUBLISHED,
    "common": {"search.validation_batches": "common", "controller.baseline": "leave_one_out"},
    "random": AS_PUBLISHED,
}
NUM_JUDGED, NUM_BATCHES = 10, 32  # whose rewards' variance is taken apart
RUN = "study"
IMAGES = {
    "task.data.format": "idx",
    "task.valid_fraction": 1 / 3,
    "task.max_train": 12_000,
    "search.weights.learning_rate": 0.1,
    "search.controller_steps": 10,
    "search.architectures_per_step": 10,
    "search.derive.num_samples": 50,
    "children.epochs": 6,
}
SPACES: dict[str, tuple[str, dict[str, Any]]] = {
    "macro": (
        "enas-macro-digits",
        IMAGES | {"search.weights.epochs": 100, "search.weights.first_cycle": 100},
    ),
    "micro": (
        "enas-micro-digits",
        IMAGES
        | {
            "space.nodes": 2,
            "search.weights.epochs": 60,
            "search.weights.first_cycle": 60,
            "search.controller_after": 30,
        },
    ),
    "rnn": (
        "enas-rnn-pydoc",
        {
            "task.data.format": "text_files",
            "task.max_train": 80_000,
            "search.derive.num_samples": 50,
            "children.epochs": 4,
        },
    ),
}


def halved(images: Path) -> Path:
    """Return a folder with the same idx files, their images half as high and wide."""
    small = RUNS / "shared" / "halved"
    small.mkdir(parents=True, exist_ok=True)
    for file in images.glob("*.gz"):
        content = gzip.decompress(file.read_bytes())
        if "idx3" in file.name:
            number, height, width = struct.unpack(">3I", content[4:16])
            pixels = np.frombuffer(content, np.uint8, offset=16)
            blocks = pixels.reshape(number, height // 2, 2, width // 2, 2)
            head = content[:8] + struct.pack(">2I", height // 2, width // 2)
            content = head + blocks.mean((2, 4)).round().astype(np.uint8).tobytes()
        (small / file.name).write_bytes(gzip.compress(content, compresslevel=1))
    return small


def config(space: str, arm: str, seed: int, data: Path, probes: int) -> SearchConfig:
    """Return one search of the study."""
    preset, settings = SPACES[space]
    changes = {
        "name": f"{space}-{arm}-{seed}",
        "seed": seed,
        "task.data.path": data,
        "search.derive.keep": 3,
        "search.derive.probes": probes,
        "children.keep": 3 + probes,
        "search.weights.threads": 1,
    }
    overrides = [f"{key}={value}" for key, value in (settings | changes | ARMS[arm]).items()]
    document = nas_lib.preset(preset).model_dump(mode="json")
    found = parse_config(apply_overrides(document, overrides), source="study")
    if arm == "random":
        return found.model_copy(update={"controller": RandomConfig()})
    return found


Probes = Sequence[tuple[Sequence[int], float]]
"""Architectures drawn at random, and their scores from scratch."""


def train_weights(searched: SearchConfig, uri: str, probes: Probes) -> dict[str, Any]:
    """Train the shared weights, and return what they tell at half time and in the end.

    It lies beside the search, as the weights are gone once anything is derived from them.
    """
    notes = RUNS / "shared" / f"{searched.name}.json"
    told: dict[str, Any] = json.loads(notes.read_text("utf-8")) if notes.exists() else {}
    search = OpenSearch(uri)
    steps.prepare_data(search, config=searched)
    if search.store.find(Derived, layout.DERIVED):
        return told
    assert isinstance(searched.search, SharedConfig)
    num_epochs = searched.search.weights.epochs

    def look(trainer: SharedTrainer, workload: Workload) -> None:
        if trainer.epoch in (num_epochs // 2, num_epochs):
            parts = variance(search, trainer, workload)
            told[f"variance after {trainer.epoch}"] = asdict(parts)
        if trainer.epoch == num_epochs and probes:
            told["tau of probes"] = tau(search, workload, probes)
        notes.write_text(json.dumps(told), "utf-8")

    with at_work():
        trainer, workload = restored(search, RUN)
        look(trainer, workload)
        for _ in epochs(search, trainer):
            look(trainer, workload)
    lease.release(search.store, 0, RUN)
    return told


def variance(search: OpenSearch, trainer: SharedTrainer, workload: Workload) -> RewardVariance:
    """Take apart the rewards of what the controller proposes now, each on each of some batches."""
    proposed = search.controller.propose(
        trainer.shards,
        decisions=search.space.decisions(1),
        num=NUM_JUDGED,
        seed=seed_for(search.config.seed, Stream.PREVIEW),
    )

    def reward(tokens: Sequence[int], number: int) -> float:
        score = finite_score(workload, workload.quick_score(tokens, number=number))
        return search.task.goodness(score)

    rewards = [[reward(tokens, number) for number in range(NUM_BATCHES)] for tokens in proposed]
    return RewardVariance.of(np.array(rewards))


def tau(search: OpenSearch, workload: Workload, probes: Probes) -> dict[str, float | None]:
    """Return Kendall's tau of scores by these weights and from scratch, by mode of BatchNorm."""
    modes: Sequence[BatchNormMode] = ("refit", "running") if workload.has_batch_norm else ("refit",)
    trained = [score for _, score in probes]
    return {
        mode: Correlation.of([workload.score(t, mode=mode) for t, _ in probes], trained).tau
        for mode in modes
    }


def measure(
    space: str, arm: str, seed: int, data: Path, *, num_probes: int = 0, probes: Probes = ()
) -> dict[str, Any]:
    """Search, and return what came of it.

    Args:
        space: A name of `SPACES`.
        arm: A name of `ARMS`.
        seed: The search's.
        data: Its images or text.
        num_probes: How many architectures drawn at random are trained, too.
        probes: Those that another search of this space has trained.
    """
    searched = config(space, arm, seed, data, num_probes)
    uri = str(RUNS / "shared" / searched.name)
    told = train_weights(searched, uri, probes)
    handle = nas_lib.search(searched, store=uri, workers=1)
    view, found = handle.view, derivation(handle.view)
    assert view.derived is not None
    assert found is not None
    best = best_kept(view)
    assert best is not None
    tests = {each.child: each.score for each in view.test}
    print(f"{searched.name}: {best.score}, test {tests[best.id]}", flush=True)
    return {
        "epochs": len(view.shared_epochs),
        "training seconds": sum(each.seconds for each in view.shared_epochs),
        "controller seconds": sum(each.controller_seconds for each in view.shared_epochs),
        "deriving seconds": view.derived.seconds,
        "samples scored": len(view.derived.scores),
        "best shared score": view.derived.kept[0].score,
        "kept from scratch": [row.trained_score for row in found.rows if not row.is_probe],
        "best from scratch": best.score,
        "its test": tests[best.id],
        "its architecture": best.architecture.config,
        "last entropy": view.shared_epochs[-1].metrics.get("entropy"),
        "told": told,
        "tau": asdict(found) if num_probes else None,
    }


def probes_of(searched: dict[str, Any]) -> Probes:
    """Return those that a search has trained, from what `measure` returned of it."""
    rows = [row for row in searched["tau"]["rows"] if row["is_probe"]]
    trained = [(row["architecture"]["tokens"], row["trained"]["score"]) for row in rows]
    return [(tokens, score) for tokens, score in trained if score is not None]


@click.command()
@click.argument("space", type=click.Choice(list(SPACES)))
@click.option("--data", type=click.Path(exists=True, path_type=Path), required=True)
@click.option("--probes", default=20, show_default=True, help="Of ENAS with the first seed.")
def main(space: str, data: Path, probes: int) -> None:
    """Run the searches of one space and print the comparison."""
    if space != "rnn":
        data = halved(data)
    first = measure(space, "enas", SEEDS[0], data, num_probes=probes)
    drawn = probes_of(first)
    found = {
        arm: [
            first
            if (arm, seed) == ("enas", SEEDS[0])
            else measure(space, arm, seed, data, probes=drawn)
            for seed in SEEDS
        ]
        for arm in ARMS
    }
    show(space, found)
    write_result(f"shared_{space}", {"seeds": SEEDS, "searches": found})


def show(space: str, found: dict[str, list[dict[str, Any]]]) -> None:
    """Print what came of each arm, and how far random search is behind."""
    rows = []
    for arm, searches in found.items():
        seconds = [
            each["training seconds"] + each["controller seconds"] + each["deriving seconds"]
            for each in searches
        ]
        kept = [fmean(each["kept from scratch"]) for each in searches]
        scores = [each["best from scratch"] for each in searches]
        tests = [each["its test"] for each in searches]
        ahead = paired(tests, [each["its test"] for each in found["random"]])
        columns = (seconds, kept, scores, tests, ahead)
        rows.append([arm, *(Spread.of(values).text() for values in columns)])
    header = ["arm", "search seconds", "mean of kept", "best of kept", "its test", "- random's"]
    print_table(f"{space}, {len(found['random'])} paired seeds", header, rows)


if __name__ == "__main__":
    main()
