"""From arrays to what a search stores of them: blobs, a manifest, and shards of what is large."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from safetensors.numpy import save

from nas_lib.data.blobs import BlobInfo, Manifest
from nas_lib.data.copies import cached_blob, require_space
from nas_lib.data.rows import Rows, is_large, num_bytes_of, pieces

_SHARD_BYTES: Final = 64 * 2**20  # and in memory three times while it is packed

Arrays = Mapping[str, Rows]


@dataclass(frozen=True)
class Prepared:
    """Data ready for a search; blobs and shards are safetensors files.

    Attributes:
        manifest: What they are.
        search_blob: What a search may see.
        test_blob: What is for the test.
        search_shards: Of large data, this machine's copies of the shards.
        test_shards: Likewise.
    """

    manifest: Manifest
    search_blob: bytes
    test_blob: bytes
    search_shards: tuple[Path, ...] = ()
    test_shards: tuple[Path, ...] = ()


def prepared(
    manifest: Callable[..., Manifest],
    search: Arrays,
    test: Arrays,
    *,
    names: Sequence[str],
    cut: Sequence[str] = (),
) -> Prepared:
    """Serialise arrays, and complete what is said of them.

    Args:
        manifest: Makes the manifest of content hash, blobs and shards.
        search: All that a search may see.
        test: What is for the test.
        names: What the indices in them stand for: classes, or words.
        cut: Which arrays are cut into shards, by rows, where all together are large.

    Raises:
        StoreError: This machine's disk has no room for the shards.
    """
    sizes = {name: num_bytes_of(rows) for name, rows in {**search, **test}.items()}
    is_cut = is_large(sum(sizes.values()))
    cut = [name for name in cut if is_cut and sizes[name] > _SHARD_BYTES]
    if cut:
        require_space(sum(sizes[name] for name in cut), "preparing the data")
    digest = hashlib.sha256(json.dumps(names).encode())
    of_search, of_test = _Packed("search", digest), _Packed("test", digest)
    for packed, arrays in ((of_search, search), (of_test, test)):
        for name, rows in arrays.items():
            packed.add(name, rows, is_cut=name in cut)
    search_blob, test_blob = save(of_search.whole), save(of_test.whole)
    return Prepared(
        manifest(
            content_hash=digest.hexdigest(),
            search_blob=BlobInfo.of(search_blob),
            test_blob=BlobInfo.of(test_blob),
            search_shards=tuple(of_search.shards.values()),
            test_shards=tuple(of_test.shards.values()),
        ),
        search_blob,
        test_blob,
        tuple(of_search.shards),
        tuple(of_test.shards),
    )


class _Packed:
    """What becomes of the arrays of a part, and of the hash of the content of all.

    The arrays themselves are hashed: a blob's header could change with the library that writes it,
    and the same data may lie in more or fewer shards.
    """

    def __init__(self, part: str, digest: Any) -> None:
        self._part, self._digest = part, digest
        self.whole: dict[str, npt.NDArray[Any]] = {}
        self.shards: dict[Path, BlobInfo] = {}

    def add(self, name: str, rows: Rows, *, is_cut: bool) -> None:
        """Add an array, whole or cut into shards."""
        self._digest.update(f"{name} {rows.dtype} {rows.shape}".encode())
        if not is_cut:
            self.whole[name] = self._hashed(rows[:])
            return
        bytes_per_row = num_bytes_of(rows) // len(rows)
        for piece in pieces(rows, max(1, _SHARD_BYTES // bytes_per_row)):
            blob = save({name: self._hashed(piece)})
            self._keep(blob, BlobInfo.of(blob))

    def _hashed(self, rows: npt.NDArray[Any]) -> npt.NDArray[Any]:
        rows = np.ascontiguousarray(rows)
        self._digest.update(rows.reshape(-1).data)
        return rows

    def _keep(self, blob: bytes, info: BlobInfo) -> None:
        name = f"{self._part}-{len(self.shards):05d}.safetensors"  # as in the store
        self.shards[cached_blob(lambda: blob, info, name)] = info
