import numpy as np
import pytest
from safetensors.numpy import save

from nas_lib.controllers.state import Applied, Gradient, Shard, join, split
from nas_lib.errors import CorruptStateError

KEY = "controller/shard-000/00000042.safetensors"


def shard(size=2000):
    rng = np.random.default_rng(0)
    names = ("parameters", "first_moment", "second_moment", "pending")
    return Shard(
        index=0,
        version=50,
        start=0,
        **{name: rng.random(size, dtype=np.float32) for name in names},
        num_pending=3,
        steps=42,
        baseline=0.1 + 0.2,
        applied={0: Applied(41, 50), 12: Applied(7, 48)},
    )


def test_a_shard_comes_back_from_its_bytes():
    before = shard()
    after = Shard.from_bytes(before.to_bytes(), key=KEY)
    for name in ("index", "version", "start", "steps", "baseline", "applied", "num_pending"):
        assert getattr(after, name) == getattr(before, name)
    for name in ("parameters", "first_moment", "second_moment", "pending"):
        assert getattr(after, name).dtype == np.float32
        np.testing.assert_array_equal(getattr(after, name), getattr(before, name))


def test_a_gradient_comes_back_from_its_bytes():
    before = Gradient(np.arange(5, dtype=np.float32), rewards=(0.1, 1 / 3), entropy=95.6)
    after = Gradient.from_bytes(before.to_bytes(), key=KEY)
    assert (after.rewards, after.entropy) == ((0.1, 1 / 3), 95.6)
    np.testing.assert_array_equal(after.values, before.values)


def test_equal_shards_have_equal_bytes():
    assert len({shard().to_bytes() for _ in range(20)}) == 1


def test_shards_are_contiguous_and_of_nearly_equal_size():
    parameters = np.arange(11, dtype=np.float32)
    shards = split(parameters, 4)
    # 11 = 3 + 3 + 3 + 2
    assert [(s.index, s.start, len(s.parameters)) for s in shards] == [
        (0, 0, 3),
        (1, 3, 3),
        (2, 6, 3),
        (3, 9, 2),
    ]
    np.testing.assert_array_equal(join(shards), parameters)


def test_the_floor_is_the_oldest_version_that_a_replica_made_last():
    (first,) = split(np.zeros(1, dtype=np.float32), 1)
    assert first.floor(2) == 0
    # Replica 0 makes versions 1 and 2; replica 1 may still have sampled at version 0.
    second = first.with_applied(0, 0).with_applied(0, 1)
    assert (second.version, second.floor(1), second.floor(2)) == (2, 2, 0)
    # Replica 1 makes version 3: whoever samples from now on does so at 2 or later.
    third = second.with_applied(1, 0)
    assert third.applied == {0: Applied(1, 2), 1: Applied(0, 3)}
    assert third.floor(2) == 2


def flip(data, position):
    return data[:position] + bytes([data[position] ^ 1]) + data[position + 1 :]


GOOD = shard().to_bytes()
DAMAGED = {
    "empty": b"",
    "not safetensors": b"{}" * 500,
    "cut off": GOOD[:-1],
    "something appended": GOOD + b"x",
    "a page of zeros": GOOD[:8192] + bytes(4096) + GOOD[12288:],
    "a bit of the vectors": flip(GOOD, -100),
    "a digit of the steps": GOOD.replace(b'\\"steps\\": 42', b'\\"steps\\": 43'),
    "another's metadata": save({"parameters": np.zeros(3)}, metadata={"format": "np"}),
    "no metadata": save({"parameters": np.zeros(3)}),
}


@pytest.mark.parametrize("data", DAMAGED.values(), ids=DAMAGED.keys())
def test_damage_is_found_and_the_object_named(data):
    assert data != GOOD
    with pytest.raises(CorruptStateError, match=f"stored object {KEY} is damaged: expected "):
        Shard.from_bytes(data, key=KEY)
