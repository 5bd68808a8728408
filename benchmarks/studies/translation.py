"""Cells in a translator on two cores: LSTM, GRU, the published tree and those that were found.

`python -m benchmarks.studies.translation --data FILE --found SEARCH`: a file of pairs, with columns
for source, document, sentence and translation, split by document; and a finished search of a
language model's cell, such as the study of trees leaves. Another cell is searched here, by small
translators that learn the data's beginning. All translators have about as many parameters and learn
by the same settings for as many steps; of the learning rates that are given each cell takes the one
that is best on the validation for the first seed. They are judged by the test's sentences.

Several processes may share the work: `--only` and `--seed` say which part is one's own. Called with
neither it trains what is left, and tells.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any, NamedTuple

import click

import nas_lib
from benchmarks.studies.study import RUNS, Spread, print_table, write_result
from nas_lib.config import SearchConfig, SizeConfig
from nas_lib.config_file import parse_config
from nas_lib.records import Metric, Sample
from nas_lib.results.final import Contender, best_of_each, outcome, ranked
from nas_lib.results.intervals import of_difference, over_seeds

PUBLISHED = "nas-cell"
FOUND = "found"
OWN = "found-by-translating"
BESIDE = ("lstm", "gru")
SHORT = {"pairs": 26_000, "epochs": 1}
CANDIDATES = 6
SEEDS = range(3)
NUM_SAMPLES = 20
RATE = "learning_rate"


class Size(NamedTuple):
    """How much is learnt by how large networks.

    Attributes:
        parameters: Of a translator, the vocabulary's among them.
        epochs: Passes over the pairs.
        pairs: At most so many of them; all where it is None.
        vocabulary: Subwords.
        rates: Learning rates to choose from.
    """

    parameters: int
    epochs: int
    pairs: int | None
    vocabulary: int
    rates: tuple[float, ...]

    @property
    def folder(self) -> Path:
        """Where the trainings lie."""
        pairs = "all" if self.pairs is None else self.pairs
        return RUNS / "translation" / f"{self.parameters}-{pairs}-{self.epochs}"


class Translated(NamedTuple):
    """A translator of one seed, and what it came to on the test.

    Attributes:
        name: Of its cell.
        seed: Which one.
        network: As text.
        rate: The learning rate that was best for it.
        by_rate: Perplexity on the validation by the rate, without those that diverged.
        num_parameters: Its weights.
        seconds: What its training took.
        valid: Perplexity of the validation's subwords.
        test: Of the test's.
        metrics: BLEU and others.
        samples: Sentences, their translations and what would have been right.
    """

    name: str
    seed: int
    network: str
    rate: float
    by_rate: Mapping[float, float]
    num_parameters: int
    seconds: float
    valid: float
    test: float
    metrics: tuple[Metric, ...]
    samples: tuple[Sample, ...]

    @classmethod
    def of(
        cls, name: str, seed: int, contender: Contender, others: Iterable[Contender]
    ) -> Translated:
        """Return the plain figures of a contender that was trained by one seed.

        Args:
            name: Of its cell.
            seed: Which one.
            contender: At its best rate.
            others: At all rates that did not diverge.
        """
        (row,), (reading,) = contender.rows, contender.test
        assert row.score is not None
        assert row.num_parameters is not None
        return cls(
            name,
            seed,
            contender.network,
            contender.point[RATE],
            {each.point[RATE]: each.valid.scores[0] for each in others},
            row.num_parameters,
            row.seconds,
            row.score,
            reading.score,
            reading.metrics,
            reading.samples,
        )

    @property
    def values(self) -> dict[str, float]:
        """Each further measure by its name."""
        return {metric.name: metric.value for metric in self.metrics}


def _task(data: Path, vocabulary: int, pairs: int | None) -> dict[str, Any]:
    return {
        "kind": "translation",
        "data": {
            "format": "parallel_text",
            "path": str(data),
            "source": 3,
            "target": 4,
            "split_by": [1, 2],
            "parts": 40,
        },
        "vocabulary": vocabulary,
        "on_error": "skip",
        "max_train": pairs,
    }


def searched(data: Path) -> str:
    """Search for a cell by small translators, unless that is done; return where it lies."""
    document = {
        "name": "translation-search",
        "task": _task(data, 2000, 6000),
        "space": {"kind": "nas-rnn", "child": {"layers": 1, "hidden": 32}},
        "children": {
            "kind": "translation",
            "epochs": 1,
            "batch_size": 32,
            "learning_rate": 1e-2,
            "keep": 1,
        },
        "search": {"max_children": 64, "confirm": {"networks": 4, "trainings": 2}},
    }
    store = RUNS / "translation" / "search"
    return nas_lib.search(parse_config(document, source="study"), store=store, workers=1).uri


def config(seed: int, data: Path, size: Size, *, beside: Sequence[str] = ()) -> SearchConfig:
    """Return the document of a transfer, the same for all cells of a seed."""
    document: Mapping[str, Any] = {
        "name": f"translation-{seed}",
        "seed": seed,
        "task": _task(data, size.vocabulary, size.pairs),
        "space": {"kind": "nas-rnn"},
        "final": {
            "seeds": 1,  # others are other processes' affair, perhaps
            "retrain": False,
            "references": beside,
            "grid": {RATE: size.rates},
            "children": {"kind": "translation", "epochs": size.epochs},
        },
    }
    return parse_config(document, source="study")


def chosen(name: str, source: str, data: Path, size: Size) -> tuple[str, ...]:
    """Return which of a search's best children translates best, by a short training of each.

    What tells words best need not: in a sum without bounds numbers grow with layers, width and
    length, and a translator of such a cell is worse than guessing. None where all of them are.
    """
    rates = sorted(size.rates)
    short = size._replace(**SHORT, rates=(rates[len(rates) // 2],))
    handle = nas_lib.transfer(
        source,
        config(SEEDS[0], data, short),
        top=CANDIDATES,
        size=SizeConfig(parameters=size.parameters),
        store=short.folder / f"{name}-chosen",
        workers=1,
    )
    ended = outcome(handle.view.finals[0])
    for each in ended.contenders:
        perplexity = ", ".join(f"{score:.4g}" for score in each.valid.scores)
        print(f"{name}: {each.origin}, after a short training {perplexity or 'diverged'}")
    return tuple(each.origin for each in ended.ranked[:1] if each.valid.scores[0] < size.vocabulary)


def trained(
    name: str, source: str, seed: int, data: Path, size: Size, *, networks: Sequence[str] = ()
) -> Iterator[Translated]:
    """Train the translator of a cell, unless that is done, and what stands beside it."""
    beside = BESIDE if name == PUBLISHED else ()
    handle = nas_lib.transfer(
        source,
        config(seed, data, size, beside=beside),
        top=1,
        networks=networks,
        size=SizeConfig(parameters=size.parameters),
        store=size.folder / f"{name}-{seed}",
        workers=1,
    )
    outcomes = [outcome(final) for final in handle.view.finals]  # there may be several grids
    found = ranked((each for final in outcomes for each in final.ranked), handle.view.measure)
    for contender in best_of_each(found):
        kind = contender.network.partition(" ")[0]
        others = [each for each in found if each.network == contender.network]
        yield Translated.of(kind if kind in BESIDE else name, seed, contender, others)


def of_seeds(
    name: str, source: str, seeds: Iterable[int], data: Path, size: Size
) -> Iterator[Translated]:
    """Yield the translators of a cell and what stands beside it; the first seed finds the rates.

    A cell with which the first one learned nothing is not trained again.
    """
    networks = () if name == PUBLISHED else chosen(name, source, data, size)
    if not networks and name != PUBLISHED:
        return
    firsts = [*trained(name, source, SEEDS[0], data, size, networks=networks)]
    has_learned = any(each.valid < size.vocabulary for each in firsts)
    for seed in seeds:
        found = firsts if seed == SEEDS[0] else []
        for rate in sorted({each.rate for each in firsts}) if has_learned and not found else ():
            at_it = size._replace(rates=(rate,))
            found = [*trained(name, source, seed, data, at_it, networks=networks)]
        yield from found  # of all rates so far


def told(found: Sequence[Translated]) -> dict[str, list[Translated]]:
    """Return the translators of each cell, in the order of their seeds."""
    ordered = sorted(found, key=lambda each: (each.name, each.seed))
    return {name: list(group) for name, group in groupby(ordered, lambda each: each.name)}


def with_interval(values: Sequence[float], digits: int = 2) -> str:
    """Return a mean, and Student's interval where there are several values."""
    interval = over_seeds(values)
    ends = f" ({interval.low:.{digits}f} to {interval.high:.{digits}f})" if interval else ""
    return f"{Spread.of(values).mean:.{digits}f}{ends}"


