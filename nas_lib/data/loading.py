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


def _load(path: Path, parts: tuple[str, ...]) -> dict[str, ImageTensors]:
    try:
        tensors = load_file(path)
        return {
            part: ImageTensors(tensors[f"{part}_images"], tensors[f"{part}_labels"])
            for part in parts
        }
    except (SafetensorError, KeyError) as err:
        raise CorruptStateError(
            f"{path}: expected prepared {' and '.join(parts)} data: {err}"
        ) from err
