"""What a controller knows, as data: shards of its numbers, and the lessons that change them.

Both are stored as safetensors. Equal values give equal bytes, so whoever finds the object that he
was about to create can tell whether it is his own.

Letters in names: N numbers of one shard, P of all shards.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from nas_lib.store.sealed import seal, unseal

Array = npt.NDArray[Any]
Vector = npt.NDArray[np.float32]
State = Mapping[str, Array | float | int | None]
"""Of one shard, by names that mean something to its learner only."""

NOTHING: Vector = np.zeros(0, dtype=np.float32)


class Applied(NamedTuple):
    """A replica's last round in a shard, and the version that it made."""

    round: int
    version: int


@dataclass(frozen=True, eq=False)
class Shard:
    """One version of one shard: a slice of the controller's numbers and what belongs to it.

    Attributes:
        index: Which shard, from 0.
        version: Its number, from 0; each push makes the next one.
        start: Where its slice starts in the vector of all numbers.
        values: The slice, `[N]`; empty for a controller without parameters.
        state: The learner's own: what its optimiser remembers, or the results so far.
        applied: The last round of each replica that is in this version.
    """

    index: int
    version: int
    start: int
    values: Vector
    state: State
    applied: dict[int, Applied]

    def has_applied(self, replica: int, round: int) -> bool:
        """Say whether this version contains the replica's round."""
        # A replica pushes its rounds in order, so the last one stands for all before it.
        return replica in self.applied and self.applied[replica].round >= round

    def with_applied(self, replica: int, round: int) -> Shard:
        """Return the next version, with the round noted and nothing else changed."""
        version = self.version + 1
        noted = {**self.applied, replica: Applied(round, version)}
        return replace(self, version=version, applied=noted)

    def floor(self, num_replicas: int) -> int:
        """Return the oldest version at which an open round can have been sampled.

        A replica samples at the newest version there is after its own last push.
        """
        if len(self.applied) < num_replicas:
            return 0  # somebody has not pushed yet, and may have sampled at the very first one
        return min(applied.version for applied in self.applied.values())

    def slice_of(self, values_P: Vector) -> Vector:
        """Return this shard's part `[N]` of a vector over all numbers, such as a gradient."""
        return values_P[self.start : self.start + len(self.values)]

    def to_bytes(self) -> bytes:
        """Return the stored form."""
        return _pack(vars(self), nested="state")

    @classmethod
    def from_bytes(cls, data: bytes, *, key: str) -> Shard:
        """Return the shard that `to_bytes` wrote.

        Raises:
            CorruptStateError: The bytes are damaged; the message names `key`.
        """
        fields = _unpack(data, key, nested="state")
        noted = fields.pop("applied").items()
        applied = {int(replica): Applied(*each) for replica, each in noted}
        return cls(applied=applied, **fields)


@dataclass(frozen=True, eq=False)
class Lesson:
    """What one replica's round teaches: computed once, stored, and pushed to every shard.

    Attributes:
        values: What each number of all shards is told, `[P]`; for REINFORCE the gradient of its
            loss, zeros if no child counts. Empty for a controller without parameters.
        rewards: Of the children that count, in child order, as the learner takes them.
        metrics: What the round came to, by name.
        arrays: What else the learner needs, by its own names.
    """

    values: Vector
    rewards: tuple[float, ...]
    metrics: dict[str, float]
    arrays: Mapping[str, Array] = field(default_factory=dict)

    def to_bytes(self) -> bytes:
        """Return the stored form."""
        return _pack(vars(self), nested="arrays")

    @classmethod
    def from_bytes(cls, data: bytes, *, key: str) -> Lesson:
        """Return the lesson that `to_bytes` wrote.

        Raises:
            CorruptStateError: The bytes are damaged; the message names `key`.
        """
        fields = _unpack(data, key, nested="arrays")
        return cls(rewards=tuple(fields.pop("rewards")), **fields)


def split(
    values_P: Vector, num_shards: int, *, first_state: Callable[[Vector], State] = lambda _: {}
) -> tuple[Shard, ...]:
    """Return the first version of every shard, of sizes that differ by one at most.

    Args:
        values_P: All numbers.
        num_shards: How many shards; some are empty if there are fewer numbers.
        first_state: Makes the learner's state for a slice.
    """
    slices = np.array_split(values_P, num_shards)
    starts = np.cumsum([0, *map(len, slices)]).tolist()
    return tuple(
        Shard(index, 0, start, values_N, first_state(values_N), applied={})
        for index, (start, values_N) in enumerate(zip(starts, slices, strict=False))
    )


def join(shards: Sequence[Shard]) -> Vector:
    """Return the vector `[P]` of all numbers, a copy."""
    return np.concatenate([shard.values for shard in shards])


def mean_reward(rewards: Sequence[float | None]) -> dict[str, float]:
    """Return the mean of those that count as a metric; none at all where none counts."""
    counted = [reward for reward in rewards if reward is not None]
    return {"mean_reward": sum(counted) / len(counted)} if counted else {}


def _pack(fields: dict[str, Any], *, nested: str) -> bytes:
    """Arrays become tensors, the rest JSON; what lies in the mapping `nested` has a longer name."""
    flat = {name: value for name, value in fields.items() if name != nested}
    flat |= {f"{nested}.{name}": value for name, value in fields[nested].items()}
    arrays = {name: value for name, value in flat.items() if isinstance(value, np.ndarray)}
    plain = {name: value for name, value in flat.items() if name not in arrays}
    return seal(arrays, json.dumps(plain, sort_keys=True))  # sorted: equal values, equal bytes


def _unpack(data: bytes, key: str, *, nested: str) -> dict[str, Any]:
    """Return the fields that `_pack` was given."""
    arrays, text = unseal(data, key=key)
    flat: dict[str, Any] = {**json.loads(text), **arrays}
    prefix = f"{nested}."
    own = {name for name in flat if name.startswith(prefix)}
    inner = {name.removeprefix(prefix): flat.pop(name) for name in own}
    return {**flat, nested: inner}
