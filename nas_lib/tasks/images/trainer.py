"""ImageTrainer: a network that learns images, and how well it does on others.

Shapes: B images, C channels, H x W pixels, K classes.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import torch
from torch import Tensor, nn

from nas_lib.config import AugmentConfig, ImageChildrenConfig
from nas_lib.networks import (
    ImageNetwork,
    Regularisation,
    build_network,
    count,
    initialise,
    without_auxiliary,
)
from nas_lib.records import Child
from nas_lib.seeds import Stream, seed_for
from nas_lib.spaces import Plan
from nas_lib.tasks.images.batches import (
    Batch,
    ImageSplits,
    ImageTensors,
    alternating_flips,
    evaluation_batches,
    mixed,
    num_training_batches,
    soon,
    spread,
    standardised,
    training_batches,
)
from nas_lib.tasks.images.imbalance import check_class_weights
from nas_lib.tasks.images.preparation import ImageManifest
from nas_lib.tasks.images.scoring import SCORINGS, Scoring
from nas_lib.tasks.images.targets import TARGETS, Target
from nas_lib.training.epoch_trainer import EpochTrainer, Validation

_BATCH_SIZE = 64  # more fall out of a CPU's cache: 0.9 times the speed with 128, 0.6 with 512
_FIRST_LOOK = 512  # images that first weights may depend on, at most
_VALUES_LOOKED_AT = 2**24  # ... and of large ones fewer: these take 64 MiB


class ImageTrainer(EpochTrainer):
    """Trains one child on the mean cross-entropy of its classes, or the loss of another target.

    Its network has an auxiliary classifier if the settings want one; what is `kept` goes without.

    Attributes:
        pictures_augment: Random changes to pictures in place of the settings'.
    """

    pictures_augment: AugmentConfig | None = None

    def __init__(
        self,
        child: Child,
        plan: Plan,
        children: ImageChildrenConfig,
        images: ImageSplits,
        manifest: ImageManifest,
        device: torch.device,
        *,
        scoring: Scoring = SCORINGS["accuracy"],
    ) -> None:
        """Build the child's network, with first weights by its own seed.

        Args:
            child: Whose seed it is.
            plan: What to build.
            children: How it is trained.
            images: To train on, and to judge by.
            manifest: What they are.
            device: Where to compute.
            scoring: What it is judged by.
        """
        torch.manual_seed(seed_for(child.seed, Stream.FIRST_WEIGHTS))
        network = build_network(
            plan,
            image_shape=manifest.image_shape,
            num_classes=manifest.num_classes,
            regularisation=Regularisation(
                children.dropout, children.drop_path, auxiliary=children.auxiliary_weight > 0
            ),
            norm_epsilon=children.norm_epsilon,
            norm_momentum=children.norm_momentum,
        )
        if children.initialisation is not None:
            initialise(network, children.initialisation)
        cost = count(network, manifest.image_shape)
        self._image_network: ImageNetwork = network.to(device)
        self._image_network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        super().__init__(
            self._image_network,
            cost,
            children,
            measure=scoring.measure,
            seed=child.seed,
        )
        self._children, self._manifest, self._scoring = children, manifest, scoring
        self._target = TARGETS[manifest.target]
        self._train, self._valid = images.train.to(device), images.valid.to(device)
        if children.include_validation:
            self._train = self._train + self._valid
        names = manifest.class_names
        check_class_weights(children, names, where="children")
        self._weights = self._target.weights(children, self._train.labels, names)

    def kept(self) -> dict[str, Tensor]:
        """Return `best` without what only training needed, the auxiliary classifier."""
        return without_auxiliary(self.best)

    def _begin(self) -> None:
        num = _VALUES_LOOKED_AT // math.prod(self._manifest.image_shape)
        some = spread(self._train.images, max(1, min(_FIRST_LOOK, num)))
        self._image_network.begin(standardised(some, self._manifest.mean, self._manifest.std))

    def _num_steps(self, epoch: int) -> int:
        num_batches = num_training_batches(len(self._train.labels), self._children.batch_size)
        return num_batches * self._children.num_passes(num_batches)

    def _train_epoch(self, epoch: int) -> float:
        torch.manual_seed(seed_for(self._seed, Stream.DROPOUT, epoch))
        num_batches = self._num_steps(epoch)
        total_loss, num_images = torch.zeros((), device=self._train.labels.device), 0
        batches = soon(self._batches(epoch), self._train.images, self._children.batch_size)
        for number, (x_BCHW, targets) in enumerate(batches):
            progress = (epoch - 1 + number / num_batches) / self._children.epochs
            total_loss += len(targets) * self._learn(x_BCHW, targets, progress)
            num_images += len(targets)
        return total_loss.item() / num_images  # the epoch's one wait for the device

    def _batches(self, epoch: int) -> Iterator[Batch]:
        """Yield an epoch's batches, mixed where that is wanted: then targets are `[B, K]`."""
        generator = torch.Generator().manual_seed(seed_for(self._seed, Stream.BATCHES, epoch))
        for x_BCHW, y_B in self._passes(epoch, generator):
            if not self._children.mixup:
                yield x_BCHW, y_B
                continue
            yield mixed(
                x_BCHW,
                y_B,
                alpha=self._children.mixup,
                num_classes=self._manifest.num_classes,
                generator=generator,
            )

    def _passes(self, epoch: int, generator: torch.Generator) -> Iterator[Batch]:
        """Yield the batches of all passes through the images that an epoch has."""
        num_images, children = len(self._train.labels), self._children
        num = children.num_passes(num_training_batches(num_images, children.batch_size))
        for number in range((epoch - 1) * num + 1, epoch * num + 1):
            yield from training_batches(
                self._train.images,
                self._train.labels,
                batch_size=children.batch_size,
                augment=self.pictures_augment or children.augment,
                mean=self._manifest.mean,
                std=self._manifest.std,
                generator=generator,
                flipped_N=alternating_flips(
                    num_images, seed=seed_for(self._seed, Stream.FLIPS), epoch=number
                ).to(self._train.labels.device),
                sampling=children.sampling,
            )

    def _learn(self, x_BCHW: Tensor, targets: Tensor, progress: float) -> Tensor:
        """Make one step of SGD; return the loss before it, without the auxiliary classifier's."""
        self._image_network.progress = progress
        logits_BK, auxiliary_BK = self._image_network.both_logits(
            x_BCHW.contiguous(memory_format=torch.channels_last)
        )
        loss = objective = self._loss(logits_BK, targets)
        if auxiliary_BK is not None:
            auxiliary_loss = self._loss(auxiliary_BK, targets)
            objective = loss + self._children.auxiliary_weight * auxiliary_loss
        self._step(objective, progress)
        return loss.detach()

    def _loss(self, logits_BK: Tensor, targets: Tensor) -> Tensor:
        smoothing = self._children.label_smoothing
        return self._target.loss(logits_BK, targets, weights=self._weights, smoothing=smoothing)

    def _validate(self) -> Validation:
        mean, std = self._manifest.mean, self._manifest.std
        return evaluate(
            self.judged,
            self._valid,
            mean=mean,
            std=std,
            scoring=self._scoring,
            target=self._target,
        )


