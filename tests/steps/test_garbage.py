"""What is superfluous, and that nothing else is removed."""

from __future__ import annotations

import os
import random
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from uuid import uuid4

import pytest
from searches import account, tabular

from nas_lib import steps
from nas_lib.engine import search
from nas_lib.open_search import OpenSearch
from nas_lib.procedures.shards import TOMBSTONE, pull
from nas_lib.steps import collect_garbage
from nas_lib.store import ObjectInfo, SearchStore, layout
from nas_lib.store.folder import FolderStore


def collected(uri: str, *, older_than_s: float = 0, delete: bool = False) -> dict[str, list[str]]:
    found = collect_garbage(OpenSearch(uri), older_than_s=older_than_s, delete=delete)
    return {each.kind: [info.key for info in each.infos] for each in found if each.infos}


def age(uri: str, *, days: float) -> None:
    """Let everything in a folder be older."""
    for path in Path(uri).rglob("*"):
        then = time.time() - days * 24 * 3600
        os.utime(path, (then, then))


def learn_rounds(uri: str, replica: int, num: int) -> None:
    for _ in range(num):
        children = steps.sample_architectures(OpenSearch(uri), replica=replica, run="run")
        for child in children:
            steps.train_child(OpenSearch(uri), child=child, run="run")
        summary = steps.aggregate_rewards(OpenSearch(uri), children=children, run="run")
        steps.update_controller(OpenSearch(uri), replica=replica, round=summary.round, run="run")


@pytest.mark.usefixtures("in_this_process")
def test_a_search_that_was_never_disturbed_has_only_tombstones(tmp_path: Path) -> None:
    uri = str(tmp_path)
    search(tabular(max_children=12), store=uri, workers=1)

    found = collected(uri)

    assert found.pop("leases") == [layout.lease(0, 1)]  # the second one says that it is released
    assert found == {"tombstones": [layout.shard(0, version) for version in range(3)]}
    assert collected(uri, older_than_s=60) == {}


def test_heartbeats_of_closed_rounds_are_garbage_and_that_of_an_open_one_is_not(
    tmp_path: Path,
) -> None:
    uri = str(tmp_path)
    steps.prepare_data(OpenSearch(uri), config=tabular(max_children=12))
    learn_rounds(uri, 0, 1)
    for number in (0, 1):
        SearchStore.open(uri).objects.replace(layout.heartbeat(0, number), b"somebody waits")

    assert collected(uri, delete=True)["heartbeats"] == [layout.heartbeat(0, 0)]
    assert SearchStore.open(uri).objects.keys(layout.HEARTBEATS) == [layout.heartbeat(0, 1)]


@pytest.mark.usefixtures("in_this_process")
def test_nothing_is_removed_unless_told_to(tmp_path: Path) -> None:
    uri = str(tmp_path)
    search(tabular(max_children=12), store=uri, workers=1)
    before = SearchStore.open(uri).objects.keys("")

    found = collected(uri)
    assert SearchStore.open(uri).objects.keys("") == before

    assert collected(uri, delete=True) == found
    left = SearchStore.open(uri).objects.keys("")
    assert sorted([*left, *(key for keys in found.values() for key in keys)]) == sorted(before)
    assert collected(uri) == {}


def test_versions_that_a_replica_that_never_started_holds_are_removed(tmp_path: Path) -> None:
    uri = str(tmp_path)
    steps.prepare_data(OpenSearch(uri), config=tabular(replicas=2, max_children=80))
    learn_rounds(uri, 0, 4)
    children = steps.sample_architectures(OpenSearch(uri), replica=0, run="run")  # at version 4
    assert collected(uri, older_than_s=3600) == {}  # replica 1 may be about to sample

    age(uri, days=2)
    found = collected(uri, older_than_s=24 * 3600, delete=True)

    assert found["shard versions"] == [layout.shard(0, version) for version in range(4)]
    assert pull(OpenSearch(uri), known=None)[0].version == 4
    objects = SearchStore.open(uri).objects
    assert [objects.get(key) for key in found["shard versions"]] == [TOMBSTONE] * 4
    for child in children:
        steps.train_child(OpenSearch(uri), child=child, run="run")
    steps.aggregate_rewards(OpenSearch(uri), children=children, run="run")
    learned = steps.update_controller(OpenSearch(uri), replica=0, round=4, run="run")
    assert learned is not None
    assert learned.versions == (5,)
    learn_rounds(uri, 1, 1)


def test_a_version_at_which_an_open_round_was_sampled_stays(tmp_path: Path) -> None:
    uri = str(tmp_path)
    steps.prepare_data(OpenSearch(uri), config=tabular(replicas=2, max_children=80))
    learn_rounds(uri, 0, 2)
    children = steps.sample_architectures(OpenSearch(uri), replica=1, run="run")  # at version 2
    learn_rounds(uri, 0, 3)

    assert layout.shard(0, 2) not in collected(uri, delete=True)["shard versions"]

    for child in children:
        steps.train_child(OpenSearch(uri), child=child, run="run")
    steps.aggregate_rewards(OpenSearch(uri), children=children, run="run")
    learned = steps.update_controller(OpenSearch(uri), replica=1, round=0, run="run")
    assert learned is not None
    assert (learned.versions, learned.staleness) == ((6,), (3,))  # 3, 4 and 5 are replica 0's


