"""Which images train, which are held out for the reward, and which for the test."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from nas_lib.config import TaskConfig
from nas_lib.data.raw import LabelledImages, RawImages
from nas_lib.errors import DataError

_Indices = npt.NDArray[np.intp]


@dataclass(frozen=True, eq=False)
class Split:
    """The three parts of a data set; no image is in two of them."""

    train: LabelledImages
    valid: LabelledImages
    test: LabelledImages


def split_images(raw: RawImages, task: TaskConfig, *, seed: int) -> Split:
    """Shuffle the training images and divide them; the data set's own test images stay whole.

    Raises:
        DataError: There are too few images for the fractions, or a class has none to train on.
    """
    train, valid, test = split_indices(
        len(raw.train), task, has_test=raw.test is not None, seed=seed
    )
    split = Split(
        train=raw.train.take(train),
        valid=raw.train.take(valid),
        test=raw.train.take(test) if raw.test is None else raw.test,
    )
    _check(split, raw)
    return split


def split_indices(
    num_images: int, task: TaskConfig, *, has_test: bool, seed: int
) -> tuple[_Indices, _Indices, _Indices]:
    """Return the indices of the training, validation and test images, each in random order.

    The test images do not depend on `task.max_train` and `task.valid_fraction`.
    """
    order = np.random.default_rng(seed).permutation(num_images)
    num_test = 0 if has_test else round(task.test_fraction * num_images)
    pool = order[num_test:][: task.max_train]
    num_valid = round(task.valid_fraction * len(pool))
    return pool[num_valid:], pool[:num_valid], order[:num_test]


def _check(split: Split, raw: RawImages) -> None:
    sizes = [len(split.train), len(split.valid), len(split.test)]
    if 0 in sizes:
        raise DataError(
            f"{raw.source}: {len(raw.train)} images are too few for these fractions: training, "
            f"validation and test would get {', '.join(map(str, sizes))}"
        )
    counts = np.bincount(split.train.labels, minlength=len(raw.class_names))
    if 0 in counts:
        name = raw.class_names[int(counts.argmin())]
        raise DataError(
            f"{raw.source}: class {name!r} has no image among the {len(split.train)} left to "
            f"train on: it needs more images, or a smaller part held out"
        )
