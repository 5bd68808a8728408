"""A finished search that nobody ran: its state, as the steps would have written it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from nas_lib.architecture import Architecture
from nas_lib.config import (
    FORMAT_VERSION,
    CnnSpaceConfig,
    DepthConfig,
    OwnChildrenConfig,
    RandomConfig,
    RoundsConfig,
    SearchConfig,
)
from nas_lib.config_file import identity
from nas_lib.controllers import build_controller
from nas_lib.open_search import OpenSearch
from nas_lib.procedures import procedure_of
from nas_lib.records import (
    Child,
    ChildId,
    ChildResult,
    ChildRow,
    EpochMetrics,
    Learned,
    Proposed,
    Rewarded,
    to_json,
)
from nas_lib.results import leaderboard
from nas_lib.seeds import Stream, seed_for
from nas_lib.spaces import CnnSpace
from nas_lib.store import StoredSearch, layout, open_store

DEPTH = 20
EPOCHS = 50
METRICS = {"mean_reward": 0.5, "entropy": 300.0, "baseline": 0.5}  # of every round
RUN = "benchmark"
_WRITERS = 32


def finished_search(num_children: int, *, per_round: int) -> dict[str, bytes]:
    """Return the objects of a search over networks of 20 layers, 50 epochs each, in one replica."""
    config = _config(num_children, per_round)
    data_hash = OpenSearch("memory://stored").space_hash(config)
    search = StoredSearch(FORMAT_VERSION, identity(config, data_hash), data_hash, config)
    return {layout.SEARCH: to_json(search), **dict(_states(config))}


def store(objects: Mapping[str, bytes], uri: str) -> None:
    """Store objects at a place where there is nothing yet."""
    place = open_store(uri)
    with ThreadPoolExecutor(_WRITERS) as threads:
        list(threads.map(place.create, objects, objects.values()))


def _config(num_children: int, per_round: int) -> SearchConfig:
    return SearchConfig(
        space=CnnSpaceConfig(depth=DepthConfig(start=DEPTH, max=DEPTH)),
        controller=RandomConfig(),
        children=OwnChildrenConfig(evaluate="benchmarks.children:wait"),
        search=RoundsConfig(
            max_children=num_children, children_per_round=per_round, repeats="train"
        ),
    )


def _states(config: SearchConfig) -> Iterator[tuple[str, bytes]]:
    """Yield every key below `rounds` and `children` with its content."""
    best: tuple[ChildRow, ...] = ()
    for number in range(procedure_of(config).num_rounds):
        proposed = Proposed(0, number, RUN, DEPTH, (number,), _children(config, number), number)
        results = [_result(child, number) for child in proposed.children]
        rows = tuple(
            result.row(child) for result, child in zip(results, proposed.children, strict=True)
        )
        best = tuple(leaderboard([*best, *rows], config.children.keep))
        rewarded = Rewarded(0, number, RUN, rows, best, number)
        learned = Learned(0, number, RUN, (number + 1,), (0,), METRICS, created_s=number)
        yield layout.round_state(0, number, "proposed"), to_json(proposed)
        yield layout.round_state(0, number, "rewarded"), to_json(rewarded)
        yield layout.round_state(0, number, "learned"), to_json(learned)
        for result in results:
            yield layout.child_result(result.id), to_json(result)


def _children(config: SearchConfig, number: int) -> tuple[Child, ...]:
    return tuple(
        Child(str(ChildId(0, number, index)), architecture, seed=index)
        for index, architecture in enumerate(_architectures(config, number))
    )


def _architectures(config: SearchConfig, number: int) -> list[Architecture]:
    assert isinstance(config.space, CnnSpaceConfig)
    space = CnnSpace(config.space)
    decisions = space.decisions(DEPTH)
    sequences = build_controller(config.controller, decisions).propose(
        [],
        decisions=decisions,
        num=procedure_of(config).children_per_round,
        seed=seed_for(config.seed, Stream.PROPOSE, 0, number),
    )
    return [space.decode(tokens) for tokens in sequences]


def _result(child: Child, seed: int) -> ChildResult:
    accuracies = np.random.default_rng([seed, child.seed]).uniform(0.5, 0.95, EPOCHS)
    epochs = tuple(
        EpochMetrics(epoch, 1.234567890123, 1.234567890123, float(accuracy), 0.1, 60.12345678)
        for epoch, accuracy in enumerate(accuracies, start=1)
    )
    return ChildResult(
        child.id,
        "ok",
        reward=float(accuracies.max()) ** 3,
        score=float(accuracies.max()),
        best_epoch=1 + int(accuracies.argmax()),
        epochs=epochs,
        num_parameters=1_234_567,
        num_multiply_adds=123_456_789,
        seconds=3_006.172839,
        where="node (cuda)",
    )
