"""The presets `photos` and `photos-shared` on pictures that are nobody's benchmark.

`python -m benchmarks.studies.own_sets --data FOLDER`, with the sets that `python -m
benchmarks.studies.sets FOLDER` lays out there. Each preset searches, and trains the best at length
by three seeds; ResNet-20 learns by the same settings and seeds on the same split. What people would
set themselves is set: where the pictures lie, what their groups are, that broken ones are left out.

Several processes may share the work: `--set` and `--preset` say which part is one's own. Called
with neither it trains what is left. `--known` trains nothing, and tells what there is.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import click

import nas_lib
from benchmarks.studies.study import RUNS, Spread, print_table, write_result
from nas_lib.config import SearchConfig
from nas_lib.config_file import parse_config, with_changes
from nas_lib.presets import preset
from nas_lib.results.final import Contender, outcome
from nas_lib.results.intervals import of_difference, over_seeds

SETS: Mapping[str, Mapping[str, Any]] = {
    "clipart": {"format": "image_folder", "path": "clipart", "on_error": "skip", "fit": "pad"},
    "emoji": {"format": "image_table", "path": "emoji/labels.csv"},
    "sprites": {"format": "image_folder", "path": "sprites", "group": "^(.*?)__", "fit": "pad"},
}
PRESETS = ("photos", "photos-shared")
REFERENCE = "resnet-20"
MINUTES = "minutes.json"


class Trained(NamedTuple):
    """A network that was trained in the end, on one set.

    Attributes:
        pictures: The set.
        preset: That found it, or beside which a known one was trained.
        network: As text.
        parameters: Its weights.
        multiply_adds: Of one image.
        valid: Accuracy on the validation images, by seed.
        test: Likewise on the test images.
        minutes: By the clock: of the search, and of training in the end.
    """

    pictures: str
    preset: str
    network: str
    parameters: int
    multiply_adds: int
    valid: tuple[float, ...]
    test: tuple[float, ...]
    minutes: Mapping[str, float]

    @property
    def is_reference(self) -> bool:
        """Whether it is the known one."""
        return self.network == REFERENCE

    @property
    def row(self) -> list[object]:
        """Its line in a table."""
        return [
            self.pictures,
            self.preset,
            REFERENCE if self.is_reference else "found",
            f"{self.parameters:,}",
            f"{self.multiply_adds / 1e6:.0f} M",
            percent(self.valid),
            percent(self.test),
            " + ".join(f"{minutes:.0f}" for minutes in self.minutes.values()),
        ]


def percent(accuracies: tuple[float, ...]) -> str:
    """Return a mean of percents with Student's interval."""
    interval = over_seeds(accuracies)
    half = "" if interval is None else f" +- {100 * interval.half:.1f}"
    return f"{100 * Spread.of(accuracies).mean:.1f}{half}"


def difference(found: Trained, reference: Trained) -> str:
    """Return by how many points of the test one is ahead of the other, with Welch's interval."""
    points = 100 * (Spread.of(found.test).mean - Spread.of(reference.test).mean)
    interval = of_difference(found.test, reference.test)
    ends = "" if interval is None else f" ({100 * interval.low:+.1f} to {100 * interval.high:+.1f})"
    return f"{points:+.1f}{ends}"


def config(pictures: str, name: str, data: Path) -> SearchConfig:
    """Return the preset's document for a set, with what people would set themselves."""
    settings = {**SETS[pictures], "path": str(data / SETS[pictures]["path"])}
    changes = [(f"task.data.{setting}", value) for setting, value in settings.items()]
    document = with_changes(preset(name).model_dump(mode="json"), changes)
    return parse_config(document, source="study")


def minutes_of(folder: Path) -> dict[str, float]:
    """Return how long each stage took so far."""
    path = folder / MINUTES
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}


