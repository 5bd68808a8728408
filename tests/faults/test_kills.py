"""The engine is killed before every call to its store, and within every write.

Between two calls nothing that counts happens: so these are all step boundaries, and all moments in
between. Afterwards a new run continues, and the books balance.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from accounts import check
from faulty_store import OnCall, kill_before, kill_within, run_until_killed, run_watched
from searches import account, tabular
from tally import Tally

from nas_lib.config import ControllerConfig, EvolutionConfig, ReinforceConfig, SearchConfig
from nas_lib.engine import SearchHandle, search
from nas_lib.engine.workers import QUICK_S
from nas_lib.open_search import OpenSearch
from nas_lib.steps import view_search

FEW = 67
EVERY = [
    # replicas, every how manieth call, how long evaluations may take that are done again
    pytest.param(1, FEW, 0.0, id="k=1"),
    pytest.param(1, FEW, QUICK_S, id="k=1, quick"),
    pytest.param(2, FEW, QUICK_S, id="k=2, quick"),
    pytest.param(1, 3, 0.0, id="k=1, many", marks=pytest.mark.faults),
    pytest.param(1, 1, QUICK_S, id="k=1, quick, all", marks=pytest.mark.faults),
    pytest.param(2, 1, 0.0, id="k=2, all", marks=[pytest.mark.faults, pytest.mark.timeout(400)]),
]


def small(*, replicas: int) -> SearchConfig:
    """Rounds of two children over two shards, of one replica's the third with repeats only."""
    config = tabular(
        max_children=8, children_per_round=2, replicas=replicas, shards=2, repeats="reuse"
    )
    return config.model_copy(update={"seed": 4})


@pytest.mark.parametrize(("replicas", "every", "quick_s"), EVERY)
def test_a_search_survives_a_kill_before_any_call(
    tmp_path: Path, tally: Tally, replicas: int, every: int, quick_s: float
) -> None:
    calls = run_watched(str(tmp_path / "whole"), small(replicas=replicas), quick_s=quick_s)
    for number in range(1, len(calls) + 1, every):
        kill_and_continue(tmp_path / f"{number}", replicas, kill_before(number), tally, quick_s)


@pytest.mark.parametrize(("replicas", "every", "quick_s"), EVERY)
def test_a_search_survives_a_kill_within_any_write(
    tmp_path: Path, tally: Tally, replicas: int, every: int, quick_s: float
) -> None:
    calls = run_watched(str(tmp_path / "whole"), small(replicas=replicas), quick_s=quick_s)
    writes = [number for number, name in enumerate(calls, start=1) if name in ("create", "replace")]
    for number in writes[:: -(-every // 3)]:  # a third of all calls are writes
        kill_and_continue(tmp_path / f"{number}", replicas, kill_within(number), tally, quick_s)


def kill_and_continue(
    state: Path, replicas: int, on_call: OnCall, tally: Tally, quick_s: float
) -> None:
    """Run a search that is killed, then run it to its end; the whole one lies beside it."""
    config = small(replicas=replicas)
    assert run_until_killed(str(state), config, on_call, quick_s=quick_s)
    tally.kills["engine"] += 1
    if list(state.glob("controller/shard-001/*")):  # from there on there are books
        check(str(state), finished=False)

    run_watched(str(state), config, quick_s=quick_s)

    tally.add(check(str(state), finished=True))
    if replicas == 1:  # with more, the order of their pushes depends on when it was killed
        whole, again = (
            account(SearchHandle("", "", view_search(OpenSearch(str(uri)))))
            for uri in (state.parent / "whole", state)
        )
        assert again == whole


@pytest.mark.parametrize(
    "controller", [ReinforceConfig(learning_rate=0.02), EvolutionConfig(population=4)]
)
def test_a_search_that_is_killed_again_and_again_ends_as_an_undisturbed_one(
    tmp_path: Path, tally: Tally, controller: ControllerConfig
) -> None:
    config = small(replicas=1).model_copy(update={"controller": controller})
    uri = str(tmp_path / "killed")
    num_kills = 0
    while run_until_killed(uri, config, kill_before(100)):
        num_kills += 1
        assert num_kills < 100, "100 calls are no progress"
    tally.kills["engine"] += num_kills

    assert num_kills > 1
    tally.add(check(uri, finished=True))
    again = search(config, store=uri, workers=1)
    assert account(again) == account(search(config, store=f"memory://again-{controller.kind}"))
