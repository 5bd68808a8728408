"""What `auto` is worth where children are trained: digits and Fashion-MNIST, by `nas compare`.

At equal budgets and paired seeds against random search and evolution; each search ends with
training its best again. A pair shares its first 16 children, which all three draw at random.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from statistics import fmean
from typing import Any

import click

import nas_lib
from benchmarks.studies.shared_weights import halved
from benchmarks.studies.study import RUNS, compare_arms, write_result
from nas_lib.config import SearchConfig
from nas_lib.config_file import parse_config
from nas_lib.results import Comparison, SearchView, by_time, scores, top_k_mean

AGAINST = ("random", "evolution")
MARKS = (24, 32, 48)
LAST = 16  # children, whose mean says what is proposed in the end
_ODD_SIDES = [1, 3, 5]
_FASHION: Mapping[str, Any] = {
    "name": "fashion",
    "task": {"valid_fraction": 0.5, "max_train": 4000},
    "space": {
        "kind": "cnn",
        "filter_heights": _ODD_SIDES,
        "filter_widths": _ODD_SIDES,
        "num_filters": [4, 8, 12, 16],
        "pool_layers": [2, 5],
        "depth": {"start": 7, "step": 0, "max": 7},
    },
    "children": {
        "epochs": 3,
        "batch_size": 32,
        "learning_rate": 0.1,
        "schedule": "cosine",
        "augment": {"pad": 1},
        "reward": {"last_epochs": 1},
    },
    "search": {"max_children": 48, "confirm": {"networks": 5, "trainings": 2}},
}


def digits() -> SearchConfig:
    """Return the preset with half its budget."""
    preset = nas_lib.preset("digits")
    return preset.model_copy(
        update={"search": preset.search.model_copy(update={"max_children": 48})}
    )


def fashion(images: Path) -> SearchConfig:
    """Return a search in which a child is trained for moments, and none is as good as it gets."""
    task = {**_FASHION["task"], "data": {"format": "idx", "path": str(halved(images))}}
    return parse_config({**_FASHION, "task": task}, source="study")


def measures(view: SearchView) -> dict[str, float]:
    """Return what a search came to, each measure by its name; *anew* is with other seeds."""
    rows = by_time(row for row in view.rows if row.confirms is None)
    tops = [(k, mark) for k in (1, 5) for mark in MARKS] + [(15, MARKS[-1])]
    found = {f"best {k} of {mark}": top_k_mean(rows, k)[mark - 1] for k, mark in tops}
    last = [score for score in scores(rows[-LAST:]) if score is not None]
    again = [fmean(each.seeds.scores[1:]) for each in view.standings if each.is_confirmed]
    assert view.best is not None
    return {
        **{name: score for name, score in found.items() if score is not None},
        f"all of the last {LAST}": fmean(last),
        "those trained anew": fmean(again),
        "the winner, at first": view.best.seeds.scores[0],
        "the winner, anew": fmean(view.best.seeds.scores[1:]),
        "the winner, test": view.test[0].score,
    }


def tell(name: str, comparison: Comparison) -> None:
    """Print what came of it, and store it."""
    found: dict[str, list[dict[str, float]]] = defaultdict(list)
    for entry in comparison.entries:
        found[entry.controller].append(measures(nas_lib.open(entry.uri).view))
    others = [arm for arm in found if arm != "random"]
    compare_arms(name, found, base="random", others=others)
    write_result(f"trained_{name}", {"controllers": found})


@click.command()
@click.argument("name", type=click.Choice(["digits", "fashion"]))
@click.option("--data", type=click.Path(exists=True, path_type=Path), help="Fashion-MNIST's files.")
@click.option("--seeds", default=2, show_default=True)
def main(name: str, data: Path | None, seeds: int) -> None:
    """Run the searches that there are not yet, and print the comparison."""
    if name == "fashion" and data is None:
        raise click.UsageError("fashion needs --data")
    config = digits() if data is None else fashion(data)
    store = str(RUNS / "trained" / name)
    tell(name, nas_lib.compare(config, against=AGAINST, seeds=seeds, store=store, workers=1))


if __name__ == "__main__":
    main()
