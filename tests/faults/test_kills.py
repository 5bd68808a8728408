"""The engine is killed at every call to its store, and within every write.

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

from nas_lib.config import SearchConfig
from nas_lib.engine import SearchHandle, search
from nas_lib.steps import view_search

EVERY = [pytest.param(29, id="sample"), pytest.param(1, id="every", marks=pytest.mark.faults)]


def small(*, replicas: int) -> SearchConfig:
    """Four rounds of two children over two shards."""
    return tabular(max_children=8, children_per_round=2, replicas=replicas, shards=2)


def nothing(called: int, name: str, key: str) -> None:
    """Let the call be."""


def killed_and_continued(uri: Path, config: SearchConfig, on_call: OnCall, tally: Tally) -> None:
    if run_until_killed(str(uri), config, on_call):
        tally.kills["engine"] += 1
    if (uri / "search.json").exists():
        check_between(str(uri))
    run_watched(str(uri), config, nothing)
    tally.add(check(str(uri), finished=True))


def check_between(uri: str) -> None:
    """The books balance already where they can be opened: after the first shards were stored."""
    if list(Path(uri).glob("controller/shard-001/*")):
        check(uri, finished=False)


@pytest.mark.parametrize("every", EVERY)
@pytest.mark.parametrize("kill", [kill_before, kill_within])
@pytest.mark.parametrize("replicas", [1, 2])
def test_a_search_survives_a_kill_at_any_call(
    tmp_path: Path, tally: Tally, every: int, kill: type, replicas: int
) -> None:
    config = small(replicas=replicas)
    num_calls = run_watched(str(tmp_path / "whole"), config, nothing)
    whole = view_search(str(tmp_path / "whole"))
    for number in range(1 + (replicas + every) % 7, num_calls + 1, every):
        uri = tmp_path / f"{number}"
        killed_and_continued(uri, config, kill(number), tally)
        if replicas == 1:  # with more, the order of their pushes depends on when it was killed
            again = view_search(str(uri))
            assert account(SearchHandle("", "", again)) == account(SearchHandle("", "", whole))


def test_a_search_that_is_killed_again_and_again_ends_as_an_undisturbed_one(
    tmp_path: Path, tally: Tally
) -> None:
    config = small(replicas=1)
    uri = str(tmp_path / "killed")
    num_kills = 0
    while run_until_killed(uri, config, kill_before(60)):
        num_kills += 1
        assert num_kills < 100, "60 calls are no progress"
    tally.kills["engine"] += num_kills

    assert num_kills > 1
    tally.add(check(uri, finished=True))
    again = search(config, store=uri, workers=1)
    assert account(again) == account(search(config, store="memory://again-and-again"))
