"""ENAS against random search with weight sharing, at an equal budget; and what shared weights tell.

`python -m benchmarks.studies.shared_weights macro --data FOLDER`, likewise micro (both on
Fashion-MNIST's idx files, the mean of each 2 x 2 pixels being one) and rnn (on a folder with
train.txt, valid.txt and test.txt). A pair of searches shares its seed, and with it the split of the
data and the first weights.
"""

from __future__ import annotations

import gzip
import struct
from dataclasses import asdict
from pathlib import Path
from statistics import fmean
from typing import Any

import click
import numpy as np

import nas_lib
from benchmarks.studies.study import RUNS, Spread, print_table, write_result
from nas_lib.config import RandomConfig, SearchConfig
from nas_lib.config_file import apply_overrides, parse_config
from nas_lib.results import best_kept, derivation

SEEDS = (1, 2, 3)
ARMS = ("enas", "random")
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
    overrides = [f"{key}={value}" for key, value in (settings | changes).items()]
    document = nas_lib.preset(preset).model_dump(mode="json")
    found = parse_config(apply_overrides(document, overrides), source="study")
    if arm == "random":
        return found.model_copy(update={"controller": RandomConfig()})
    return found


def measure(space: str, arm: str, seed: int, data: Path, probes: int) -> dict[str, Any]:
    """Search, and return what came of it."""
    searched = config(space, arm, seed, data, probes)
    handle = nas_lib.search(searched, store=str(RUNS / "shared" / searched.name), workers=1)
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
        "tau": asdict(found) if probes else None,
    }


@click.command()
@click.argument("space", type=click.Choice(list(SPACES)))
@click.option("--data", type=click.Path(exists=True, path_type=Path), required=True)
@click.option("--probes", default=20, show_default=True, help="Of ENAS with the first seed.")
def main(space: str, data: Path, probes: int) -> None:
    """Run the searches of one space and print the comparison."""
    if space != "rnn":
        data = halved(data)
    found = {
        arm: [
            measure(space, arm, seed, data, probes if (arm, seed) == ("enas", SEEDS[0]) else 0)
            for seed in SEEDS
        ]
        for arm in ARMS
    }
    rows = []
    for arm, searches in found.items():
        seconds = [
            each["training seconds"] + each["controller seconds"] + each["deriving seconds"]
            for each in searches
        ]
        kept = [fmean(each["kept from scratch"]) for each in searches]
        scores = [each["best from scratch"] for each in searches]
        tests = [each["its test"] for each in searches]
        rows.append([arm, *(Spread.of(values).text() for values in (seconds, kept, scores, tests))])
    header = ["arm", "search seconds", "mean of kept", "best of kept", "its test"]
    print_table(f"{space}, {len(SEEDS)} paired seeds", header, rows)
    write_result(f"shared_{space}", {"seeds": SEEDS, "searches": found})


if __name__ == "__main__":
    main()
