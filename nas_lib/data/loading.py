"""Prepared data as torch tensors that lie in the file, not in the process's own memory."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from nas_lib.errors import CorruptStateError


@dataclass(frozen=True, eq=False)
class ImageTensors:
    """Images `[N, C, H, W]` (uint8 or float32) and their class indices `[N]` (int64)."""

    images: Tensor
    labels: Tensor

    def to(self, device: torch.device | str) -> ImageTensors:
        """Return the same on another device."""
        return ImageTensors(self.images.to(device), self.labels.to(device))


@dataclass(frozen=True, eq=False)
class ImageSplits:
    """All the images that a search may see."""

    train: ImageTensors
    valid: ImageTensors


@dataclass(frozen=True, eq=False)
class TextSplits:
    """All the text that a search may see: indices of words (int32), `[N]` and `[M]`."""

    train: Tensor
    valid: Tensor

    def to(self, device: torch.device | str) -> TextSplits:
        """Return the same on another device."""
        return TextSplits(self.train.to(device), self.valid.to(device))


def load_images(path: Path) -> ImageSplits:
    """Map a search blob's file into memory: its pages are read when used, and shared by processes.

    Raises:
        CorruptStateError: The file is damaged, or no such blob.
    """
    tensors = _load(path, ("train", "valid"))
    return ImageSplits(train=tensors["train"], valid=tensors["valid"])


def load_test_images(path: Path) -> ImageTensors:
    """Map a test blob's file into memory.

    Raises:
        CorruptStateError: The file is damaged, or no such blob.
    """
    return _load(path, ("test",))["test"]


def load_text(path: Path) -> TextSplits:
    """Map a text's search blob into memory.

    Raises:
        CorruptStateError: The file is damaged, or no such blob.
    """
    train, valid = _tensors(path, ("train", "valid"))
    return TextSplits(train, valid)


def load_test_text(path: Path) -> Tensor:
    """Map a text's test blob into memory; return the indices of its words (int32), `[N]`.

    Raises:
        CorruptStateError: The file is damaged, or no such blob.
    """
    (test,) = _tensors(path, ("test",))
    return test


def _load(path: Path, parts: tuple[str, ...]) -> dict[str, ImageTensors]:
    names = tuple(f"{part}_{what}" for part in parts for what in ("images", "labels"))
    tensors = _tensors(path, names)
    pairs = zip(tensors[::2], tensors[1::2], strict=True)
    return {part: ImageTensors(*pair) for part, pair in zip(parts, pairs, strict=True)}


def _tensors(path: Path, names: tuple[str, ...]) -> tuple[Tensor, ...]:
    """Return the file's tensors of these names."""
    try:
        tensors = load_file(path)
        return tuple(tensors[name] for name in names)
    except (SafetensorError, KeyError) as err:
        raise CorruptStateError(
            f"{path}: expected prepared data with {' and '.join(names)}: {err}"
        ) from err
