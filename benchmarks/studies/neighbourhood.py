"""How accuracy falls around the winner of a digits search: every network with one token changed.

Each network is trained three times with the child's own settings. The winner trained anew shows
how much of its lead was luck, and random networks show how far down there is to fall.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from random import Random
from statistics import fmean, stdev

from benchmarks.studies.study import RUNS, Spread, print_table, write_result
from nas_lib.architecture import Architecture
from nas_lib.open_search import OpenSearch
from nas_lib.records import Child
from nas_lib.results import winner
from nas_lib.spaces import Space
from nas_lib.steps import view_search
from nas_lib.store import SearchStore, layout

SEARCHES = tuple(str(RUNS / "digits" / f"reinforce-{seed}") for seed in (1, 2))
SEEDS = (1001, 1002, 1003)  # of every network
MORE_SEEDS = (*SEEDS, *range(1004, 1011))  # of the winner
NUM_RANDOM = 20
MAX_NEIGHBOURS = 60
NOT_CHANGED = ("winner", "winner, as found", "random")


@dataclass(frozen=True)
class Candidate:
    """A network to be trained, and why: `winner`, `random`, or the kind of decision changed."""

    kind: str
    architecture: Architecture
    seed: int


def candidates(space: Space, best: Architecture, rng: Random) -> list[Candidate]:
    """Return all that is to be trained around one winner."""
    around = list(neighbours(space, best))
    around = rng.sample(around, min(len(around), MAX_NEIGHBOURS))
    networks = [*around, *(("random", random_architecture(space, rng)) for _ in range(NUM_RANDOM))]
    return [Candidate("winner", best, seed) for seed in MORE_SEEDS] + [
        Candidate(kind, architecture, seed) for kind, architecture in networks for seed in SEEDS
    ]


def neighbours(space: Space, best: Architecture) -> Iterator[tuple[str, Architecture]]:
    """Yield every architecture with one token changed, and the kind of decision it belongs to."""
    for position, (kind, num_options) in enumerate(_options(space)):
        for token in range(num_options):
            if token != best.tokens[position]:
                tokens = (*best.tokens[:position], token, *best.tokens[position + 1 :])
                yield kind, space.decode(tokens)


def random_architecture(space: Space, rng: Random) -> Architecture:
    """Return an architecture of uniformly random tokens."""
    return space.decode([rng.randrange(num_options) for _, num_options in _options(space)])


def _options(space: Space) -> list[tuple[str, int]]:
    """Return for each token the kind of its decision and its number of options."""
    return [
        (decision.kind, decision.num_values)
        for decision in space.decisions(space.max_depth)
        for _ in range(decision.num_tokens)
    ]


def score(uri: str, candidate: Candidate) -> float:
    """Return the network's validation accuracy, trained now or before."""
    folder = RUNS / "neighbourhood" / Path(uri).name  # searches differ in the split of their data
    path = folder / f"{candidate.architecture.id}-{candidate.seed}.json"
    if path.exists():
        return float(json.loads(path.read_text(encoding="utf-8")))
    accuracy = _train(uri, candidate)
    folder.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(accuracy), encoding="utf-8")
    return accuracy


def _train(uri: str, candidate: Candidate) -> float:
    """Train with the settings and the data of a search, outside of it."""
    search = OpenSearch(uri)
    outside = SearchStore.open(f"memory://{candidate.architecture.id}-{candidate.seed}")
    for key in (layout.DATA_MANIFEST, layout.DATA_SEARCH):
        outside.objects.create(key, search.store.objects.get(key))
    child = Child("r000-000000-00", candidate.architecture, candidate.seed)
    return search.task.judge(child, search.space, outside).result.score or 0.0


def measure(uri: str, pool: ProcessPoolExecutor) -> dict[str, list[float]]:
    """Return the accuracies around the winner of a search: of each kind, one for each network.

    A network's accuracy is the mean over its seeds; those of the winner stay apart.
    """
    search = OpenSearch(uri)
    best = winner(view_search(search).rows)
    assert best is not None
    wanted = candidates(search.space, best.architecture, Random(0))
    networks: defaultdict[tuple[str, str], list[float]] = defaultdict(list)
    for candidate, accuracy in zip(wanted, pool.map(partial(score, uri), wanted), strict=True):
        networks[candidate.kind, candidate.architecture.id].append(accuracy)
    kinds = defaultdict(list)
    kinds["winner, as found"].append(best.score or 0.0)
    for (kind, _), accuracies in networks.items():
        kinds[kind] += accuracies if kind == "winner" else [fmean(accuracies)]
    return dict(kinds)


def table(kinds: dict[str, list[float]]) -> Iterator[Sequence[object]]:
    """Yield a row per kind: how many, mean accuracy, drop from the retrained winner, the worst."""
    base = fmean(kinds["winner"])
    around = [v for kind, values in kinds.items() if kind not in NOT_CHANGED for v in values]
    for kind, values in {**kinds, "all neighbours": around}.items():
        deviation = f"{stdev(values):.4f}" if len(values) > 1 else ""
        drop = f"{base - fmean(values):+.4f}"
        yield kind, len(values), Spread.of(values).text(), deviation, drop, f"{min(values):.4f}"


def main() -> None:
    """Train around each winner, and print what came out."""
    found = {}
    header = ["changed", "networks", "accuracy", "standard deviation", "drop", "worst"]
    with ProcessPoolExecutor(max_workers=2, mp_context=get_context("spawn")) as pool:
        for uri in SEARCHES:
            found[uri] = measure(uri, pool)
            print_table(f"Around the winner of {uri}", header, table(found[uri]))
    write_result("neighbourhood", {"seeds_each": len(SEEDS), "accuracies": found})


if __name__ == "__main__":
    main()
