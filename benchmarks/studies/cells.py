"""NASNet on two cores: found cells, random ones, published ones and known networks.

`python -m benchmarks.studies.cells fashion --data FOLDER` (Fashion-MNIST's idx files), or `cifar10
--data FILE.npz` (32 x 32, keys as `data.format: npz` has them). Cells are searched for on images of
half the height and width, and transferred to the whole ones: each becomes a network with about as
many parameters as ResNet-8, and all are trained alike, by three seeds. Random cells are the first
that a search draws.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import click
import numpy as np

import nas_lib
from benchmarks.studies.shared_weights import halved
from benchmarks.studies.study import RUNS, Spread, print_table, write_result
from nas_lib.config import SearchConfig, SizeConfig
from nas_lib.config_file import parse_config
from nas_lib.engine import SearchHandle
from nas_lib.results.final import Contender, outcome

SEARCHES, RANDOM_CELLS, SEEDS = 2, 3, 3
PARAMETERS = 80_000
REFERENCES = ("resnet-8", "densenet-22-6")  # 75,002 and 79,906 parameters in grey
STACK = {"cells": 1, "filters": 8}
DOCUMENT: Mapping[str, Any] = {
    "space": {"kind": "nasnet", "child": STACK, "shared": STACK},
    "children": {
        "epochs": 3,
        "batch_size": 64,
        "learning_rate": 0.05,
        "schedule": "cosine",
        "weight_decay": 5e-4,
        "augment": {"pad": 1},
        "reward": {"last_epochs": 1, "power": 1.0},
    },
    "search": {"max_children": 48, "confirm": {"networks": 4, "trainings": 2}},
    "final": {
        "seeds": SEEDS,
        "retrain": False,
        "children": {
            "epochs": 15,
            "batch_size": 64,
            "learning_rate": 0.05,
            "weight_decay": 5e-4,
            "label_smoothing": 0.1,
            "mixup": 0.0,
            "drop_path": 0.1,
            "min_steps": 0,
        },
    },
}


class Network(NamedTuple):
    """One that is trained in the end.

    Attributes:
        group: Found, random or by which name it was published.
        name: Of its store.
        source: Where its cells come from, as `nas_lib.transfer` takes it.
        cells: Which of them, where the source is a search.
    """

    group: str
    name: str
    source: str
    cells: str = ""


def task_of(name: str, path: Path, *, is_small: bool) -> dict[str, Any]:
    """Return a task of some thousand images, of half the height and width where they are small."""
    if name == "fashion":
        data = {"format": "idx", "path": str(halved(path) if is_small else path)}
    else:
        data = {"format": "npz", "path": str(_halved_archive(path) if is_small else path)}
    return {"data": data, "valid_fraction": 1 / 3, "max_train": 4500}


def _halved_archive(path: Path) -> Path:
    small = RUNS / "cells" / f"halved-{path.name}"
    small.parent.mkdir(parents=True, exist_ok=True)
    if not small.exists():
        with np.load(path) as arrays:
            np.savez(small, **{key: _halved(arrays[key]) for key in arrays.files})
    return small


def _halved(array: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    if array.ndim < 4:
        return array
    number, height, width, channels = array.shape
    blocks = array.reshape(number, height // 2, 2, width // 2, 2, channels)
    return blocks.mean((2, 4)).round().astype(np.uint8)


def config(name: str, path: Path, *, seed: int = 0, is_small: bool) -> SearchConfig:
    """Return a search on small images, or the document of a transfer to whole ones."""
    task = task_of(name, path, is_small=is_small)
    document = {**DOCUMENT, "name": f"cells-{name}-{seed}", "seed": seed, "task": task}
    return parse_config(document, source="study")


def store(name: str, what: str) -> str:
    """Return where a search or a transfer lies."""
    return str(RUNS / "cells" / name / what)


def networks(name: str, searches: list[SearchHandle]) -> Iterator[Network]:
    """Yield what is trained in the end, but for references."""
    for number, search in enumerate(searches):
        assert search.best is not None
        yield Network("found", f"found-{number}", search.uri, search.best.id)
    first = searches[0].children[:RANDOM_CELLS]
    for number, child in enumerate(first):
        yield Network("random", f"random-{number}", searches[0].uri, child.id)
    yield Network("nasnet-a", "nasnet-a", "nasnet-a")


def trained(name: str, path: Path, network: Network) -> Iterator[tuple[str, Contender]]:
    """Transfer cells and train the network, unless it is done; yield it and what stands beside it.

    The references stand beside the published cell.
    """
    document = config(name, path, is_small=False)
    is_published = network.source == network.group
    references = REFERENCES if is_published else ()
    settings = document.final.model_copy(update={"references": references})
    handle = nas_lib.transfer(
        network.source,
        document.model_copy(update={"final": settings}),
        networks=(network.cells,) if network.cells else (),
        size=SizeConfig(parameters=PARAMETERS),
        store=store(name, network.name),
        workers=1,
    )
    for final in handle.view.finals:
        is_of_references = final.config.space.kind == "image-references"
        for contender in outcome(final).best_of_each:
            yield contender.network if is_of_references else network.group, contender


@click.command()
@click.argument("name", type=click.Choice(["fashion", "cifar10"]))
@click.option("--data", type=click.Path(exists=True, path_type=Path), required=True)
def main(name: str, data: Path) -> None:
    """Run what there is not yet, print the table, and store the figures."""
    searches = []
    for seed in range(SEARCHES):
        small = config(name, data, seed=seed, is_small=True)
        searches.append(nas_lib.search(small, store=store(name, f"search-{seed}"), workers=1))
    found: list[dict[str, Any]] = []
    for network in networks(name, searches):
        for group, contender in trained(name, data, network):
            rows = [row for row in contender.rows if row.score is not None]
            found.append(
                {
                    "group": group,
                    "network": contender.network,
                    "scores": [row.score for row in rows],
                    "test": list(contender.tested.scores),
                    "parameters": rows[0].num_parameters,
                    "multiply_adds": rows[0].num_multiply_adds,
                    "seconds": [row.seconds for row in rows],
                }
            )
    print_table(
        f"{name}: accuracy on whole images",
        ["cells", "parameters", "multiply-adds", "validation", "test", "seconds"],
        [
            [
                each["group"],
                f"{each['parameters']:,}",
                f"{each['multiply_adds']:,}",
                Spread.of(each["scores"]).text(),
                Spread.of(each["test"]).text() if each["test"] else "not read",
                f"{Spread.of(each['seconds']).mean:.0f}",
            ]
            for each in found
        ],
    )
    write_result(f"cells_{name}", {"networks": found})


if __name__ == "__main__":
    main()