def test_a_version_that_a_push_made_stays_until_its_round_is_learned(tmp_path: Path) -> None:
    """A replica that died after its push asks for the version that it made."""
    uri = str(tmp_path)
    steps.prepare_data(OpenSearch(uri), config=tabular(replicas=2, max_children=80))
    learn_rounds(uri, 1, 1)  # made version 1
    learn_rounds(uri, 0, 3)
    SearchStore.open(uri).objects.delete(layout.round_state(1, 0, "learned"))  # as if it had died

    assert layout.shard(0, 1) not in collected(uri)["shard versions"]


class BusyStore(FolderStore):
    """Something happens between a listing and what its reader does next."""

    def __init__(self, uri: str, happens: Callable[[], None]) -> None:
        super().__init__(uri)
        self._happens = happens

    def list(self, prefix: str) -> Iterator[ObjectInfo]:
        infos = super().list(prefix)
        self._happens()
        return infos


def test_a_version_that_was_the_newest_when_listed_stays(tmp_path: Path) -> None:
    """A replica may have pulled it and be about to store what it sampled there."""
    uri = str(tmp_path)
    steps.prepare_data(OpenSearch(uri), config=tabular(replicas=2, max_children=80))
    learn_rounds(uri, 0, 2)
    opened = OpenSearch(uri)
    opened.store.objects = BusyStore(uri, lambda: learn_rounds(uri, 0, 2))  # versions 3 and 4

    found = {each.kind: each.infos for each in collect_garbage(opened, older_than_s=0)}

    assert [info.key for info in found["shard versions"]] == [
        layout.shard(0, version) for version in (0, 1)
    ]


def test_what_killed_runs_left_is_removed(tmp_path: Path) -> None:
    uri = str(tmp_path)
    steps.prepare_data(OpenSearch(uri), config=tabular())
    learn_rounds(uri, 0, 1)
    open_children = steps.sample_architectures(OpenSearch(uri), replica=0, run="run")
    objects = SearchStore.open(uri).objects
    gone = [
        layout.round_lesson(0, 0),
        f"{layout.checkpoints_folder('r000-000000-01')}/0001.safetensors",
        f"{layout.checkpoints_folder('r000-000000-01')}/damaged/0002.safetensors",
    ]
    kept = [
        layout.round_lesson(0, 1),
        f"{layout.checkpoints_folder(open_children[0])}/0001.safetensors",
        layout.child_weights(open_children[0]),
    ]
    for key in (*gone, *kept):
        objects.create(key, b"left")
    half = uuid4().hex
    (tmp_path / ".staging" / half).write_bytes(b"written")

    found = collected(uri, delete=True)

    assert found.pop("tombstones")
    assert found == {
        "lessons": gone[:1],
        "checkpoints": gone[1:],
        "leftovers": [f".staging/{half}"],
    }
    assert set(kept) <= set(objects.keys(""))
    assert not list((tmp_path / ".staging").iterdir())


def test_weights_stay_of_the_best_the_tested_and_the_unjudged(tmp_path: Path) -> None:
    uri = str(tmp_path)
    config = tabular()
    config = config.model_copy(update={"children": config.children.model_copy(update={"keep": 1})})
    steps.prepare_data(OpenSearch(uri), config=config)
    learn_rounds(uri, 0, 1)
    store = SearchStore.open(uri)
    rewarded = store.newest_rewarded(0)
    assert rewarded is not None
    rows = sorted(rewarded.rows, key=lambda row: row.id == rewarded.best[0].id)
    for row in rows:
        store.objects.create(layout.child_weights(row.id), b"weights")
    store.objects.create(layout.child_test(rows[0].id), b"tested")

    assert sorted(collected(uri)["weights"]) == sorted(
        layout.child_weights(row.id) for row in rows[1:-1]
    )


def step_by_step(uri: str, replica: int) -> Iterator[None]:
    """Work on a replica's rounds, and pause before each step."""
    while True:
        yield
        children = steps.sample_architectures(OpenSearch(uri), replica=replica, run="run")
        for child in children:
            yield
            steps.train_child(OpenSearch(uri), child=child, run="run")
        yield
        summary = steps.aggregate_rewards(OpenSearch(uri), children=children, run="run")
        yield
        steps.update_controller(OpenSearch(uri), replica=replica, round=summary.round, run="run")


@pytest.mark.parametrize("seed", range(3))
def test_a_search_that_is_cleaned_up_after_each_step_is_the_same_search(
    tmp_path: Path, seed: int
) -> None:
    config = tabular(replicas=2, shards=2, max_children=32)
    order = [0, 1] * 28  # of each replica 4 rounds, each 4 children and 3 steps: 4 * (4 + 3)
    random.Random(seed).shuffle(order)
    handles = []
    removed: set[str] = set()
    for clean in (False, True):
        uri = str(tmp_path / str(clean))
        steps.prepare_data(OpenSearch(uri), config=config)
        replicas = [step_by_step(uri, replica) for replica in (0, 1)]
        for replica in (0, 1, *order):
            next(replicas[replica])
            if clean:
                removed |= set(collected(uri, delete=True))
        handles.append(search(config, store=uri, workers=1))  # it is finished: nothing to do

    undisturbed, cleaned = handles
    assert "tombstones" in removed  # there was something to get wrong
    assert cleaned.view.finished
    assert account(cleaned) == account(undisturbed)
    undated, undated_too = (
        [replace(each, created_s=0) for each in handle.view.learned] for handle in handles
    )
    assert undated == undated_too
