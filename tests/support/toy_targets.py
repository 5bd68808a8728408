"""Toy images that have two labels, rows and columns, both or neither; or a number."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from toy_images import SHAPE

from nas_lib.config import ImageTarget, ImageTaskConfig, NpzData

LABELS = ("rows", "columns")


def toy_targets(target: ImageTarget, num: int, seed: int) -> tuple[Any, Any]:
    """Return images `[N, H, W, 1]` with labels `[N, 2]` or numbers `[N]`.

    Every other row is brighter by 1 with the first label, every other column with the second. A
    number is 100, and 10 more for each unit by which the whole image is brighter.
    """
    rng = np.random.default_rng(seed)
    labels, numbers = rng.integers(0, 2, (num, 2)), rng.uniform(0, 4, num)
    images = rng.normal(0, 0.3, (num, *SHAPE))
    if target == "labels":
        images[labels[:, 0] == 1, :, ::2, :] += 1
        images[labels[:, 1] == 1, :, :, ::2] += 1
    else:
        images += numbers[:, None, None, None]
    told = labels if target == "labels" else 100 + 10 * numbers
    return images.transpose(0, 2, 3, 1).astype(np.float32), told


def write_targets(path: Path, target: ImageTarget, *, seed: int = 1) -> ImageTaskConfig:
    """Write 135 images to train on and hold out from, and 60 to test."""
    train, test = toy_targets(target, 135, seed), toy_targets(target, 60, seed + 2)
    names = {"label_names": np.array(LABELS)} if target == "labels" else {}
    np.savez(path, x_train=train[0], y_train=train[1], x_test=test[0], y_test=test[1], **names)
    return ImageTaskConfig(target=target, data=NpzData(path=str(path)), valid_fraction=1 / 3)
