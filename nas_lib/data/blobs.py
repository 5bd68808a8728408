"""Prepared data as blobs: what they are, and what they are known by."""

from __future__ import annotations

import hashlib
from dataclasses import field

from pydantic.dataclasses import dataclass as checked_dataclass

from nas_lib.records import STRICT, Count


@checked_dataclass(frozen=True, config=STRICT)
class BlobInfo:
    """How to recognise a blob: its SHA-256 in hexadecimal digits, and its length."""

    sha256: str
    num_bytes: Count

    @classmethod
    def of(cls, data: bytes) -> BlobInfo:
        """Return what these bytes are recognised by."""
        return cls(sha256=hashlib.sha256(data).hexdigest(), num_bytes=len(data))

    def __str__(self) -> str:
        return f"{self.num_bytes:,} bytes of SHA-256 {self.sha256}"


@checked_dataclass(frozen=True, config=STRICT)
class Manifest:
    """What was prepared, without the data; each task's says more.

    Attributes:
        content_hash: Of all arrays and what their indices stand for; not of where they came from.
        source: What was read, for people.
        num_train: Training examples.
        num_valid: Examples for the reward.
        num_test: Test examples.
        search_blob: The training and validation examples, all that a search may see.
        test_blob: The test examples.
        search_shards: Of large data, the rows of what does not lie in `search_blob`, in order;
            empty where that has all.
        test_shards: Likewise of the test.
        notices: A sentence on each thing that a user would not guess: what was left out, or taken
            for something else than its name says. Not part of the content.
    """

    content_hash: str
    source: str
    num_train: Count
    num_valid: Count
    num_test: Count
    search_blob: BlobInfo
    test_blob: BlobInfo
    search_shards: tuple[BlobInfo, ...] = field(default=(), kw_only=True)
    test_shards: tuple[BlobInfo, ...] = field(default=(), kw_only=True)
    notices: tuple[str, ...] = field(default=(), kw_only=True)
