"""What a report reads of all rounds."""

from __future__ import annotations

import pytest

from nas_lib.architecture import Architecture
from nas_lib.records import Child, ChildResult, Learned, Proposed, Rewarded
from nas_lib.store import History, SearchStore, layout

ARCHITECTURE = Architecture("mine", (), "x")


@pytest.fixture(params=["memory", "s3"])
def store(request: pytest.FixtureRequest) -> SearchStore:
    if request.param == "s3":
        return SearchStore.open(request.getfixturevalue("s3_uri"))
    return SearchStore.open(f"memory://{request.node.name}")


def propose(store: SearchStore, replica: int, number: int) -> list[str]:
    """Store a round of two children and return their ids."""
    ids = [f"r{replica:03d}-{number:06d}-{index:02d}" for index in range(2)]
    children = tuple(Child(child, ARCHITECTURE, seed=0) for child in ids)
    record = Proposed(replica, number, "run", 0, (0,), children, created_s=0.0)
    store.settle(layout.round_state(replica, number, "proposed"), record)
    return ids


def end(store: SearchStore, child: str) -> ChildResult:
    return store.settle(layout.child_result(child), ChildResult(child, "ok", 0.5))


def reward(store: SearchStore, replica: int, number: int) -> None:
    rows = tuple(
        end(store, child).row(Child(child, ARCHITECTURE, 0))
        for child in propose(store, replica, number)
    )
    record = Rewarded(replica, number, "run", rows, rows[:1], created_s=0.0)
    store.settle(layout.round_state(replica, number, "rewarded"), record)


def learn(store: SearchStore, replica: int, number: int) -> None:
    reward(store, replica, number)
    record = Learned(replica, number, "run", (1,), (0,), {"mean_reward": 0.5}, created_s=0.0)
    store.settle(layout.round_state(replica, number, "learned"), record)


def test_every_replicas_open_round_is_found_with_its_finished_children(store: SearchStore) -> None:
    learn(store, 0, 0)
    end(store, propose(store, 0, 1)[1])
    learn(store, 1, 0)
    propose(store, 2, 0)

    first, second = History(store, 3).open_rounds()

    assert (first.replica, [row.id for row in first.rows]) == (0, ["r000-000001-01"])
    assert first.num_left == 1
    assert (second.replica, second.rows, second.num_left) == (2, (), 2)


def test_a_rewarded_round_is_open_but_its_children_are_in_rewarded(store: SearchStore) -> None:
    reward(store, 0, 0)

    history = History(store, 3)
    (opened,) = history.open_rounds()

    assert (opened.replica, opened.rows, opened.num_left) == (0, (), 0)
    assert [len(each.rows) for each in history.read(Rewarded)] == [2]


def test_what_happens_later_is_not_seen(store: SearchStore) -> None:
    learn(store, 0, 0)
    history = History(store, 3)
    learn(store, 0, 1)

    assert [each.round for each in history.read(Learned)] == [0]
    assert history.open_rounds() == []
