"""How many architectures a search proposes, judges and learns from where judging takes no time.

All of `nas_lib.search` counts, its report too; what is counted are its children, repeats as well.
The shape is that of NAS-Bench-201: six choices of five options, in rounds of eight. And how much
longer a round takes at child 10,000 than at child 100.
"""

from __future__ import annotations

import time
from itertools import pairwise
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from uuid import uuid4

from benchmarks.figure import Figure
from benchmarks.rounds import RoundClock
from nas_lib.architecture import Architecture
from nas_lib.config import (
    ControllerConfig,
    CustomSpaceConfig,
    EvolutionConfig,
    OwnChildrenConfig,
    RandomConfig,
    ReinforceConfig,
    RoundsConfig,
    SearchConfig,
)
from nas_lib.engine import search
from nas_lib.spaces import ChoiceSpace

SPACE = ChoiceSpace(**{f"edge{number}": list("abcde") for number in range(6)})
LARGE = ChoiceSpace(**{f"edge{number}": list("abcde") for number in range(20)})  # no repeats
CHILDREN_PER_ROUND = 8
FEW, MANY = 1000, 10_000
_ROUNDS = 100  # whose median is taken


def measure() -> list[Figure]:
    """Return proposals per second, and what a late round takes of an early one."""
    random = RandomConfig()
    with TemporaryDirectory() as folder:
        in_folder = proposed_per_s(random, FEW, store=str(Path(folder) / "few"))
    return [
        Figure("random, in a folder: proposed per s", in_folder, at_least=500),
        Figure("random, in memory: proposed per s", proposed_per_s(random, MANY), at_least=5000),
        Figure("evolution, in memory: proposed per s", proposed_per_s(EvolutionConfig(), FEW)),
        Figure("reinforce, in memory: proposed per s", proposed_per_s(ReinforceConfig(), FEW)),
        Figure(f"a round at child {MANY:,}, of one at child 100, times", late_of_early()),
    ]


def proposed_per_s(
    controller: ControllerConfig, num_children: int, *, store: str | None = None
) -> float:
    """Return children per second of a whole search, which begins anew."""
    store = store or f"memory://{uuid4().hex}"
    start = time.perf_counter()
    handle = search(
        config_of(controller, num_children), store=store, space=SPACE, evaluate=evaluate
    )
    return len(handle.children) / (time.perf_counter() - start)


def late_of_early() -> float:
    """Return how many times longer the rounds around the last child take than the first ones."""
    clock = RoundClock()
    config = config_of(RandomConfig(), MANY)
    uri = f"memory://{uuid4().hex}"
    search(config, store=uri, space=LARGE, evaluate=evaluate, listener=clock)
    took = [end - start for start, end in pairwise(clock.ends)]
    return median(took[-_ROUNDS:]) / median(took[:_ROUNDS])


def config_of(controller: ControllerConfig, num_children: int) -> SearchConfig:
    """Return a search with objects of this process."""
    return SearchConfig(
        controller=controller,
        space=CustomSpaceConfig(object="inline"),
        children=OwnChildrenConfig(evaluate="inline"),
        search=RoundsConfig(max_children=num_children, children_per_round=CHILDREN_PER_ROUND),
    )


def evaluate(architecture: Architecture) -> float:
    """Return a reward that takes no time."""
    return sum((number + 1) * token for number, token in enumerate(architecture.tokens)) / 1000
