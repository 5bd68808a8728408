"""Objects that nobody of ours wrote, with right checksums."""

from __future__ import annotations

import copy
import json
import random
import zlib
from collections.abc import Iterator
from typing import Any

import numpy as np

from nas_lib.store.sealed import seal, unseal

Path = tuple[str | int, ...]

VALUES: tuple[Any, ...] = (
    *(None, True, -1, 0, 7, 10**18, 10**30, 10**400, 1e300, -0.5, float("nan")),
    *("", "x" * 5000, "r000-000000-99", "../..", "\ud800", "\x1b[2J", [], {}, [[]], [1] * 50),
)
"""What numbers, texts and lists are replaced by."""
DEEP = b'"a":' + 100_000 * b"[" + 100_000 * b"]" + b"}"


def sealed_record(fields: dict[str, Any]) -> bytes:
    """Return a record with these fields, as `to_json` would write it."""
    return with_checksum(json.dumps(fields).encode()[1:])


def with_checksum(fields: bytes) -> bytes:
    """Return a record whose text goes on like this."""
    return b'{"crc32":"%08x"' % zlib.crc32(fields) + (b"," if fields != b"}" else b"") + fields


def fields_of(record: bytes) -> dict[str, Any]:
    """Return what a record says."""
    fields: dict[str, Any] = json.loads(record)
    del fields["crc32"]
    return fields


def changed(record: bytes, path: Path, value: Any) -> bytes:
    """Return a record in which another value stands at this place."""
    fields = fields_of(record)
    _parent(fields, path)[path[-1]] = value
    return sealed_record(fields)


def forged(data: bytes, rng: random.Random, *, is_record: bool) -> bytes:
    """Return an object like this in which something is other than it should be."""
    if not is_record:
        return _forged_tensors(data, rng)
    if rng.random() < 0.03:
        return with_checksum(DEEP)
    fields = fields_of(data)
    places = list(_places(fields))
    if not places:
        return sealed_record({"more": 1})
    path = rng.choice(places)
    parent, last = _parent(fields, path), path[-1]
    if rng.random() < 0.2:
        del parent[last]
    elif isinstance(parent[last], list) and rng.random() < 0.3:
        parent[last] *= 2
    else:
        parent[last] = copy.deepcopy(rng.choice(VALUES))
    return sealed_record(fields)


def _places(value: Any, path: Path = ()) -> Iterator[Path]:
    if path:
        yield path
    inner = value.items() if isinstance(value, dict) else ()
    inner = list(enumerate(value))[:3] if isinstance(value, list) else inner
    for key, each in inner:
        yield from _places(each, (*path, key))


def _parent(fields: Any, path: Path) -> Any:
    for key in path[:-1]:
        fields = fields[key]
    return fields


def _forged_tensors(data: bytes, rng: random.Random) -> bytes:
    arrays, text = unseal(data, key="whole")
    plain: dict[str, Any] = json.loads(text)
    if rng.random() < 0.5:
        name = rng.choice(sorted(plain))
        plain[name] = copy.deepcopy(rng.choice(VALUES))
    else:
        name = rng.choice(sorted(arrays))
        arrays = {**arrays, name: rng.choice(_others(arrays[name]))}
    return seal(arrays, rng.choice([json.dumps(plain)] * 9 + ["[" * 100_000]))


def _others(array: np.ndarray) -> list[np.ndarray]:
    return [
        array.astype(np.float64),
        np.append(array, np.float32(1)),
        array.reshape(1, -1),
        np.full(len(array) + 1, np.nan, dtype=np.float32),
        np.array(0, dtype=np.int64),
    ]
