"""Trees as recurrent cells on two cores: policy gradient, random search and others; what was found.

`python -m benchmarks.studies.trees --data FOLDER` (a folder with train, valid and test texts as
`data.format: text_files` reads them), and `--level characters`. Cells are searched for with small
networks on the text's beginning; the best that `auto` and random search found, the published cell
and an LSTM with as many weights are then trained on more of it, by one grid and three seeds each.
Searches in a space with `max` and `sin` besides tell how much that matters (Zoph & Le 2017, section
4.2, control experiment 1).

Several processes may share the work: `--arm`, `--seed` and `--only` say which part is one's own.
Called with none of them it runs what is left, and tells.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import click

import nas_lib
from benchmarks.studies.study import RESULTS, Spread, paired, print_table, write_result
from benchmarks.studies.tree_searches import ARMS, LEVELS, searched, shortened, trained
from nas_lib.engine import SearchHandle
from nas_lib.report import compare_json, compare_plot
from nas_lib.results import TOPS, by_time, top_k_mean
from nas_lib.results.final import Contender
from nas_lib.results.intervals import over_seeds
from nas_lib.spaces.published import PUBLISHED, published_in

PUBLISHED_CELL = "nas-cell"


class Final(NamedTuple):
    """A network that was trained to the end, at its best point of the grid, by each seed."""

    name: str
    network: str
    valid: tuple[float, ...]
    test: tuple[float, ...]
    num_parameters: int | None
    seconds: float

    @classmethod
    def of(cls, name: str, contender: Contender) -> Final:
        """Return the plain figures."""
        rows = [row for row in contender.rows if row.score is not None]
        return cls(
            name,
            contender.network,
            tuple(row.score for row in rows if row.score is not None),
            contender.tested.scores,
            rows[0].num_parameters if rows else None,
            Spread.of(row.seconds for row in rows).mean if rows else 0.0,
        )


def finals(
    level: str, searches: Mapping[str, Sequence[SearchHandle]], folder: Path, *, published: bool
) -> Iterator[Final]:
    """Train to the end, unless that is done, the best of each search, and the published cell."""
    for search in itertools.chain.from_iterable(searches.values()):
        assert search.best is not None
        name = search.uri.rpartition("/")[2]
        for found in trained(level, name, search.uri, search.best.id, folder):
            yield Final.of(*found)
    if published:
        search = next(iter(searches.values()))[0]
        cell = published_in(search.view.config.space.build(), PUBLISHED[PUBLISHED_CELL])
        for found in trained(
            level, PUBLISHED_CELL, search.uri, cell.config, folder, beside=("lstm",)
        ):
            yield Final.of(*found)


def tops(search: SearchHandle, num_children: int) -> dict[str, float]:
    """Return the mean of the best 1, 5 and 15 at each quarter of the budget, where there is one."""
    view = search.view
    rows = by_time(row for row in view.rows if row.is_explored)
    higher = view.measure.higher_is_better
    marks = [round(num_children * quarter / 4) for quarter in range(1, 5)]
    curves = {k: top_k_mean(rows, k, higher_is_better=higher) for k in TOPS}
    found = {
        f"best {k} of {mark}": curve[min(mark, len(curve)) - 1]
        for k, curve in curves.items()
        for mark in marks
    }
    return {name: math.nan if mean is None else mean for name, mean in found.items()}


def tell_tops(level: str, found: Mapping[str, Sequence[Mapping[str, float]]], base: str) -> None:
    """Print what the best of each arm's searches come to, and how far that is from a base's."""
    others = [arm for arm in found if arm != base]
    rows = []
    for name in found[base][0]:
        values = {arm: [each[name] for each in group] for arm, group in found.items()}
        differences = (Spread.of(paired(values[arm], values[base])).text(2) for arm in others)
        rows.append([name, *(Spread.of(each).text(2) for each in values.values()), *differences])
    print_table(
        f"{level}: searches, against {base}",
        ["mean", *found, *(f"{arm} - {base}" for arm in others)],
        rows,
    )


def tell_finals(level: str, noun: str, found: Sequence[Final]) -> None:
    """Print what networks came to that were trained to the end."""
    rows = []
    for each in found:
        interval = over_seeds(each.test)
        rows.append(
            [
                each.name,
                f"{each.num_parameters:,}",
                Spread.of(each.valid).text(2),
                f"{Spread.of(each.test).mean:.2f}" if each.test else "not read",
                f"{interval.low:.2f} to {interval.high:.2f}" if interval else "",
                f"{each.seconds:.0f}",
            ]
        )
    print_table(
        f"{level}: trained to the end, {noun}",
        ["network", "parameters", "validation", "test", "95 %", "seconds"],
        rows,
    )


def tell(
    level: str,
    searches: Mapping[str, Sequence[SearchHandle]],
    found: Sequence[Final],
    num_children: int,
) -> None:
    """Print the tables, draw the curves, store the figures."""
    of_paper = [arm for arm in searches if not ARMS[arm].space]
    comparison = nas_lib.compare(*(each for arm in of_paper for each in searches[arm]))
    picture = compare_plot(comparison)
    (RESULTS / f"trees_{level}.svg").write_text(picture + "\n", encoding="utf-8")
    best = {arm: [tops(each, num_children) for each in group] for arm, group in searches.items()}
    tell_tops(level, {arm: best[arm] for arm in of_paper}, "random")
    for more in (arm for arm in searches if ARMS[arm].space):
        base = more.partition(",")[0]
        tell_tops(level, {base: best[base], more: best[more]}, base)
    tell_finals(level, comparison.measure.noun, found)
    plain = compare_json(comparison)
    write_result(
        f"trees_{level}",
        {
            "curves": {
                name: plain[name] for name in ("checkpoints", "groups", "base", "differences")
            },
            "best": best,
            "seconds": {arm: list(map(seconds, group)) for arm, group in searches.items()},
            "finals": [each._asdict() for each in found],
        },
    )


def seconds(search: SearchHandle) -> float:
    """Return what all trainings of a search took."""
    return sum(row.seconds for row in search.children)


@click.command()
@click.option("--data", type=click.Path(exists=True, path_type=Path), required=True)
@click.option("--level", default="words", show_default=True, type=click.Choice(list(LEVELS)))
@click.option("--children", default=200, show_default=True, help="Of each search.")
@click.option("--arm", "arms", multiple=True, type=click.Choice(list(ARMS)), help="Only these.")
@click.option("--seed", "seeds", multiple=True, type=int, help="Only these.")
@click.option("--only", type=click.Choice(["searches", "finals"]), help="Only a part of the work.")
def main(
    data: Path,
    level: str,
    children: int,
    arms: tuple[str, ...],
    seeds: tuple[int, ...],
    only: str | None,
) -> None:
    """Run what there is not yet; with no part of it asked for, tell what came of it."""
    settings, text = LEVELS[level], shortened(data)
    searches = {
        arm: [searched(level, arm, seed, text, children) for seed in seeds or range(settings.seeds)]
        for arm in arms or settings.arms
    }
    if only == "searches":
        return
    chosen = {arm: group for arm, group in searches.items() if arm in settings.trained}
    found = list(finals(level, chosen, text, published=not arms and not seeds))
    if not (arms or seeds or only):
        tell(level, searches, found, children)


if __name__ == "__main__":
    main()
