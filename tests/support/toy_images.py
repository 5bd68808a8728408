"""A small task that a network learns in a second: rows, columns, or neither."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from nas_lib.architecture import Architecture
from nas_lib.config import AugmentConfig, ChildrenConfig, RewardConfig
from nas_lib.data.loading import ImageSplits, ImageTensors
from nas_lib.data.manifest import BlobInfo, DataManifest
from nas_lib.records import Child

CLASSES = ("rows", "columns", "noise")
SHAPE = (1, 6, 6)


def toy_images(num_images: int, seed: int) -> ImageTensors:
    """Return noise of deviation 0.5 in which every other row or column may be brighter by 1."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, len(CLASSES), num_images)
    images = rng.normal(0, 0.5, (num_images, *SHAPE))
    images[labels == 0, :, ::2, :] += 1
    images[labels == 1, :, :, ::2] += 1
    return ImageTensors(torch.from_numpy(images).float(), torch.from_numpy(labels))


IMAGES = ImageSplits(train=toy_images(90, seed=1), valid=toy_images(45, seed=2))

MANIFEST = DataManifest(
    content_hash="toy",
    source="toy",
    class_names=CLASSES,
    image_shape=SHAPE,
    dtype="float32",
    num_train=90,
    num_valid=45,
    num_test=0,
    mean=(0.3,),
    std=(0.7,),
    search_blob=BlobInfo.of(b""),
    test_blob=BlobInfo.of(b""),
)

CHILD = Child(
    "r000-000000-00",
    Architecture(
        "cnn", (), "conv 3x1x8/1x1 <- image | max_pool 2x2/2x2 <- 1 | conv 1x2x6/1x1 <- 1,2"
    ),
    seed=5,
)


def children(**settings: Any) -> ChildrenConfig:
    """Return a short training with a checkpoint after every epoch, and other settings if wanted."""
    defaults: dict[str, Any] = {
        "epochs": 5,
        "batch_size": 16,
        "learning_rate": 0.2,
        "schedule": "cosine",
        "augment": AugmentConfig(pad=1, flip=True),
        "reward": RewardConfig(last_epochs=3, power=3),
        "checkpoint_every_s": 0,
    }
    return ChildrenConfig(**{**defaults, **settings})
