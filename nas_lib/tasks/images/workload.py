"""ImageWorkload: a super-network for images, and the images."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

import torch
import torch.nn.functional as F
from torch import Generator, Tensor

from nas_lib.config import AugmentConfig, ImageWeightsConfig, SharedConfig
from nas_lib.named_objects import imported
from nas_lib.networks import Regularisation
from nas_lib.seeds import Stream, seed_for
from nas_lib.shared_weights.image_layers import ImageSuperNetwork
from nas_lib.shared_weights.norm import (
    BatchNormMode,
    Fitted,
    Fitting,
    Statistics,
    statistics_of,
)
from nas_lib.shared_weights.workload import Batch, Tokens
from nas_lib.spaces import SpacePart
from nas_lib.tasks.images.batches import (
    ImageSplits,
    alternating_flips,
    evaluation_batches,
    num_training_batches,
    soon,
    training_batches,
)
from nas_lib.tasks.images.preparation import ImageManifest
from nas_lib.tasks.images.scoring import SCORINGS, Scoring

_UNCHANGED = AugmentConfig(pad=0, flip=False, cutout=0)


class ImageWorkload:
    """The `Workload` of images; scores are accuracies, or other means over images.

    The validation images are cut into batches of nearly equal size, none smaller than in training:
    so the rest of a division is no batch of its own, with a score that says little.
    """

    has_batch_norm = True

    def __init__(
        self,
        space: SpacePart,
        shared: SharedConfig,
        images: ImageSplits,
        manifest: ImageManifest,
        *,
        seed: int,
        device: torch.device,
        scoring: Scoring = SCORINGS["accuracy"],
    ) -> None:
        """Build the network, with weights from torch's own generator, and move all to the device.

        Args:
            space: What the network owns the weights of.
            shared: How it is trained and judged.
            images: Those that a search may see.
            manifest: What they are.
            seed: The search's: of the order of images and their random changes.
            device: Where to compute.
            scoring: What architectures are judged by: a mean over images.
        """
        self.measure, self._told = scoring.measure, scoring.told
        assert isinstance(shared.weights, ImageWeightsConfig)
        self._weights = shared.weights
        self.network = build_super_network(
            space,
            image_shape=manifest.image_shape,
            num_classes=manifest.num_classes,
            dropout=shared.weights.dropout,
            auxiliary=shared.weights.auxiliary_weight > 0,
        ).to(device)
        num_valid = len(images.valid.labels)
        self.num_validation_batches = max(1, num_valid // shared.weights.batch_size)
        self._train, self._valid = images.train.to(device), images.valid.to(device)
        self._shared, self._manifest = shared, manifest
        self._seed, self._device = seed, device

    def num_batches(self, epoch: int) -> int:
        """Return how many mini-batches an epoch has."""
        return num_training_batches(len(self._train.labels), self._weights.batch_size)

    def batches(self, epoch: int) -> Iterator[Batch]:
        """Yield an epoch's mini-batches, augmented; the device is never waited for."""
        generator = self._generator(Stream.SHARED_BATCHES, epoch)
        flipped_N = alternating_flips(
            len(self._train.labels), seed=seed_for(self._seed, Stream.SHARED_FLIPS), epoch=epoch
        ).to(self._device)
        batches = self._training_batches(self._weights.augment, generator, flipped_N)
        for x_BCHW, y_B in soon(batches, self._train.images, self._weights.batch_size):
            yield Batch(x_BCHW, y_B)

    def loss(self, batch: Batch, tokens: Tokens) -> tuple[Tensor, Tensor]:
        """Return the mean cross-entropy, with an auxiliary classifier's by its weight, and alone.

        The first one has the graph that leads to it.
        """
        self._set_training(True)
        with self._autocast():
            logits_BK, auxiliary_BK = self.network.both_logits(batch.inputs, tokens)
        loss = objective = F.cross_entropy(logits_BK.float(), batch.targets)
        if auxiliary_BK is not None:
            auxiliary_loss = F.cross_entropy(auxiliary_BK.float(), batch.targets)
            objective = loss + self._weights.auxiliary_weight * auxiliary_loss
        return objective, loss.detach()

    @torch.inference_mode()
    def quick_score(self, tokens: Tokens, *, number: int) -> float:
        """Return an architecture's score on one validation mini-batch.

        Numbers that follow each other go through all validation images in random order, then
        through all of them again in another one.
        """
        statistics = self._statistics(tokens, self._shared.batch_norm, Stream.REFIT, number)
        turn, index = divmod(number, self.num_validation_batches)
        generator = self._generator(Stream.VALIDATION_ORDER, turn)
        order_N = torch.randperm(len(self._valid.labels), generator=generator, device=self._device)
        index_B = torch.tensor_split(order_N, self.num_validation_batches)[index]
        num_right = self._num_right(index_B, tokens, statistics)
        return num_right.item() / len(index_B)

    @torch.inference_mode()
    def score(self, tokens: Tokens, *, mode: BatchNormMode) -> float:
        """Return an architecture's score on all validation images.

        To refit, every architecture is given the same training images.
        """
        statistics = self._statistics(tokens, mode, Stream.REFIT_ALL, 0)
        order_N = torch.arange(len(self._valid.labels), device=self._device)
        num_right = [
            self._num_right(index_B, tokens, statistics)
            for index_B in torch.tensor_split(order_N, self.num_validation_batches)
        ]
        return int(torch.stack(num_right).sum().item()) / len(order_N)

    def _statistics(
        self, tokens: Tokens, mode: BatchNormMode, stream: Stream, number: int
    ) -> Statistics:
        return statistics_of(mode, lambda: self._refitted(tokens, self._generator(stream, number)))

    def _refitted(self, tokens: Tokens, generator: Generator) -> Fitted:
        """Return the mean moments of an architecture on some training batches, unchanged."""
        self._set_training(False)
        fitting = Fitting()
        batches = self._training_batches(_UNCHANGED, generator)
        for x_BCHW, _ in islice(batches, self._shared.refit_batches):
            self._logits(x_BCHW, tokens, fitting)
        return Fitted(fitting.moments)

    def _num_right(self, index_B: Tensor, tokens: Tokens, statistics: Statistics) -> Tensor:
        """Return how many of these validation images are told rightly, a scalar."""
        self._set_training(False)
        ((x_BCHW, y_B),) = evaluation_batches(
            self._valid.images[index_B],
            self._valid.labels[index_B],
            batch_size=len(index_B),
            mean=self._manifest.mean,
            std=self._manifest.std,
        )
        return self._told(self._logits(x_BCHW, tokens, statistics), y_B).sum()

    def _training_batches(
        self,
        augment: AugmentConfig,
        generator: Generator,
        flipped_N: Tensor | None = None,
    ) -> Iterator[tuple[Tensor, Tensor]]:
        return training_batches(
            self._train.images,
            self._train.labels,
            batch_size=self._weights.batch_size,
            augment=augment,
            mean=self._manifest.mean,
            std=self._manifest.std,
            generator=generator,
            flipped_N=flipped_N,
        )

    def _set_training(self, is_training: bool) -> None:
        if self.network.training != is_training:  # telling thousands of modules takes its time
            self.network.train(is_training)

    def _logits(self, x_BCHW: Tensor, tokens: Tokens, statistics: Statistics) -> Tensor:
        """Return logits, `[B, K]`, in float32 whatever the network computes in."""
        with self._autocast():
            logits_BK: Tensor = self.network(x_BCHW, tokens, statistics)
        return logits_BK.float()

    def _autocast(self) -> torch.autocast:
        is_short = self._weights.precision == "bfloat16"
        return torch.autocast(self._device.type, torch.bfloat16, enabled=is_short)

    def _generator(self, stream: Stream, number: int) -> Generator:
        """Return a generator on the device, so that what it draws need not travel there."""
        return Generator(self._device).manual_seed(seed_for(self._seed, stream, number))


def build_super_network(
    space: SpacePart,
    *,
    image_shape: tuple[int, int, int],
    num_classes: int,
    dropout: float = 0.0,
    auxiliary: bool = False,
) -> ImageSuperNetwork:
    """Return the super-network of a space, with its first, random weights.

    Args:
        space: The space's settings, which name it.
        image_shape: Channels, height, width; the network runs on images of any size.
        num_classes: Classes.
        dropout: Fraction of the features before the classifier that is dropped in training.
        auxiliary: Whether one of cells has a second classifier in training.
    """
    network: ImageSuperNetwork = imported(space.super_network)(
        space,
        image_channels=image_shape[0],
        num_classes=num_classes,
        regularisation=Regularisation(dropout, auxiliary=auxiliary),
    )
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return network
