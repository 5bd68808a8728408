"""Trainer: a network, its optimiser and what its epochs have come to."""

from __future__ import annotations

import math
import time

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from nas_lib.config import ChildrenConfig
from nas_lib.data import DataManifest
from nas_lib.data.batches import num_training_batches, training_batches
from nas_lib.data.loading import ImageSplits
from nas_lib.errors import NasError
from nas_lib.networks import build_network, count
from nas_lib.records import Child, EpochMetrics
from nas_lib.training.checkpoints import Checkpoint
from nas_lib.training.evaluation import evaluate
from nas_lib.training.schedule import best_epoch, learning_rate


class DivergedError(NasError, ArithmeticError):
    """The loss or a weight is no finite number any more."""


class Trainer:
    """Trains one child, epoch by epoch, by SGD on the mean cross-entropy.

    The validation images are looked at after each epoch and change nothing but `best`. Each
    epoch's randomness comes from the child's seed and the epoch, so a restored trainer goes on
    exactly as it would have.

    Attributes:
        network: The network, on the device.
        cost: Its size.
        epochs: Metrics of the finished epochs.
        best: The state dict after the epoch that counts; empty before the last epochs.
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
        )
        self.cost = count(network, manifest.image_shape)
        self.network = network.to(device).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.epochs: list[EpochMetrics] = []
        self.best: dict[str, Tensor] = {}
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
        _check_finite(epoch, train_loss, valid.loss, self.network)
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
            self.best = {name: x.clone() for name, x in self.network.state_dict().items()}
        return metrics

    def checkpoint(self) -> Checkpoint:
        """Return the state after the last finished epoch; valid until the next one begins."""
        buffers = {
            name: self._optimizer.state[parameter].get("momentum_buffer")
            for name, parameter in self.network.named_parameters()
        }
        momentum = {name: buffer for name, buffer in buffers.items() if buffer is not None}
        return Checkpoint(tuple(self.epochs), self.network.state_dict(), momentum, self.best)

    def restore(self, checkpoint: Checkpoint) -> None:
        """Go on from a checkpoint that fits the network."""
        self.epochs = list(checkpoint.epochs)
        self.network.load_state_dict(dict(checkpoint.model))
        for name, parameter in self.network.named_parameters():
            if name in checkpoint.momentum:
                buffer = torch.empty_like(parameter).copy_(checkpoint.momentum[name])
                self._optimizer.state[parameter]["momentum_buffer"] = buffer
        self.best = dict(checkpoint.best)

    def _train_epoch(self, epoch: int) -> float:
        """Return the mean loss over the images, each as it was before its own step."""
        self.network.train()
        batches = training_batches(
            self._train.images,
            self._train.labels,
            batch_size=self._children.batch_size,
            augment=self._children.augment,
            mean=self._manifest.mean,
            std=self._manifest.std,
            generator=_generator(self._seed, epoch),
        )
        num_batches = num_training_batches(len(self._train.labels), self._children.batch_size)
        total_loss, num_images = torch.zeros((), device=self._train.labels.device), 0
        for number, (x_BCHW, y_B) in enumerate(batches):
            progress = (epoch - 1 + number / num_batches) / self._children.epochs
            total_loss += len(y_B) * self._step(x_BCHW, y_B, progress)
            num_images += len(y_B)
        return total_loss.item() / num_images  # the epoch's one wait for the device

    def _step(self, x_BCHW: Tensor, y_B: Tensor, progress: float) -> Tensor:
        """Make one step of SGD; return the loss before it."""
        self._optimizer.param_groups[0]["lr"] = learning_rate(self._children, progress)
        logits_BK = self.network(x_BCHW.contiguous(memory_format=torch.channels_last))
        loss = F.cross_entropy(logits_BK, y_B)
        self._optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        self._optimizer.step()
        return loss.detach()


def _generator(seed: int, epoch: int) -> torch.Generator:
    state = np.random.SeedSequence([seed, epoch]).generate_state(1, np.uint64)
    return torch.Generator().manual_seed(int(state[0]))


def _check_finite(epoch: int, train_loss: float, valid_loss: float, network: nn.Module) -> None:
    for name, loss in (("training", train_loss), ("validation", valid_loss)):
        if not math.isfinite(loss):
            raise DivergedError(f"in epoch {epoch} the {name} loss became {loss}")
    # BatchNorm and ReLU can hide an infinite weight from the loss
    finite = [torch.isfinite(tensor).all() for tensor in network.state_dict().values()]
    if not torch.stack(finite).all():
        raise DivergedError(f"in epoch {epoch} a weight became infinite or not a number")
