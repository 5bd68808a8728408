"""A right checksum is not a right content: what cannot be ours is named, and never believed."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from faulty_store import WatchedStore, run_here
from forgery import DEEP, changed, forged, with_checksum
from searches import account, tabular

from nas_lib.config import RandomConfig, SearchConfig
from nas_lib.controllers import Lesson, Shard
from nas_lib.errors import CorruptStateError, NasError, StoreError
from nas_lib.open_search import OpenSearch
from nas_lib.store import ObjectStore, layout, open_store
from nas_lib.store.folder import FolderStore
from nas_lib.store.search_store import MAX_RECORD

CONFIG = tabular(max_children=12, shards=2)
SHORT = tabular(max_children=4, shards=2)
CHILD = "r000-000001-03"


def begun(uri: str, doomed: str, config: SearchConfig = CONFIG) -> ObjectStore:
    """Run a search until this object is to be written; its settings were changed before."""

    def on_call(called: int, name: str, key: str) -> None:
        if name == "create" and key == doomed:
            raise StoreError("the disk is full")

    short = config.model_copy(update={"search": SHORT.search})
    run_here(OpenSearch(uri), short)
    search = OpenSearch(uri)
    search.store.objects = WatchedStore(search.store.objects, on_call)
    with pytest.raises(StoreError):
        run_here(search, config)
    return open_store(uri)


PROPOSED = layout.round_state(0, 1, "proposed")
REWARDED = layout.round_state(0, 1, "rewarded")
LEARNED = layout.round_state(0, 1, "learned")
NEXT = layout.round_state(0, 2, "proposed")
RESULT = layout.child_result("r000-000001-00")
OTHER = "r000-000000-00"
A_RECORD = [
    # where, what is written there, until when the search was done before, and what is said
    (PROPOSED, ("round",), 2, CHILD, f"it is {NEXT}"),
    (PROPOSED, ("replica",), -1, CHILD, "replica: Input should be greater than or equal to 0"),
    (PROPOSED, ("children",), [], CHILD, "it has no children"),
    (
        PROPOSED,
        ("children", 3, "id"),
        "r000-000001-07",
        CHILD,
        "its child 3 is called r000-000001-07",
    ),
    (PROPOSED, ("children", 0, "seed"), 1, CHILD, "the seed of r000-000001-00 is another"),
    (PROPOSED, ("children", 0, "architecture", "tokens"), [0, 0], CHILD, "expected 3 tokens"),
    (PROPOSED, ("children", 0, "architecture", "tokens", 0), 99, CHILD, r"must be in \[0, 4\)"),
    (PROPOSED, ("children", 0, "architecture", "config"), "a=1", CHILD, "not what its tokens say"),
    (PROPOSED, ("depth",), 2, CHILD, "the space has no depth 2"),
    (PROPOSED, ("versions",), [1], CHILD, "it has 1 versions of 2 shards"),
    (PROPOSED, ("created_s",), 1e300, CHILD, "created_s: Input should be less than"),
    (RESULT, ("id",), OTHER, CHILD, f"it is of child {OTHER}"),
    (RESULT, ("reward",), 1e30, CHILD, "has the reward 1e.30, and its score earns 0."),
    (RESULT, ("status",), "crashed", CHILD, "is crashed, and its reward not 0"),
    (RESULT, ("best_epoch",), 3, CHILD, "its best epoch is 3 of 0"),
    (RESULT, ("num_parameters",), 10**30, CHILD, "num_parameters: Input should be less than"),
    (REWARDED, ("rows",), [], LEARNED, "its architectures are not those of the children"),
    (REWARDED, ("rows", 0, "id"), OTHER, LEARNED, f"its child 0 is called {OTHER}"),
    (REWARDED, ("best", 0, "id"), "r009-000000-00", LEARNED, "cannot be among its best"),
    (REWARDED, ("rows", 2, "reward"), 7, LEARNED, "has the reward 7, and its score"),
    (LEARNED, ("versions",), [2], NEXT, "it has 1 versions and staleness of 2"),
    (LEARNED, ("metrics", "entropy"), float("nan"), NEXT, "Input should be a finite number"),
    (
        layout.settings(1),
        ("seed",),
        9,
        CHILD,
        "of another search than search.json: seed is 0 there",
    ),
    (layout.lease(0, 4), ("pid",), -5, CHILD, "pid: Input should be greater"),
]


@pytest.mark.parametrize(
    ("key", "path", "value", "until", "said"),
    A_RECORD,
    ids=[f"{key} {'.'.join(map(str, path))}" for key, path, *_ in A_RECORD],
)
def test_a_record_that_cannot_be_is_named(
    request: pytest.FixtureRequest,
    key: str,
    path: tuple[Any, ...],
    value: Any,
    until: str,
    said: str,
) -> None:
    uri = f"memory://{request.node.name}"
    objects = begun(uri, layout.child_result(CHILD) if until == CHILD else until)
    objects.replace(key, changed(objects.get(key), path, value))

    with pytest.raises(CorruptStateError, match=said) as caught:
        run_here(OpenSearch(uri), CONFIG)
    assert key in str(caught.value)


def without_baseline(shard: Shard) -> dict[str, Any]:
    return {name: value for name, value in shard.state.items() if name != "baseline"}


SHARDS: dict[str, tuple[Callable[[Shard], Shard], str]] = {
    "not finite": (
        lambda shard: replace(shard, values=np.full_like(shard.values, np.inf)),
        "values has numbers that are not finite",
    ),
    "short": (
        lambda shard: replace(shard, values=shard.values[1:]),
        r"expected values to be \d+ numbers, got \d+",
    ),
    "of doubles": (
        lambda shard: replace(shard, values=shard.values.astype(np.float64)),
        r"expected values to be a row of float32, got float64 \[\d+\]",
    ),
    "elsewhere": (lambda shard: replace(shard, start=3), "starts at 0, got one at 3"),
    "another index": (lambda shard: replace(shard, index=1), "holds version 1 of shard 1"),
    "another version": (lambda shard: replace(shard, version=9), "holds version 9 of shard 0"),
    "a replica that there is not": (
        lambda shard: replace(shard, applied={7: shard.applied[0]}),
        "version 1 cannot be replica 7's last",
    ),
    "without a moment": (
        lambda shard: replace(shard, state={**shard.state, "first_moment": 3}),
        "expected first_moment to be a row of float32, got none",
    ),
    "without a baseline": (
        lambda shard: replace(shard, state=without_baseline(shard)),
        "baseline: Field required",
    ),
    "more steps than versions": (
        lambda shard: replace(shard, state={**shard.state, "steps": 10**12}),
        "version 1 cannot be after 1000000000000 steps",
    ),
    "something else": (
        lambda shard: replace(shard, state={**shard.state, "more": 1.5}),
        "more: Unexpected keyword argument",
    ),
}


@pytest.mark.parametrize("name", SHARDS)
def test_a_shard_that_cannot_be_is_named(name: str) -> None:
    uri = f"memory://shard {name}"
    forge, said = SHARDS[name]
    objects = begun(uri, PROPOSED)
    key = layout.shard(0, 1)
    objects.replace(key, forge(Shard.from_bytes(objects.get(key), key=key)).to_bytes())

    with pytest.raises(CorruptStateError, match=said) as caught:
        run_here(OpenSearch(uri), CONFIG)
    assert key in str(caught.value)


def test_a_shard_with_numbers_is_none_of_random_search() -> None:
    config = tabular(max_children=12, shards=2, controller=RandomConfig())
    objects = begun("memory://random-shard", PROPOSED, config)
    key = layout.shard(0, 1)
    shard = Shard.from_bytes(objects.get(key), key=key)
    objects.replace(key, replace(shard, values=np.ones(1, dtype=np.float32)).to_bytes())

    with pytest.raises(CorruptStateError, match=f"{key} .* expected values to be 0 numbers, got 1"):
        run_here(OpenSearch("memory://random-shard"), config)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"values": np.zeros(3, dtype=np.float32)}, r"expected values to be \d+ numbers, got 3"),
        ({"values": np.full(5, np.nan, dtype=np.float32)}, "not finite"),
        ({"metrics": {"entropy": float("inf")}}, "metrics.entropy: Input should be a finite"),
        ({"rewards": ("much",)}, "rewards.0: Input should be a valid number"),
    ],
)
def test_a_lesson_that_cannot_be_is_named(change: dict[str, Any], said: str) -> None:
    uri = f"memory://lesson {said}"
    objects = begun(uri, LEARNED)
    key = layout.round_lesson(0, 1)
    lesson = Lesson.from_bytes(objects.get(key), key=key)
    objects.replace(key, replace(lesson, **change).to_bytes())

    with pytest.raises(CorruptStateError, match=said) as caught:
        run_here(OpenSearch(uri), CONFIG)
    assert key in str(caught.value)


def test_depth_has_a_limit() -> None:
    objects = begun("memory://deep", layout.child_result(CHILD))
    objects.replace(PROPOSED, with_checksum(DEEP))
    with pytest.raises(CorruptStateError, match=f"{PROPOSED} is whole, but no Proposed"):
        run_here(OpenSearch("memory://deep"), CONFIG)


def test_a_record_larger_than_any_is_refused_unread(tmp_path: Any) -> None:
    store = FolderStore(tmp_path)
    store.create("search.json", b"")
    with (tmp_path / "search.json").open("r+b") as file:
        file.truncate(MAX_RECORD + 1)  # takes no room on the disk
    with pytest.raises(
        CorruptStateError, match=r"search\.json is damaged: expected at most 67,108,8"
    ):
        OpenSearch(str(tmp_path)).store.find_search()


STOPS = [layout.child_result(CHILD), REWARDED, LEARNED, layout.round_lesson(0, 1), NEXT]


@pytest.mark.parametrize("seed", [1, *(pytest.param(n, marks=pytest.mark.faults) for n in (2, 3))])
def test_of_many_forgeries_each_is_a_sentence_or_no_harm(seed: int) -> None:
    rng = random.Random(seed)
    snapshots = []
    for number, doomed in enumerate(STOPS):
        objects = begun(f"memory://snapshot {seed} {number}", doomed)
        keys = [key for key in objects.keys("") if not key.startswith("reports")]
        snapshots.append({key: objects.get(key) for key in keys})
    said: list[tuple[str, str]] = []

    for number in range(60 if seed == 1 else 600):
        snapshot = rng.choice(snapshots)
        key = rng.choice([key for key, data in snapshot.items() if data])
        data = forged(snapshot[key], rng, is_record=key.endswith(".json"))
        uri = f"memory://forged {seed} {number}"
        for each, whole in snapshot.items():
            open_store(uri).create(each, data if each == key else whole)
        try:
            handle = run_here(OpenSearch(uri), CONFIG)
        except NasError as err:
            said.append((key, str(err)))
        else:
            assert len(account(handle)) == 12

    assert len(said) > number / 10
    assert [
        sentence
        for key, sentence in said
        if not (key in sentence or key == layout.SEARCH)
        or not sentence.isprintable()
        or len(sentence) > 1200
    ] == []
