"""Shards under contention, pushed again, and pruned, on every store."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from uuid import uuid4

import numpy as np
import pytest
from searches import tabular

from nas_lib import steps
from nas_lib.config import NasPolicyConfig, ReinforceConfig
from nas_lib.controllers import Lesson, Shard
from nas_lib.errors import CorruptStateError
from nas_lib.open_search import OpenSearch
from nas_lib.procedures.shards import PrunedError, prune, pull, push, read_shard
from nas_lib.store import layout

WRITERS = 32
ROUNDS = 2
# all is summed up, none applied
WAITS = ReinforceConfig(policy=NasPolicyConfig(hidden_size=4), gradients_per_update=1000)


@pytest.fixture(params=["folder", "memory", "s3"])
def uri(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "s3":
        return str(request.getfixturevalue("s3_uri"))
    return str(tmp_path) if request.param == "folder" else f"memory://{uuid4().hex}"


def prepared(uri: str, *, replicas: int, shards: int = 1) -> OpenSearch:
    config = tabular(max_children=10_000, controller=WAITS, replicas=replicas, shards=shards)
    search = OpenSearch(uri)
    steps.prepare_data(search, config=config)
    return search


def lesson_of(search: OpenSearch, value: float) -> Lesson:
    """A gradient whose every value is this small whole number: sums of such are exact."""
    num = search.controller.num_parameters
    return Lesson(np.full(num, value, dtype=np.float32), (0.5,), {"entropy": 1.0})


def push_round(search: OpenSearch, replica: int, round: int) -> tuple[Shard, ...]:
    value = lesson_of(search, replica * ROUNDS + round + 1)
    known = [0] * search.config.search.shards
    pushed = push(search, value, replica=replica, round=round, known=known)
    prune(search, pushed)
    return tuple(each.shard for each in pushed)


def versions(search: OpenSearch, index: int = 0) -> dict[int, bool]:
    """Each version's number, and whether there is more than a tombstone."""
    infos = search.store.objects.list(layout.shard_folder(index))
    return {int(Path(info.key).stem): info.size > 0 for info in infos}


def test_of_32_writers_every_lesson_lands_exactly_once(uri: str) -> None:
    prepared(uri, replicas=WRITERS)

    def write(replica: int) -> list[tuple[Shard, ...]]:
        own = OpenSearch(uri)
        return [push_round(own, replica, round) for round in range(ROUNDS)]

    with ThreadPoolExecutor(WRITERS) as threads:
        pushed = [shards for each in threads.map(write, range(WRITERS)) for shards in each]

    num = WRITERS * ROUNDS
    for index, newest in enumerate(pull(OpenSearch(uri), known=None)):
        assert sorted(shards[index].version for shards in pushed) == [*range(1, num + 1)]
        assert newest.version == newest.state["num_pending"] == num
        assert {replica: last.round for replica, last in newest.applied.items()} == dict.fromkeys(
            range(WRITERS), ROUNDS - 1
        )
        assert set(np.asarray(newest.state["pending"]).tolist()) == {
            num * (num + 1) / 2
        }  # 1 + 2 + ... + 64


def test_a_push_that_is_repeated_is_applied_once(uri: str) -> None:
    search = prepared(uri, replicas=2, shards=2)
    first = push_round(search, 0, 0)
    push_round(search, 1, 0)

    again = push_round(OpenSearch(uri), 0, 0)

    assert [shard.to_bytes() for shard in again] == [shard.to_bytes() for shard in first]
    assert [shard.state["num_pending"] for shard in pull(search, known=None)] == [2, 2]


def test_a_push_that_died_between_two_shards_is_finished(uri: str) -> None:
    search = prepared(uri, replicas=2, shards=2)
    push_round(search, 0, 0)
    search.store.objects.delete(layout.shard(1, 1))  # as if the death had come before

    again = push_round(OpenSearch(uri), 0, 0)

    assert [shard.version for shard in again] == [1, 1]
    assert [shard.state["num_pending"] for shard in again] == [1, 1]


def test_versions_below_every_replicas_last_push_become_tombstones(uri: str) -> None:
    search = prepared(uri, replicas=2)
    for round in range(3):
        push_round(search, 0, round)
    assert all(versions(search).values())  # replica 1 may still have sampled at version 0

    push_round(search, 1, 0)  # version 4; replica 0 made version 3

    assert versions(search) == {0: False, 1: False, 2: False, 3: True, 4: True}
    with pytest.raises(PrunedError, match=r"00000002\.safetensors is empty: it was pruned"):
        read_shard(search, 0, 2)


def test_one_replica_needs_no_more_than_its_last_version(uri: str) -> None:
    search = prepared(uri, replicas=1)
    for round in range(5):
        push_round(search, 0, round)

    assert [number for number, is_whole in versions(search).items() if is_whole] == [5]


def test_a_round_that_another_run_left_behind_long_ago_is_not_pushed(uri: str) -> None:
    search = prepared(uri, replicas=1)
    for round in range(3):
        push_round(search, 0, round)

    with pytest.raises(PrunedError, match="round 1 of replica 0 was learned from, and later ones"):
        push_round(OpenSearch(uri), 0, 1)


def test_a_writer_that_stood_still_cannot_take_a_number_that_was_pruned(uri: str) -> None:
    search = prepared(uri, replicas=1)
    stale = search.controller.apply(
        pull(search, known=None)[0], lesson_of(search, 1), replica=0, round=0
    )
    for round in range(3):
        push_round(search, 0, round)

    assert not search.store.objects.create(layout.shard(0, stale.version), stale.to_bytes())
    assert pull(OpenSearch(uri), known=None)[0].version == 3


def test_an_empty_newest_version_is_named(uri: str) -> None:
    search = prepared(uri, replicas=1)
    push_round(search, 0, 0)
    search.store.objects.replace(layout.shard(0, 1), b"")

    with pytest.raises(CorruptStateError, match=r"00000001\.safetensors is damaged: it is empty"):
        pull(OpenSearch(uri), known=None)


def test_a_version_under_anothers_number_is_named(uri: str) -> None:
    search = prepared(uri, replicas=1)
    first = search.store.objects.get(layout.shard(0, 0))
    search.store.objects.create(layout.shard(0, 1), first)

    with pytest.raises(CorruptStateError, match=r"is damaged: it holds version 0 of shard 0"):
        pull(OpenSearch(uri), known=None)


@pytest.mark.parametrize("known", [None, (0, 0)])
def test_the_newest_versions_are_pulled(uri: str, known: Sequence[int] | None) -> None:
    search = prepared(uri, replicas=1, shards=2)
    for round in range(3):
        push_round(search, 0, round)

    assert [shard.version for shard in pull(OpenSearch(uri), known=known)] == [3, 3]