@contextmanager
def timed(folder: Path, stage: str) -> Iterator[None]:
    """Add the minutes that a stage takes to those before it was interrupted."""
    started_s = time.monotonic()
    try:
        yield
    finally:
        minutes = minutes_of(folder)
        minutes[stage] = minutes.get(stage, 0.0) + (time.monotonic() - started_s) / 60
        folder.mkdir(parents=True, exist_ok=True)
        (folder / MINUTES).write_text(json.dumps(minutes), encoding="utf-8")


def folder_of(pictures: str, name: str) -> Path:
    """Return where the search of a preset on a set lies, and how long it took."""
    return RUNS / "own-sets" / f"{pictures}-{name}"


def train(pictures: str, name: str, data: Path) -> None:
    """Search, train the best in the end, and the known network beside them, unless that is done."""
    folder, document = folder_of(pictures, name), config(pictures, name, data)
    store = folder / "search"
    with timed(folder, "search"):
        nas_lib.search(document, store=store)
    with timed(folder, "final"):
        nas_lib.train_best(store)
    settings = document.final.model_copy(update={"references": (REFERENCE,)})
    with timed(folder, "reference"):
        nas_lib.train_best(store, settings=settings)


def known(pictures: str, name: str) -> Iterator[Trained]:
    """Yield what was found, and the known network, as far as they have been trained."""
    folder = folder_of(pictures, name)
    if not (folder / "search" / "search.json").exists():
        return
    finals, minutes = nas_lib.open(folder / "search").view.finals, minutes_of(folder)
    for final in finals:
        winner = outcome(final).winner
        if winner is not None and winner.tested.scores:
            stages = ("reference",) if winner.network == REFERENCE else ("search", "final")
            spent = {stage: minutes[stage] for stage in stages if stage in minutes}
            yield _told(pictures, name, winner, spent)


def _told(pictures: str, name: str, winner: Contender, minutes: Mapping[str, float]) -> Trained:
    first = winner.rows[0]
    return Trained(
        pictures=pictures,
        preset=name,
        network=winner.network,
        parameters=first.num_parameters or 0,
        multiply_adds=first.num_multiply_adds or 0,
        valid=winner.valid.scores,
        test=winner.tested.scores,
        minutes=minutes,
    )


def compared(trained: Iterable[Trained]) -> Iterator[list[str]]:
    """Yield rows: by how much a preset's network is ahead of the known one on a set."""
    all_of_them = list(trained)
    references = {(each.pictures, each.preset): each for each in all_of_them if each.is_reference}
    for each in all_of_them:
        reference = references.get((each.pictures, each.preset))
        if not each.is_reference and reference is not None:
            yield [each.pictures, each.preset, difference(each, reference)]


@click.command()
@click.option("--data", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--set", "sets", multiple=True, type=click.Choice(list(SETS)), default=list(SETS))
@click.option("--preset", "presets", multiple=True, type=click.Choice(PRESETS), default=PRESETS)
@click.option("--known", "is_known", is_flag=True, help="Train nothing, tell what there is.")
def main(
    data: Path | None, sets: tuple[str, ...], presets: tuple[str, ...], is_known: bool
) -> None:
    """Train what is asked for and not done yet, print the tables, and store the figures."""
    if not is_known and data is None:
        raise click.UsageError("--data says where the sets lie; --known tells what there is")
    for name in () if is_known else presets:
        for pictures in sets:
            assert data is not None
            train(pictures, name, data)
    trained = [each for name in PRESETS for pictures in SETS for each in known(pictures, name)]
    if not trained:
        raise click.ClickException("nothing has been trained to its end yet")
    header = ["set", "preset", "network", "parameters", "multiply-adds", "validation, %"]
    print_table(
        "Trained alike, by three seeds, 95 % intervals",
        [*header, "test, %", "minutes"],
        [each.row for each in trained],
    )
    print_table(
        f"Points of the test ahead of {REFERENCE}", ["set", "preset", "points"], compared(trained)
    )
    write_result("own_sets", {"trained": [each._asdict() for each in trained]})


if __name__ == "__main__":
    main()
