"""ImageTask: images in classes, with labels, or with a number."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable
from typing import TYPE_CHECKING, cast

from nas_lib import buckets
from nas_lib.config import (
    ImageChildrenConfig,
    ImageTableData,
    ImageTaskConfig,
    SearchConfig,
    SharedConfig,
)
from nas_lib.data import LocalData, Manifest, Prepared
from nas_lib.errors import ConfigError, plural_of
from nas_lib.named_objects import imported
from nas_lib.records import Child
from nas_lib.spaces import Plan, SpacePart
from nas_lib.tasks.images.imbalance import check_class_weights
from nas_lib.tasks.images.preparation import ImageManifest, prepare_images
from nas_lib.tasks.images.readers.image_table import named_files_hash
from nas_lib.tasks.images.targets import TARGETS
from nas_lib.tasks.task import Evaluate
from nas_lib.tasks.trained import Tested, TrainedTask, hash_at

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn

    from nas_lib.networks import Cost
    from nas_lib.tasks.images.batches import ImageSplits
    from nas_lib.tasks.images.trainer import ImageTrainer
    from nas_lib.tasks.images.workload import ImageWorkload
    from nas_lib.training.epoch_trainer import EpochTrainer


class ImageTask(TrainedTask[ImageManifest]):
    """Images in classes, with labels, or with a number.

    Attributes:
        trainer_class: What trains a child, as `module:name`.
        target: What is told of them.
        scoring: What a score is.
    """

    example = "image"
    preload = (*TrainedTask.preload, "nas_lib.tasks.images.trainer")
    manifest_class = ImageManifest
    trainer_class = "nas_lib.tasks.images.trainer:ImageTrainer"

    def __init__(self, config: SearchConfig, *, evaluate: Evaluate | None = None) -> None:
        """Take what is to be learnt; see `Task`."""
        super().__init__(config, evaluate=evaluate)
        self.target = TARGETS[self._task.target]
        self.scoring = self.target.scoring(self._task.score)
        self.measure = self.scoring.measure

    def _prepared(self, task: ImageTaskConfig) -> Prepared:
        prepared = self._read(task)
        assert isinstance(prepared.manifest, ImageManifest)
        parts = {"children": self.config.children, "final.children": self.config.final.children}
        for where, part in parts.items():
            if isinstance(part, ImageChildrenConfig):
                check_class_weights(part, prepared.manifest.class_names, where=where)
        return prepared

    def _read(self, task: ImageTaskConfig) -> Prepared:
        return prepare_images(task, self.config.seed, self.allowance())

    def files_hash(self) -> str:
        """Return a hash of the user's files, those that a table names among them."""
        found, data = super().files_hash(), self._task.data
        if not found or not isinstance(data, ImageTableData):
            return found
        places = [place for place in (data.path, data.root) if place]
        if any(map(buckets.is_in_bucket, places)):  # then no line is read: all at the root counts
            named = hash_at(data.root) if data.root else ""
        else:
            named = named_files_hash(data, self._task.target)
        return hashlib.sha256(f"{found} {named}".encode()).hexdigest()

    def check_space(self, space: SpacePart, manifest: Manifest) -> None:
        """Refuse images with fewer pixels than the networks of a space make one of."""
        assert isinstance(manifest, ImageManifest)
        _, height, width = manifest.image_shape
        smallest = space.smallest_image
        if min(height, width) < smallest:
            raise ConfigError(
                f"networks of space.kind {space.kind} halve images of this size too often: "
                f"expected {smallest}x{smallest} pixels or more, got {height}x{width}"
            )

    def describe(self, manifest: Manifest) -> str:
        """Say in a sentence what was prepared."""
        assert isinstance(manifest, ImageManifest)
        channels, height, width = manifest.image_shape
        return (
            f"{manifest.source}: {manifest.num_train:,} training, {manifest.num_valid:,} "
            f"validation and {manifest.num_test:,} test images of {height}x{width}x{channels} "
            f"{TARGETS[manifest.target].describe(manifest)}"
        )

    def trainer(
        self,
        child: Child,
        plan: Plan,
        manifest: ImageManifest,
        data: LocalData,
        device: torch.device,
    ) -> ImageTrainer:
        """Return the trainer of a child."""
        images = split_images_of(data, manifest)
        made: ImageTrainer = imported(self.trainer_class)(
            child, plan, self._children, images, manifest, device, scoring=self.scoring
        )
        return made

    def network(self, plan: Plan, manifest: ImageManifest) -> nn.Module:
        """Return the network of a plan for these images."""
        from nas_lib.networks import build_network

        return build_network(
            plan,
            image_shape=manifest.image_shape,
            num_classes=manifest.num_classes,
            norm_epsilon=self._children.norm_epsilon,
        )

    def _cost(self, network: nn.Module, manifest: ImageManifest) -> Cost:
        from nas_lib.networks import count

        return count(network, manifest.image_shape)

    def kept(self, trainer: EpochTrainer) -> dict[str, Tensor]:
        """Return the best weights without those of the auxiliary classifier."""
        return cast("ImageTrainer", trainer).kept()

    def goodness(self, score: float) -> float:
        """Return the score itself, a fraction; or where less is better, 1 / (1 + score)."""
        return score if self.measure.higher_is_better else 1 / (1 + score)

    def about_scores(self) -> tuple[str, ...]:
        """Return paragraphs on rewards, and on the images they are taken on."""
        reward, measure, examples = self._children.reward, self.measure, plural_of(self.example)
        about = f"{self.scoring.about} " if self.scoring.about else ""
        if measure.higher_is_better:
            earned = f"the best {measure.name} of a child's last {reward.last_epochs} epochs, as a "
            earned += "fraction"
        else:
            earned = f"1 / (1 + m), where m is the best {measure.name} of a child's last "
            earned += f"{reward.last_epochs} epochs"
        return (
            f"{about}The reward is {earned}, to the power of {reward.power:g}. A power above 1 "
            "makes more of small differences among good networks.",
            f"Validation {examples} are held out: no child of a search is trained on them. Still, "
            f"the winner is the best of many on exactly these {examples}, so part of its lead is "
            f"luck and its {measure.name} flatters it. The test {examples} are used for nothing "
            "but one reading of the networks that the search recommends: their "
            f"{measure.test_name} is what to expect on new {examples}.",
        )

    def timed_step(self, plan: Plan, manifest: Manifest) -> Callable[[], object]:
        """Return what takes as long as a training step of this network, on random images."""
        import torch

        assert isinstance(manifest, ImageManifest)
        network = self.network(plan, manifest)
        images_BCHW = torch.randn(self._num_in_batch(manifest), *manifest.image_shape)
        return lambda: network(images_BCHW).sum().backward()

    def num_steps(self, manifest: Manifest) -> float:
        """Return the training steps of one child."""
        num_batches = self.num_learnt(manifest) / self._num_in_batch(manifest)
        num_passes = self._children.num_passes(math.ceil(num_batches))
        return self._children.epochs * num_passes * num_batches

    def _num_in_batch(self, manifest: Manifest) -> int:
        """Return the images of a training step: no more than there are."""
        return min(self._children.batch_size, self.num_learnt(manifest))

    def _tested(self, network: nn.Module, manifest: ImageManifest, data: LocalData) -> Tested:
        from nas_lib.tasks.images.batches import check_images, load_test_images
        from nas_lib.tasks.images.trainer import all_logits

        images = check_images("test", load_test_images(data), manifest, manifest.num_test)
        logits_NK = all_logits(network, images, mean=manifest.mean, std=manifest.std)
        return self.target.tested(self._task.score, logits_NK, images, manifest)

    def _workload(
        self, manifest: ImageManifest, data: LocalData, device: torch.device
    ) -> ImageWorkload:
        from nas_lib.tasks.images.workload import ImageWorkload

        config = self.config
        shared = cast(SharedConfig, config.search)
        images = split_images_of(data, manifest)
        return ImageWorkload(
            config.space,
            shared,
            images,
            manifest,
            seed=config.seed,
            device=device,
            scoring=self.scoring,
        )

    @property
    def _task(self) -> ImageTaskConfig:
        return cast(ImageTaskConfig, self.config.task)

    @property
    def _children(self) -> ImageChildrenConfig:
        return cast(ImageChildrenConfig, self.config.children)


def split_images_of(data: LocalData, manifest: ImageManifest) -> ImageSplits:
    """Return all that a search may see, as the manifest says."""
    from nas_lib.tasks.images.batches import check_images, load_images

    images = load_images(data)
    check_images("train", images.train, manifest, manifest.num_train)
    check_images("valid", images.valid, manifest, manifest.num_valid)
    return images