def beyond(ones: Sequence[float], others: Sequence[float]) -> str:
    """Return by how much ones are more than others, by Welch's interval where there is one."""
    difference = Spread.of(ones).mean - Spread.of(others).mean
    interval = of_difference(ones, others)
    ends = f" ({interval.low:+.2f} to {interval.high:+.2f})" if interval else ""
    return f"{difference:+.2f}{ends}"


def at_rate(group: Iterable[Translated], rate: float) -> str:
    """Return the seeds' perplexities at a rate, which fewer have where some diverged."""
    return ", ".join(f"{each.by_rate[rate]:.2f}" for each in group if rate in each.by_rate)


def tell(found: Sequence[Translated]) -> None:
    """Print the tables, and some sentences of each cell's first seed beside each other."""
    cells = told(found)
    names = [*found[0].values]
    base = cells[BESIDE[0]]

    def values(group: Iterable[Translated], name: str) -> list[float]:
        return [each.values[name] for each in group]

    print_table(
        "translators, means over seeds and 95 %",
        ["cell", "parameters", "rates", "validation", "test", *names, "seconds"],
        [
            [
                name,
                f"{group[0].num_parameters:,}",
                ", ".join(f"{each.rate:g}" for each in group),
                with_interval([each.valid for each in group]),
                with_interval([each.test for each in group]),
                *(with_interval(values(group, each)) for each in names),
                f"{Spread.of(each.seconds for each in group).mean:.0f}",
            ]
            for name, group in cells.items()
        ],
    )
    print_table(
        f"more than {BESIDE[0]}, 95 %",
        ["cell", *names],
        [
            [name, *(beyond(values(group, each), values(base, each)) for each in names)]
            for name, group in cells.items()
            if name != BESIDE[0]
        ],
    )
    rates = sorted({rate for each in found for rate in each.by_rate})
    print_table(
        "perplexity on the validation, by the rate",
        ["cell", *(f"{rate:g}" for rate in rates)],
        [[name, *(at_rate(group, rate) for rate in rates)] for name, group in cells.items()],
    )
    for metric in found[0].metrics:
        print(f"\n{metric.name}: {metric.how}")
    for lines in side_by_side({name: group[0] for name, group in cells.items()}):
        print("", *(f"{who:9} {text}" for who, text in lines.items()), sep="\n")


