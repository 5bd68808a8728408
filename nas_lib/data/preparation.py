"""From the user's data to what a search stores: split, measured, hashed and serialised."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from safetensors.numpy import save

from nas_lib.config import AnyTaskConfig, TaskConfig
from nas_lib.data.hashing import content_hash
from nas_lib.data.manifest import BlobInfo, DataManifest
from nas_lib.data.raw import LabelledImages, RawImages
from nas_lib.data.readers import read_images
from nas_lib.data.splitting import Split, split_images
from nas_lib.data.text_preparation import PreparedText, prepare_text

_Array = npt.NDArray[Any]

_CHUNK = 1024  # images in float64 at a time


@dataclass(frozen=True)
class PreparedImages:
    """Data ready for a search; the blobs are safetensors files (see `nas_lib.data.loading`)."""

    manifest: DataManifest
    search_blob: bytes
    test_blob: bytes


Prepared = PreparedImages | PreparedText
"""Data of any task, ready for a search."""


def prepare(task: AnyTaskConfig, seed: int) -> Prepared:
    """Read, check, split and serialise the task's data: a pure function of data and arguments.

    Raises:
        DataError: The data is missing, damaged, not what its format promises, or too small.
    """
    return prepare_images(task, seed) if isinstance(task, TaskConfig) else prepare_text(task)


def prepare_images(task: TaskConfig, seed: int) -> PreparedImages:
    """Prepare images, as `prepare` does."""
    raw = read_images(task.data)
    return _pack(split_images(raw, task, seed=seed), raw)


def _pack(split: Split, raw: RawImages) -> PreparedImages:
    search_arrays = _arrays("train", split.train) | _arrays("valid", split.valid)
    test_arrays = _arrays("test", split.test)
    search_blob, test_blob = save(search_arrays), save(test_arrays)
    mean, std = channel_statistics(split.train.images)
    manifest = DataManifest(
        content_hash=content_hash(search_arrays | test_arrays, raw.class_names),
        source=raw.source,
        class_names=raw.class_names,
        image_shape=split.train.images.shape[1:],
        dtype="uint8" if split.train.images.dtype == np.uint8 else "float32",
        num_train=len(split.train),
        num_valid=len(split.valid),
        num_test=len(split.test),
        mean=mean,
        std=std,
        search_blob=BlobInfo.of(search_blob),
        test_blob=BlobInfo.of(test_blob),
    )
    return PreparedImages(manifest, search_blob, test_blob)


def _arrays(name: str, part: LabelledImages) -> dict[str, _Array]:
    return {f"{name}_images": np.ascontiguousarray(part.images), f"{name}_labels": part.labels}


def channel_statistics(images: _Array) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Return mean and standard deviation of each channel, of uint8 images after division by 255.

    Args:
        images: `[N, C, H, W]`.

    Returns:
        C means and C deviations. A channel that never varies has deviation 1, so that it can be
        divided by.
    """
    chunks = [images[start : start + _CHUNK] for start in range(0, len(images), _CHUNK)]
    num_values = images[:, 0].size
    pixels = (0, 2, 3)
    mean = sum(chunk.sum(axis=pixels, dtype=np.float64) for chunk in chunks) / num_values
    centre = mean[:, np.newaxis, np.newaxis]
    variance = sum(((chunk - centre) ** 2).sum(axis=pixels) for chunk in chunks) / num_values
    unit = 255.0 if images.dtype == np.uint8 else 1.0
    std = np.where(variance > 0, np.sqrt(variance) / unit, 1.0)
    return tuple((mean / unit).tolist()), tuple(std.tolist())
