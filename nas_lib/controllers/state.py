"""What a controller knows, as data: shards of its numbers, and the lessons that change them.

Both are stored as safetensors. Equal values give equal bytes, so whoever finds the object that he
was about to create can tell whether it is his own.

Letters in names: N numbers of one shard, P of all shards.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple, TypeVar, cast

import numpy as np
import numpy.typing as npt
from pydantic import TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass as checked_dataclass

from nas_lib.errors import CorruptStateError
from nas_lib.records import STRICT, Count, first_error
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


@checked_dataclass(frozen=True, config=STRICT)
class _ShardFields:
    index: Count
    version: Count
    start: Count
    applied: dict[Count, tuple[Count, Count]]


@checked_dataclass(frozen=True, config=STRICT)
class _LessonFields:
    rewards: tuple[float, ...]
    metrics: dict[str, float]


F = TypeVar("F", _ShardFields, _LessonFields)
_plain = TypeAdapter(dict[str, Any]).validate_json  # JSON of Python's own has no limit of depth


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
            CorruptStateError: The bytes are damaged, or no shard; the message names `key`.
        """
        plain, values, state = _unpack(_ShardFields, data, key, nested="state")
        applied = {replica: Applied(*each) for replica, each in plain.applied.items()}
        return cls(plain.index, plain.version, plain.start, values, state, applied)


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
        plain, values, arrays = _unpack(_LessonFields, data, key, nested="arrays")
        return cls(values, plain.rewards, plain.metrics, arrays)


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


def _unpack(
    kind: type[F], data: bytes, key: str, *, nested: str
) -> tuple[F, Vector, dict[str, Any]]:
    """Return the plain fields that `_pack` was given, the numbers, and what lay in `nested`."""
    arrays, text = unseal(data, key=key)
    try:
        flat = {**_plain(text), **arrays}
        values = flat.pop("values", None)
        prefix = f"{nested}."
        own = {name for name in flat if name.startswith(prefix)}
        inner = {name.removeprefix(prefix): flat.pop(name) for name in own}
        plain: F = TypeAdapter(kind).validate_python(flat)
    except ValidationError as err:
        raise CorruptStateError(
            f"stored object {key} is whole, but no state of a controller: {first_error(err)}"
        ) from err
    wrong = array_misfit("values", values)
    if wrong:
        raise CorruptStateError.of_content(key, wrong)
    return plain, cast(Vector, values), inner


def array_misfit(name: str, found: object, *sizes: int) -> str:
    """Say why something is no row of finite float32, of one of these lengths; empty if it is."""
    if not isinstance(found, np.ndarray) or found.dtype != np.float32 or found.ndim != 1:
        kind = f"{found.dtype} {list(found.shape)}" if isinstance(found, np.ndarray) else "none"
        return f"expected {name} to be a row of float32, got {kind}"
    if sizes and len(found) not in sizes:
        return f"expected {name} to be {' or '.join(map(str, sizes))} numbers, got {len(found)}"
    return "" if np.isfinite(found).all() else f"{name} has numbers that are not finite"


def slice_misfit(shard: Shard, *, num_parameters: int, num_shards: int) -> str:
    """Say why a shard has not its part of all numbers, as `split` makes it; empty if it has."""
    smaller, larger = divmod(num_parameters, num_shards)
    start = shard.index * smaller + min(shard.index, larger)
    if shard.start != start:
        return f"expected a slice that starts at {start}, got one at {shard.start}"
    return array_misfit("values", shard.values, smaller + (shard.index < larger))
