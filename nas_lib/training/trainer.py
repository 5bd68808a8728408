"""Trainer: a network, its optimiser and what its epochs have come to."""

from __future__ import annotations

import time

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from nas_lib.config import ChildrenConfig
from nas_lib.data import DataManifest
from nas_lib.data.batches import num_training_batches, training_batches
from nas_lib.data.loading import ImageSplits
from nas_lib.networks import Regularisation, build_network, count, without_auxiliary
from nas_lib.records import Child, EpochMetrics
from nas_lib.training.checkpoints import Checkpoint
from nas_lib.training.epochs import BATCHES, DROPOUT, check_finite, epoch_seed
from nas_lib.training.evaluation import evaluate
from nas_lib.training.momentum import momentum_of, set_momentum
from nas_lib.training.schedule import best_epoch, learning_rate


class Trainer:
    """Trains one child, epoch by epoch, by SGD on the mean cross-entropy.

    The validation images are looked at after each epoch and change nothing but `best`. Each
    epoch's randomness comes from the child's seed and the epoch, so a restored trainer goes on
    exactly as it would have. Dropout draws from torch's global generator, which is seeded for that.

    Attributes:
        network: The network, on the device, with an auxiliary classifier if the settings want one.
        cost: Its size.
        epochs: Metrics of the finished epochs.
    """

    def __init__(
        self,
        child: Child,
        children: ChildrenConfig,
        images: ImageSplits,
        manifest: DataManifest,
        device: torch.device,
    ) -> None:
        torch.manual_seed(child.seed)
        network = build_network(
            child.architecture,
            image_shape=manifest.image_shape,
            num_classes=manifest.num_classes,
            regularisation=Regularisation(
                children.dropout, children.drop_path, auxiliary=children.auxiliary_weight > 0
            ),
        )
        self.cost = count(network, manifest.image_shape)
        self.network = network.to(device).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.epochs: list[EpochMetrics] = []
        self._best: dict[str, Tensor] = {}
        self._optimizer = torch.optim.SGD(
            self.network.parameters(),
            children.learning_rate,
            momentum=children.momentum,
            nesterov=children.nesterov,
            weight_decay=children.weight_decay,
        )
        self._train, self._valid = images.train.to(device), images.valid.to(device)
        self._seed, self._children, self._manifest = child.seed, children, manifest

    @property
    def best(self) -> dict[str, Tensor]:
        """The state dict after the epoch that counts; empty before the last epochs.

        What only training needed, the auxiliary classifier, is left out.
        """
        return without_auxiliary(self._best)

    @property
    def is_done(self) -> bool:
        """Whether all epochs are finished."""
        return len(self.epochs) == self._children.epochs

    def run_epoch(self) -> EpochMetrics:
        """Train for one epoch, then look at the validation images.

        Raises:
            DivergedError: The loss or a weight is no finite number.
        """
        epoch, started_s = len(self.epochs) + 1, time.perf_counter()
        train_loss = self._train_epoch(epoch)
        valid = evaluate(
            self.network, self._valid, mean=self._manifest.mean, std=self._manifest.std
        )
        check_finite(epoch, train_loss, valid.loss, self.network)
        metrics = EpochMetrics(
            epoch,
            train_loss,
            valid.loss,
            valid.accuracy,
            learning_rate=learning_rate(self._children, (epoch - 1) / self._children.epochs),
            seconds=time.perf_counter() - started_s,
        )
        self.epochs.append(metrics)
        if best_epoch(self.epochs, self._children) is metrics:
            self._best = {name: x.clone() for name, x in self.network.state_dict().items()}
        return metrics

    def checkpoint(self) -> Checkpoint:
        """Return the state after the last finished epoch; valid until the next one begins."""
        momentum = momentum_of(self.network, self._optimizer)
        return Checkpoint(tuple(self.epochs), self.network.state_dict(), momentum, self._best)

    def restore(self, checkpoint: Checkpoint) -> None:
        """Go on from a checkpoint that fits the network."""
        self.epochs = list(checkpoint.epochs)
        self.network.load_state_dict(dict(checkpoint.model))
        set_momentum(self.network, self._optimizer, checkpoint.momentum)
        self._best = dict(checkpoint.best)

    def _train_epoch(self, epoch: int) -> float:
        """Return the mean loss over the images, each as it was before its own step."""
        self.network.train()
        torch.manual_seed(epoch_seed(self._seed, epoch, DROPOUT))
        batches = training_batches(
            self._train.images,
            self._train.labels,
            batch_size=self._children.batch_size,
            augment=self._children.augment,
            mean=self._manifest.mean,
            std=self._manifest.std,
            generator=torch.Generator().manual_seed(epoch_seed(self._seed, epoch, BATCHES)),
        )
        num_batches = num_training_batches(len(self._train.labels), self._children.batch_size)
        total_loss, num_images = torch.zeros((), device=self._train.labels.device), 0
        for number, (x_BCHW, y_B) in enumerate(batches):
            progress = (epoch - 1 + number / num_batches) / self._children.epochs
            total_loss += len(y_B) * self._step(x_BCHW, y_B, progress)
            num_images += len(y_B)
        return total_loss.item() / num_images  # the epoch's one wait for the device

    def _step(self, x_BCHW: Tensor, y_B: Tensor, progress: float) -> Tensor:
        """Make one step of SGD; return the loss before it, without the auxiliary classifier's."""
        self._optimizer.param_groups[0]["lr"] = learning_rate(self._children, progress)
        self.network.progress = progress
        logits_BK, auxiliary_BK = self.network.both_logits(
            x_BCHW.contiguous(memory_format=torch.channels_last)
        )
        loss = objective = F.cross_entropy(logits_BK, y_B)
        if auxiliary_BK is not None:
            auxiliary_loss = F.cross_entropy(auxiliary_BK, y_B)
            objective = loss + self._children.auxiliary_weight * auxiliary_loss
        self._optimizer.zero_grad(set_to_none=True)
        objective.backward()  # type: ignore[no-untyped-call]
        if self._children.clip_norm is not None:
            nn.utils.clip_grad_norm_(self.network.parameters(), self._children.clip_norm)
        self._optimizer.step()
        return loss.detach()
