"""Small data prepared as large ones are: on the disk, and in shards."""

from __future__ import annotations

import pytest

from nas_lib.data import packing, rows


def take_as_large(patch: pytest.MonkeyPatch, *, shard_bytes: int) -> None:
    """Let data be large from the first byte, and shards have so many bytes of rows."""
    patch.setattr(rows, "_LARGE", 0)
    patch.setattr(rows, "_PIECE_BYTES", shard_bytes)
    patch.setattr(packing, "_SHARD_BYTES", shard_bytes)
