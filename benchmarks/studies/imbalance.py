"""What weights and sampling are worth where some classes have few images.

`python -m benchmarks.studies.imbalance`: scikit-learn's digits with a long tail, so that the
commonest digit has 20 times as many training images as the rarest; which digits those are, a seed
decides. One network, trained by each setting; the test has 70 images of every digit.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load

from benchmarks.studies.study import RUNS, compare_arms, write_result
from nas_lib.architecture import Architecture
from nas_lib.config import (
    AugmentConfig,
    CnnSpaceConfig,
    ImageChildrenConfig,
    ImageTaskConfig,
    NpzData,
    RewardConfig,
    SearchConfig,
)
from nas_lib.records import Child
from nas_lib.seeds import Stream, seed_for
from nas_lib.spaces import CnnPlan
from nas_lib.tasks.images.batches import ImageSplits, ImageTensors
from nas_lib.tasks.images.preparation import ImageManifest
from nas_lib.tasks.images.scoring import SCORINGS
from nas_lib.tasks.images.task import ImageTask
from nas_lib.tasks.images.trainer import ImageTrainer, all_logits

SEEDS = (1, 2, 3)
ARMS: Mapping[str, Mapping[str, Any]] = {
    "none": {},
    "weights": {"class_weights": "balanced"},
    "sampling": {"sampling": "balanced"},
}
MOST, RATIO, NUM_TEST = 100, 20, 70  # images of the commonest class, times the rarest, of the test
NUM_RARE = 3
PLAN = CnnPlan.parse("conv 3x3x16/1x1 <- image | conv 3x3x24/1x1 <- 1 | conv 3x3x24/1x1 <- 2")


def class_sizes(num_classes: int) -> list[int]:
    """Return how many training images classes have, the commonest first."""
    places = np.arange(num_classes) / (num_classes - 1)
    return [round(MOST / RATIO**place) for place in places.tolist()]


def write_digits(path: Path, seed: int) -> ImageTaskConfig:
    """Write digits with a long tail, and a test in which all are as common."""
    from sklearn.datasets import load_digits

    digits, rng = load_digits(), np.random.default_rng(seed)
    train, test = [], []
    for digit, size in zip(rng.permutation(10), class_sizes(10), strict=True):
        own = rng.permutation(np.flatnonzero(digits.target == digit))
        test.append(own[:NUM_TEST])
        train.append(own[NUM_TEST : NUM_TEST + size])
    images = (digits.images * 255 / 16).astype(np.uint8)
    arrays: dict[str, Any] = {}
    for name, parts in (("train", train), ("test", test)):
        rows = np.concatenate(parts)
        arrays |= {f"x_{name}": images[rows], f"y_{name}": digits.target[rows]}
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez(path, **arrays)
    return ImageTaskConfig(data=NpzData(path=str(path)), valid_fraction=0.2)


def children(arm: str) -> ImageChildrenConfig:
    """Return how the network is trained."""
    return ImageChildrenConfig(
        epochs=40,
        batch_size=32,
        schedule="cosine",
        weight_decay=1e-3,
        augment=AugmentConfig(pad=1, flip=False),
        reward=RewardConfig(last_epochs=1),
        **ARMS[arm],
    )


def measured(arm: str, seed: int, folder: Path) -> dict[str, float]:
    """Train the network, and return what it comes to on the test, each measure by its name."""
    config = SearchConfig(
        seed=seed,
        task=write_digits(folder / f"{seed}.npz", seed),
        space=CnnSpaceConfig(),
        children=children(arm),
    )
    task = ImageTask(config)
    prepared = task.prepare()
    found, test = load(prepared.search_blob), load(prepared.test_blob)
    images = ImageSplits(_part(found, "train"), _part(found, "valid"))
    child = Child(
        "r000-000000-00", Architecture("cnn", (), str(PLAN)), seed_for(seed, Stream.CHILD, 0, 0, 0)
    )
    manifest = prepared.manifest
    assert isinstance(manifest, ImageManifest)
    cpu = torch.device("cpu")
    trainer = ImageTrainer(child, PLAN, children(arm), images, manifest, cpu)
    while not trainer.is_done:
        trainer.run_epoch()
    held_out = _part(test, "test")
    logits_NK = all_logits(trainer.judged, held_out, mean=manifest.mean, std=manifest.std)
    return told(logits_NK, held_out.labels, images.train.labels)


def told(logits_NK: torch.Tensor, y_N: torch.Tensor, trained_N: torch.Tensor) -> dict[str, float]:
    """Return what a test comes to, with how common classes are in training."""
    num_classes = logits_NK.shape[1]
    share_K = trained_N.bincount(minlength=num_classes) / len(trained_N)
    right_N = logits_NK.argmax(dim=1) == y_N
    recall_K = torch.stack([right_N[y_N == each].float().mean() for each in range(num_classes)])
    scores = {name: SCORINGS[name].of(logits_NK, y_N) for name in ("balanced_accuracy", "macro_f1")}
    return {
        **scores,
        "recall of the rarest three": recall_K[share_K.argsort()[:NUM_RARE]].mean().item(),
        "recall of the commonest three": recall_K[share_K.argsort()[-NUM_RARE:]].mean().item(),
        "accuracy, classes as common as in training": (recall_K * share_K).sum().item(),
    }


def _part(tensors: Mapping[str, torch.Tensor], name: str) -> ImageTensors:
    return ImageTensors(tensors[f"{name}_images"], tensors[f"{name}_labels"])


def main() -> None:
    """Train all, and print the comparison."""
    torch.set_num_threads(1)
    folder = RUNS / "imbalance"
    found = {arm: [measured(arm, seed, folder) for seed in SEEDS] for arm in ARMS}
    compare_arms("Digits with a long tail", found, base="none", others=["weights", "sampling"])
    sizes = class_sizes(10)
    write_result("imbalance", {"seeds": SEEDS, "class_sizes": sizes, "trainings": found})


if __name__ == "__main__":
    main()
