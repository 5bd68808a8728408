"""From the user's images to what a search stores: split, measured, hashed and serialised."""

from __future__ import annotations

import math
from functools import partial
from typing import Annotated, Literal

import numpy as np
from pydantic import Field
from pydantic.dataclasses import dataclass as checked_dataclass

from nas_lib.bounds import Side
from nas_lib.config import ImageTarget, ImageTaskConfig
from nas_lib.data import Manifest, Prepared, prepared
from nas_lib.data.allowance import Allowance
from nas_lib.data.rows import Rows, is_large, num_bytes_of, pieces
from nas_lib.errors import DataError
from nas_lib.records import STRICT
from nas_lib.tasks.images.channels import exact_statistics
from nas_lib.tasks.images.raw import LabelledImages, RawImages
from nas_lib.tasks.images.readers import read_images
from nas_lib.tasks.images.splitting import Split, split_images
from nas_lib.tasks.images.targets import TARGETS

_CHUNK = 1024  # images in float64 at a time
_MOST_AT_ONCE = 256 * 2**20  # bytes of all images; of more, fewer at a time
_VALUES_AT_ONCE = 2**22


@checked_dataclass(frozen=True, config=STRICT)
class ImageManifest(Manifest):
    """What was prepared.

    Attributes:
        class_names: In the order of the indices of classes or labels; what the number is called.
        image_shape: Channels, height, width.
        dtype: `uint8` images are divided by 255 before anything else, `float32` ones are not.
        mean: Of each channel over the training images, after that division.
        std: Likewise; 1 for a channel that never varies.
        range_32: Of pictures of 32 bits, what became 0 to 255; None where there were none.
        target: What is told of an image.
        target_mean: Of the training images' numbers, which is taken out of all of them before they
            are stored; 0 where there are none.
        target_std: Likewise their deviation, by which they are divided; 1 where there are none.
    """

    class_names: tuple[str, ...]
    image_shape: tuple[Side, Side, Side]
    dtype: Literal["uint8", "float32"]
    mean: tuple[float, ...]
    std: tuple[float, ...]
    range_32: tuple[float, float] | None = None
    target: ImageTarget = "class"
    target_mean: float = 0.0
    target_std: Annotated[float, Field(gt=0)] = 1.0

    @property
    def num_classes(self) -> int:
        """How many classes there are to tell apart, or labels; a network's outputs: 1 number."""
        return len(self.class_names)


def prepare_images(task: ImageTaskConfig, seed: int, allowance: Allowance) -> Prepared:
    """Read, check, split and serialise the images: a pure function of data and arguments.

    Args:
        task: What the data are, and how they are split.
        seed: The search's.
        allowance: How much memory they may take unpacked.

    Raises:
        DataError: The data is missing, damaged, not what its format promises, too small, or
            larger than allowed.
    """
    return prepared_images(read_images(task.data, allowance, task.target), task, seed)


def prepared_images(
    raw: RawImages,
    task: ImageTaskConfig,
    seed: int,
    *,
    manifest_class: type[ImageManifest] = ImageManifest,
) -> Prepared:
    """Split and serialise images, or what is like them, that were read.

    Args:
        raw: What was read.
        task: How they are split.
        seed: The search's.
        manifest_class: What is said of them.

    Raises:
        DataError: They are too few, or a score says nothing of them.
    """
    split = split_images(raw, task, seed=seed)
    _check_score(split, task, raw)
    mean, std = channel_statistics(split.train.images)
    target = TARGETS[raw.target]
    scale = target.scale(raw, split.train.labels)

    def arrays(name: str, part: LabelledImages) -> dict[str, Rows]:
        labels = target.stored(part.labels, scale)
        return {f"{name}_images": part.images, f"{name}_labels": labels}

    _, channels, height, width = split.train.images.shape
    manifest = partial(
        manifest_class,
        source=raw.source,
        class_names=raw.class_names,
        image_shape=(channels, height, width),
        dtype="uint8" if split.train.images.dtype == np.uint8 else "float32",
        num_train=len(split.train),
        num_valid=len(split.valid),
        num_test=len(split.test),
        mean=mean,
        std=std,
        range_32=raw.range_32,
        target=raw.target,
        target_mean=scale[0],
        target_std=scale[1],
        notices=(*raw.notices, *split.notices),
    )
    return prepared(
        manifest,
        search=arrays("train", split.train) | arrays("valid", split.valid),
        test=arrays("test", split.test),
        names=raw.class_names,
        cut=("train_images", "valid_images", "test_images"),
    )


def _check_score(split: Split, task: ImageTaskConfig, raw: RawImages) -> None:
    """Refuse a score that says nothing of these classes, or of the images held out.

    Raises:
        DataError: It is one.
    """
    scoring = TARGETS[raw.target].scoring(task.score)
    for name, part in (("validation", split.valid), ("test", split.test)):
        wrong = scoring.misfit(name, part.labels, num_classes=len(raw.class_names))
        if wrong:
            raise DataError(f"{raw.source}: task.score {task.score}: {wrong}")


def channel_statistics(images: Rows) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Return mean and standard deviation of each channel, of uint8 images after division by 255.

    Args:
        images: `[N, C, H, W]`.

    Returns:
        C means and C deviations. A channel that never varies has deviation 1, so that it can be
        divided by.
    """
    if images.dtype == np.uint8 and is_large(num_bytes_of(images)):
        means, deviations = exact_statistics(images, at_once=_num_at_once(images))
        unit = 255.0
        return tuple(each / unit for each in means), tuple(
            each / unit if each else 1.0 for each in deviations
        )
    num_values = math.prod(images.shape) // images.shape[1]
    num, axes = _num_at_once(images), (0, 2, 3)
    sums = (piece.sum(axis=axes, dtype=np.float64) for piece in pieces(images, num))
    mean = sum(sums) / num_values
    centre = mean[:, np.newaxis, np.newaxis]
    squares = (np.square(piece - centre).sum(axis=axes) for piece in pieces(images, num))
    variance = sum(squares) / num_values
    unit = 255.0 if images.dtype == np.uint8 else 1.0
    std = np.where(variance > 0, np.sqrt(variance) / unit, 1.0)
    return tuple((mean / unit).tolist()), tuple(std.tolist())


def _num_at_once(images: Rows) -> int:
    """Return how many images are in float64 at a time; the last digits depend on it."""
    if num_bytes_of(images) <= _MOST_AT_ONCE:
        return _CHUNK
    return max(1, _VALUES_AT_ONCE // math.prod(images.shape[1:]))
