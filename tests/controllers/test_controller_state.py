from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save

from nas_lib.controllers.state import NOTHING, Applied, Lesson, Shard, join, mean_reward, split
from nas_lib.errors import CorruptStateError

KEY = "controller/shard-000/00000042.safetensors"


def shard(size: int = 2000) -> Shard:
    rng = np.random.default_rng(0)
    names = ("first_moment", "second_moment", "pending")
    arrays = {name: rng.random(size, dtype=np.float32) for name in names}
    return Shard(
        index=0,
        version=50,
        start=0,
        values=rng.random(size, dtype=np.float32),
        state={**arrays, "num_pending": 3, "steps": 42, "baseline": 0.1 + 0.2, "best": None},
        applied={0: Applied(41, 50), 12: Applied(7, 48)},
    )


def assert_same(after: Any, before: Any) -> None:
    """Arrays of the same type, shape and numbers; of the rest the same type and value."""
    assert type(after) is type(before)
    if isinstance(before, np.ndarray):
        assert after.dtype == before.dtype
        np.testing.assert_array_equal(after, before)
    else:
        assert after == before


def test_a_shard_comes_back_from_its_bytes() -> None:
    before = shard()
    after = Shard.from_bytes(before.to_bytes(), key=KEY)
    for name in ("index", "version", "start", "applied", "values"):
        assert_same(getattr(after, name), getattr(before, name))
    assert after.state.keys() == before.state.keys()
    for name, value in before.state.items():
        assert_same(after.state[name], value)


def test_a_shard_without_values_may_keep_the_results_so_far() -> None:
    """As a controller without a network will: what it knows are architectures and rewards."""
    tokens = np.array([[3, 0, 1], [2, 1, 1]], dtype=np.int64)
    rewards = np.array([0.5, np.nan])
    before = Shard(0, 7, 0, NOTHING, {"tokens": tokens, "rewards": rewards}, {0: Applied(6, 7)})
    after = Shard.from_bytes(before.to_bytes(), key=KEY)
    assert_same(after.values, NOTHING)
    assert_same(after.state["tokens"], tokens)
    assert_same(after.state["rewards"], rewards)


def test_a_state_may_use_the_names_of_a_shards_own_fields() -> None:
    (before,) = split(
        np.ones(2, dtype=np.float32), 1, first_state=lambda n: {"values": 2 * n, "index": 9}
    )
    after = Shard.from_bytes(before.to_bytes(), key=KEY)
    assert (after.values.tolist(), after.index) == ([1, 1], 0)
    np.testing.assert_array_equal(np.asarray(after.state["values"]), [2, 2])
    assert after.state["index"] == 9


def test_a_lesson_comes_back_from_its_bytes() -> None:
    before = Lesson(
        np.arange(5, dtype=np.float32),
        rewards=(0.1, 1 / 3),
        metrics={"mean_reward": 0.1 + 0.2, "entropy": 95.6},
        arrays={"tokens": np.array([[1, 2], [0, 3]])},
    )
    after = Lesson.from_bytes(before.to_bytes(), key=KEY)
    assert (after.rewards, after.metrics) == (before.rewards, before.metrics)
    assert_same(after.values, before.values)
    assert after.arrays.keys() == {"tokens"}
    assert_same(after.arrays["tokens"], before.arrays["tokens"])
    assert after.to_bytes() == before.to_bytes()


def test_a_lesson_has_no_other_arrays_unless_it_is_given_some() -> None:
    lesson = Lesson(NOTHING, rewards=(), metrics={})
    assert Lesson.from_bytes(lesson.to_bytes(), key=KEY).arrays == lesson.arrays == {}


def test_the_mean_is_of_the_rewards_that_count() -> None:
    assert mean_reward([0.2, None, 0.4]) == {"mean_reward": pytest.approx(0.3)}
    assert mean_reward([None]) == mean_reward([]) == {}


def test_equal_shards_have_equal_bytes() -> None:
    assert len({shard().to_bytes() for _ in range(20)}) == 1


def test_shards_are_contiguous_and_of_nearly_equal_size() -> None:
    values = np.arange(11, dtype=np.float32)
    shards = split(values, 4)
    # 11 = 3 + 3 + 3 + 2
    assert [(s.index, s.start, len(s.values)) for s in shards] == [
        (0, 0, 3),
        (1, 3, 3),
        (2, 6, 3),
        (3, 9, 2),
    ]
    np.testing.assert_array_equal(join(shards), values)
    for each in shards:
        np.testing.assert_array_equal(each.slice_of(10 * values), 10 * each.values)


def test_the_floor_is_the_oldest_version_that_a_replica_made_last() -> None:
    (first,) = split(np.zeros(1, dtype=np.float32), 1)
    assert first.floor(2) == 0
    # Replica 0 makes versions 1 and 2; replica 1 may still have sampled at version 0.
    second = first.with_applied(0, 0).with_applied(0, 1)
    assert (second.version, second.floor(1), second.floor(2)) == (2, 2, 0)
    # Replica 1 makes version 3: whoever samples from now on does so at 2 or later.
    third = second.with_applied(1, 0)
    assert third.applied == {0: Applied(1, 2), 1: Applied(0, 3)}
    assert third.floor(2) == 2


def flip(data: bytes, position: int) -> bytes:
    return data[:position] + bytes([data[position] ^ 1]) + data[position + 1 :]


GOOD = shard().to_bytes()
DAMAGED = {
    "empty": b"",
    "not safetensors": b"{}" * 500,
    "cut off": GOOD[:-1],
    "something appended": GOOD + b"x",
    "a page of zeros": GOOD[:8192] + bytes(4096) + GOOD[12288:],
    "a bit of the vectors": flip(GOOD, -100),
    "a digit of the steps": GOOD.replace(b'\\"state.steps\\": 42', b'\\"state.steps\\": 43'),
    "another's metadata": save({"parameters": np.zeros(3)}, metadata={"format": "np"}),
    "no metadata": save({"parameters": np.zeros(3)}),
}


@pytest.mark.parametrize("data", DAMAGED.values(), ids=DAMAGED.keys())
def test_damage_is_found_and_the_object_named(data: bytes) -> None:
    assert data != GOOD
    with pytest.raises(CorruptStateError, match=f"stored object {KEY} is damaged: expected "):
        Shard.from_bytes(data, key=KEY)
