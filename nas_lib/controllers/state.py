"""The controller's state: one flat parameter vector in contiguous shards, and gradients to it.

Both are stored as safetensors. Equal values give equal bytes, so whoever finds the object that he
was about to create can tell whether it is his own.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from nas_lib.store.sealed import seal, unseal

Vector = npt.NDArray[np.float32]
NOTHING: Vector = np.zeros(0, dtype=np.float32)


class Applied(NamedTuple):
    """A replica's last round in a shard, and the version that it made."""

    round: int
    version: int


@dataclass(frozen=True, eq=False)
class Shard:
    """One version of one shard: a slice of the parameters and what its optimiser remembers.

    Attributes:
        index: Which shard, from 0.
        version: Its number, from 0; each push makes the next one.
        start: Where its slice starts in the vector of all parameters.
        parameters: The slice, `[N]`.
        first_moment: Adam's running mean of the gradient, `[N]`.
        second_moment: Adam's running mean of its square, `[N]`.
        steps: Adam steps taken here.
        baseline: Moving-average reward; None before any reward, and in all shards but the first.
        applied: The last round of each replica that is in this version.
        pending: Sum of the gradients that wait for the next step, `[N]`; empty while none does.
        num_pending: How many those are.
    """

    index: int
    version: int
    start: int
    parameters: Vector
    first_moment: Vector
    second_moment: Vector
    steps: int
    baseline: float | None
    applied: dict[int, Applied]
    pending: Vector
    num_pending: int

    def has_applied(self, replica: int, round: int) -> bool:
        """Say whether this version contains the replica's round."""
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

    def to_bytes(self) -> bytes:
        """Return the stored form."""
        return _pack(vars(self))

    @classmethod
    def from_bytes(cls, data: bytes, *, key: str) -> Shard:
        """Return the shard that `to_bytes` wrote.

        Raises:
            CorruptStateError: The bytes are damaged; the message names `key`.
        """
        fields = _unpack(data, key)
        noted = fields.pop("applied").items()
        applied = {int(replica): Applied(*each) for replica, each in noted}
        return cls(applied=applied, **fields)


@dataclass(frozen=True, eq=False)
class Gradient:
    """What one replica's round teaches.

    Attributes:
        values: d loss / d parameters, `[P]`, of all shards; zeros if no child counts.
        rewards: Of the children that count, in child order.
        entropy: Of the policy, in nats, mean over the round's architectures.
    """

    values: Vector
    rewards: tuple[float, ...]
    entropy: float

    def to_bytes(self) -> bytes:
        """Return the stored form."""
        return _pack(vars(self))

    @classmethod
    def from_bytes(cls, data: bytes, *, key: str) -> Gradient:
        """Return the gradient that `to_bytes` wrote.

        Raises:
            CorruptStateError: The bytes are damaged; the message names `key`.
        """
        fields = _unpack(data, key)
        return cls(rewards=tuple(fields.pop("rewards")), **fields)


def split(parameters: Vector, num_shards: int) -> tuple[Shard, ...]:
    """Return the first version of every shard, of sizes that differ by one at most."""
    slices = np.array_split(parameters, num_shards)
    starts = np.cumsum([0, *map(len, slices)]).tolist()
    return tuple(
        Shard(
            index=index,
            version=0,
            start=start,
            parameters=values,
            first_moment=np.zeros_like(values),
            second_moment=np.zeros_like(values),
            steps=0,
            baseline=None,
            applied={},
            pending=NOTHING,
            num_pending=0,
        )
        for index, (start, values) in enumerate(zip(starts, slices, strict=False))
    )


def join(shards: Sequence[Shard]) -> Vector:
    """Return the vector of all parameters, a copy."""
    return np.concatenate([shard.parameters for shard in shards])


def _pack(fields: dict[str, Any]) -> bytes:
    """Arrays become tensors, the rest JSON."""
    arrays = {name: value for name, value in fields.items() if isinstance(value, np.ndarray)}
    plain = {name: value for name, value in fields.items() if name not in arrays}
    return seal(arrays, json.dumps(plain, sort_keys=True))


def _unpack(data: bytes, key: str) -> dict[str, Any]:
    arrays, text = unseal(data, key=key)
    return {**json.loads(text), **arrays}