@torch.inference_mode()
def evaluate(
    network: nn.Module,
    images: ImageTensors,
    *,
    mean: Sequence[float],
    std: Sequence[float],
    scoring: Scoring = SCORINGS["accuracy"],
    target: Target = TARGETS["class"],
) -> Validation:
    """Return a network's mean loss and score; the network is left in evaluation mode.

    Args:
        network: From images to logits, on any device.
        images: All of them are used; they are copied to the network's device.
        mean: Of each channel, as the network was trained with.
        std: Likewise.
        scoring: What the score is.
        target: What is told of an image.
    """
    network.eval()
    device = next(network.parameters()).device
    here = images.to(device)
    total_loss = torch.zeros((), dtype=torch.float64, device=device)
    told, num_classes = [], 0
    for x_BCHW, y_B in _unchanged(here, mean, std):
        logits_BK = network(x_BCHW.contiguous(memory_format=torch.channels_last))
        total_loss += target.total_loss(logits_BK, y_B)
        told.append(scoring.told(logits_BK, y_B))
        num_classes = logits_BK.shape[1]
    score = scoring.score(torch.cat(told), here.labels, num_classes)
    return Validation(total_loss.item() / len(images.labels), score)


@torch.inference_mode()
def all_logits(
    network: nn.Module, images: ImageTensors, *, mean: Sequence[float], std: Sequence[float]
) -> Tensor:
    """Return a network's logits for each image, `[N, K]` on its device; otherwise as `evaluate`."""
    network.eval()
    here = images.to(next(network.parameters()).device)
    logits = (
        network(x_BCHW.contiguous(memory_format=torch.channels_last))
        for x_BCHW, _ in _unchanged(here, mean, std)
    )
    return torch.cat(list(logits))


def _unchanged(
    images: ImageTensors, mean: Sequence[float], std: Sequence[float]
) -> Iterator[Batch]:
    """Yield batches for evaluation, of a size that is quick."""
    batches = evaluation_batches(
        images.images, images.labels, batch_size=_BATCH_SIZE, mean=mean, std=std
    )
    return soon(batches, images.images, _BATCH_SIZE)