def side_by_side(firsts: Mapping[str, Translated]) -> Iterator[dict[str, str]]:
    """Yield sentences with what was to be said, and what the translator of each cell says."""
    for samples in zip(*(each.samples[:NUM_SAMPLES] for each in firsts.values()), strict=True):
        given = samples[0]
        found = {name: sample.found for name, sample in zip(firsts, samples, strict=True)}
        yield {"sentence": given.given, "reference": given.wanted, **found}


def plain(found: Sequence[Translated]) -> list[dict[str, Any]]:
    """Return the figures as JSON has them, with some of the sentences."""
    return [
        {
            **each._asdict(),
            "metrics": {metric.name: [metric.value, metric.how] for metric in each.metrics},
            "samples": [
                [sample.given, sample.found, sample.wanted] for sample in each.samples[:NUM_SAMPLES]
            ],
        }
        for each in found
    ]


@click.command()
@click.option("--data", type=click.Path(exists=True, path_type=Path), required=True)
@click.option("--found", help="A finished search of recurrent cells, whose best is one of them.")
@click.option("--parameters", default=2_000_000, show_default=True, help="Of each translator.")
@click.option("--epochs", default=8, show_default=True)
@click.option("--pairs", type=int, help="Learn from so many at most.")
@click.option("--vocabulary", default=4000, show_default=True, help="Subwords.")
@click.option(
    "--rate", "rates", default=[5e-3], multiple=True, show_default=True, help="One of the rates."
)
@click.option(
    "--own-rate",
    "own_rates",
    multiple=True,
    type=float,
    help="For the cell searched here, instead.",
)
@click.option("--only", type=click.Choice([PUBLISHED, FOUND, OWN]), help="Only this one's part.")
@click.option("--seed", "seeds", multiple=True, type=int, help="Only these.")
def main(
    data: Path,
    found: str | None,
    parameters: int,
    epochs: int,
    pairs: int | None,
    vocabulary: int,
    rates: tuple[float, ...],
    own_rates: tuple[float, ...],
    only: str | None,
    seeds: tuple[int, ...],
) -> None:
    """Train what there is not yet; with no part of it asked for, tell what came of it."""
    size = Size(parameters, epochs, pairs, vocabulary, rates)
    if only == FOUND and found is None:
        raise click.UsageError("--found says where that cell was found")
    sources = {PUBLISHED: PUBLISHED, **({FOUND: found} if found else {})}
    if only in (None, OWN):
        sources[OWN] = searched(data)
    translators = [
        each
        for name, source in sources.items()
        if only in (None, name)
        for each in of_seeds(
            name,
            source,
            seeds or SEEDS,
            data,
            size._replace(rates=own_rates) if own_rates and name == OWN else size,
        )
    ]
    if only is None and not seeds:
        tell(translators)
        write_result("translation", {"size": size._asdict(), "translators": plain(translators)})


if __name__ == "__main__":
    main()
