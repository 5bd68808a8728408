"""DataManifest and TextManifest: what prepared data is, without the data."""

from __future__ import annotations

import hashlib
from typing import Literal

from pydantic import ConfigDict
from pydantic.dataclasses import dataclass

_STRICT = ConfigDict(extra="forbid", allow_inf_nan=False)


@dataclass(frozen=True, config=_STRICT)
class BlobInfo:
    """How to recognise a blob: its SHA-256 in hexadecimal digits, and its length."""

    sha256: str
    num_bytes: int

    @classmethod
    def of(cls, data: bytes) -> BlobInfo:
        """Return what these bytes are recognised by."""
        return cls(sha256=hashlib.sha256(data).hexdigest(), num_bytes=len(data))


@dataclass(frozen=True, config=_STRICT)
class DataManifest:
    """What was prepared.

    Attributes:
        content_hash: Of all arrays, their shapes and the class names; not of where they came from.
        source: What was read, for people.
        class_names: In the order of the class indices.
        image_shape: Channels, height, width.
        dtype: `uint8` images are divided by 255 before anything else, `float32` ones are not.
        num_train: Training images.
        num_valid: Images held out from them, for the reward.
        num_test: Test images.
        mean: Of each channel over the training images, after that division.
        std: Likewise; 1 for a channel that never varies.
        search_blob: The training and validation images, all that a search may see.
        test_blob: The test images.
    """

    content_hash: str
    source: str
    class_names: tuple[str, ...]
    image_shape: tuple[int, int, int]
    dtype: Literal["uint8", "float32"]
    num_train: int
    num_valid: int
    num_test: int
    mean: tuple[float, ...]
    std: tuple[float, ...]
    search_blob: BlobInfo
    test_blob: BlobInfo

    @property
    def num_classes(self) -> int:
        return len(self.class_names)


@dataclass(frozen=True, config=_STRICT)
class TextManifest:
    """What was prepared of a text.

    Attributes:
        content_hash: Of all words; not of where they came from.
        source: What was read, for people.
        words: The vocabulary, in the order of the words' indices.
        num_train: Words of the training text.
        num_valid: Words of the text for the reward.
        num_test: Words of the test text.
        search_blob: The training and validation texts, all that a search may see.
        test_blob: The test text.
    """

    content_hash: str
    source: str
    words: tuple[str, ...]
    num_train: int
    num_valid: int
    num_test: int
    search_blob: BlobInfo
    test_blob: BlobInfo

    @property
    def num_words(self) -> int:
        """Different words."""
        return len(self.words)


Manifest = DataManifest | TextManifest
"""Of any task's data."""
