"""Children that are judged in next to no time: what is stored of them, and what a round costs."""

from __future__ import annotations

import time
from collections import Counter
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from faulty_store import CALLS, run_here

from nas_lib.architecture import Architecture
from nas_lib.config import (
    CustomSpaceConfig,
    OwnChildrenConfig,
    RandomConfig,
    RoundsConfig,
    SearchConfig,
)
from nas_lib.engine import Listener, search
from nas_lib.engine.workers import QUICK_S
from nas_lib.open_search import OpenSearch
from nas_lib.records import Learned
from nas_lib.spaces import ChoiceSpace
from nas_lib.store import ObjectStore, SearchStore, layout

SPACE = ChoiceSpace(**{f"edge{number}": list(range(10)) for number in range(12)})


def reward(architecture: Architecture) -> float:
    return sum(architecture.tokens) / 108


def config_of(num_children: int, **options: Any) -> SearchConfig:
    return SearchConfig(
        controller=RandomConfig(),
        space=CustomSpaceConfig(object="inline"),
        children=OwnChildrenConfig(evaluate="inline"),
        search=RoundsConfig(max_children=num_children, children_per_round=8, **options),
    )


def run(num_children: int, uri: str, evaluate: Any = reward, **options: Any) -> Any:
    return search(config_of(num_children, **options), store=uri, space=SPACE, evaluate=evaluate)


def kept_of(uri: str) -> Counter[str]:
    """How many objects of each kind there are of children."""
    keys = SearchStore.open(uri).objects.keys(layout.CHILDREN)
    return Counter(key.split("/")[2] for key in keys)


def test_of_evaluations_that_take_no_time_the_first_alone_leaves_objects_of_its_own(
    tmp_path: Path,
) -> None:
    handle = run(24, str(tmp_path))

    assert kept_of(handle.uri) == {"attempts": 1, "result.json": 1}
    store = SearchStore.open(handle.uri)
    found = [store.find_result(row.id) for row in handle.children]
    assert [each.reward for each in found if each] == [row.reward for row in handle.children]


def test_evaluations_that_take_time_are_stored_one_by_one(tmp_path: Path) -> None:
    def slow(architecture: Architecture) -> float:
        time.sleep(QUICK_S)
        return reward(architecture)

    assert kept_of(run(8, str(tmp_path), slow).uri) == {"attempts": 8, "result.json": 8}


def test_quick_ones_before_one_that_takes_time_are_stored_with_it(tmp_path: Path) -> None:
    num = 0

    def slow_in_the_end(architecture: Architecture) -> float:
        nonlocal num
        num += 1
        if num == 7:
            time.sleep(QUICK_S)
        return reward(architecture)

    # the first by itself; of the seventh it was not known; of the eighth it was feared
    assert kept_of(run(8, str(tmp_path), slow_in_the_end).uri) == {"attempts": 2, "result.json": 8}


def test_one_that_fails_is_tried_again_and_its_attempts_are_noted(tmp_path: Path) -> None:
    tried: Counter[Architecture] = Counter()

    def fails_at_first(architecture: Architecture) -> float:
        tried[architecture] += 1
        if sum(architecture.tokens) % 3 == 0 and tried[architecture] == 1:
            raise ValueError("no luck")
        return reward(architecture)

    handle = run(24, str(tmp_path), fails_at_first)

    assert [row.status for row in handle.children] == ["ok"] * 24
    again = [row for row in handle.children if tried[row.architecture] == 2]
    store = SearchStore.open(handle.uri)
    assert again
    assert {store.newest(layout.attempts(row.id)) for row in again} == {2}


def test_a_run_that_is_stopped_loses_no_result(tmp_path: Path) -> None:
    seen: list[Architecture] = []

    def stopped(architecture: Architecture) -> float:
        if len(seen) == 13:
            raise KeyboardInterrupt
        seen.append(architecture)
        return reward(architecture)

    with pytest.raises(BaseException, match="everything finished is in"):
        run(24, str(tmp_path), stopped)
    others: list[Architecture] = []

    def goes_on(architecture: Architecture) -> float:
        others.append(architecture)
        return reward(architecture)

    handle = run(24, str(tmp_path), goes_on)

    assert [row.architecture for row in handle.children] == [*seen, *others]


def test_a_round_that_another_run_began_is_gone_on_with_one_noted_attempt_after_the_other(
    tmp_path: Path,
) -> None:
    class DeadError(BaseException):
        pass

    def dies(architecture: Architecture) -> float:
        raise DeadError

    with pytest.raises(DeadError):
        run(16, str(tmp_path), dies)

    run(16, str(tmp_path))

    assert kept_of(str(tmp_path))["result.json"] == 8  # of the first round, and not the second


class Counted:
    """A store that counts calls by their names, and the bytes that are written."""

    def __init__(self, objects: ObjectStore) -> None:
        self.counts: Counter[str] = Counter()
        self._objects = objects

    def __getattr__(self, name: str) -> Any:
        value = getattr(self._objects, name)
        if name not in CALLS:
            return value

        def call(*arguments: Any, **options: Any) -> Any:
            self.counts[name] += 1
            if name in ("create", "replace"):
                self.counts["bytes"] += len(arguments[1])
            return value(*arguments, **options)

        return call


class Ends(Listener):
    """Notes what was counted when each round ended."""

    def __init__(self, counted: Counted) -> None:
        self._counted = counted
        self.ends: list[Counter[str]] = []

    def learned(self, learned: Learned) -> None:
        self.ends.append(Counter(self._counted.counts))


@pytest.mark.parametrize("replicas", [1, 2])
def test_a_round_asks_as_much_of_its_store_at_child_2000_as_at_child_100(replicas: int) -> None:
    opened = OpenSearch(f"memory://{uuid4().hex}", space=SPACE, evaluate=reward)
    opened.store.objects = counted = Counted(opened.store.objects)  # type: ignore[assignment]
    ends = Ends(counted)

    run_here(opened, config_of(2048, replicas=replicas), quick_s=QUICK_S, listener=ends)

    early, late = (ends.ends[end + 8] - ends.ends[end] for end in (12, 240))
    num_bytes = [each.pop("bytes") for each in (early, late)]
    assert early == late
    assert not {"list", "keys"} & early.keys()  # whatever they answer takes the longer
    assert num_bytes[1] == pytest.approx(num_bytes[0], rel=0.02)  # numbers have more digits
