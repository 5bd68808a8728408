"""A small task that a network learns in a second: rows, columns, or neither."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch

from nas_lib.architecture import Architecture
from nas_lib.config import (
    AugmentConfig,
    CnnSpaceConfig,
    DepthConfig,
    ImageChildrenConfig,
    ImageTaskConfig,
    NpzData,
    RewardConfig,
)
from nas_lib.data import BlobInfo
from nas_lib.records import Child
from nas_lib.spaces import CnnPlan, Plan
from nas_lib.tasks.images.batches import ImageSplits, ImageTensors
from nas_lib.tasks.images.preparation import ImageManifest
from nas_lib.tasks.images.trainer import ImageTrainer

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

MANIFEST = ImageManifest(
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

IMAGE_SPACE = CnnSpaceConfig(
    filter_heights=(1, 3),
    filter_widths=(1, 2),
    num_filters=(6, 8),
    pool_layers=(2,),
    depth=DepthConfig(start=3, max=3),
)
PLAN = CnnPlan.parse("conv 3x1x8/1x1 <- image | max_pool 2x2/2x2 <- 1 | conv 1x2x6/1x1 <- 1,2")
CHILD = Child(
    "r000-000000-00",
    IMAGE_SPACE.build().decode(IMAGE_SPACE.build().encode(Architecture("cnn", (), str(PLAN)))),
    seed=5,
)


def write_toy_images(path: Path, *, seed: int = 1) -> ImageTaskConfig:
    """Write such images into an archive: 90 to train on, 45 to hold out, and 60 to test."""
    train, test = toy_images(135, seed), toy_images(60, seed + 2)
    np.savez(
        path,
        x_train=train.images.numpy().transpose(0, 2, 3, 1),
        y_train=train.labels.numpy(),
        x_test=test.images.numpy().transpose(0, 2, 3, 1),
        y_test=test.labels.numpy(),
    )
    return ImageTaskConfig(data=NpzData(path=str(path)), valid_fraction=1 / 3)


def children(**settings: Any) -> ImageChildrenConfig:
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
    return ImageChildrenConfig(**{**defaults, **settings})


def image_trainer(
    config: ImageChildrenConfig,
    *,
    images: ImageSplits = IMAGES,
    seed: int = 5,
    plan: Plan = PLAN,
    manifest: ImageManifest = MANIFEST,
) -> ImageTrainer:
    """Return the trainer of a child on the CPU."""
    child = Child(CHILD.id, CHILD.architecture, seed)
    return ImageTrainer(child, plan, config, images, manifest, torch.device("cpu"))
