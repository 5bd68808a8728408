"""TextTrainer: a language model, its optimiser and what its epochs have come to.

Shapes: T words of a piece of text, B columns.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from nas_lib.config import ChildrenConfig, TextTrainingConfig
from nas_lib.data import TextManifest
from nas_lib.data.loading import TextSplits
from nas_lib.data.text_batches import Piece, text_batches
from nas_lib.networks import build_language_model, count_language_model
from nas_lib.records import Child, EpochMetrics
from nas_lib.training.checkpoints import Checkpoint
from nas_lib.training.epochs import BATCHES, DROPOUT, DivergedError, check_finite, epoch_seed
from nas_lib.training.evaluation import perplexity, text_loss
from nas_lib.training.momentum import momentum_of, set_momentum
from nas_lib.training.schedule import best_epoch, learning_rate
from nas_lib.training.weight_average import WeightAverage, first_averaged_epoch


class TextTrainer:
    """Trains one child on a text, epoch by epoch, by SGD; otherwise as `Trainer` does.

    The state is zero at the start of an epoch and carried over from piece to piece, through which
    no gradient flows. Once weights are averaged, the average is what is judged and kept, while
    training goes on from the weights themselves.

    Attributes:
        network: The model, on the device.
        cost: Its size.
        epochs: Metrics of the finished epochs.
        best: The state dict after the epoch that counts; empty before the last epochs.
    """

    def __init__(
        self,
        child: Child,
        children: ChildrenConfig,
        text: TextSplits,
        manifest: TextManifest,
        device: torch.device,
    ) -> None:
        self._training = children.text or TextTrainingConfig()
        torch.manual_seed(child.seed)
        network = build_language_model(
            child.architecture, num_words=manifest.num_words, training=self._training
        )
        self.cost = count_language_model(network)
        self.network = network.to(device)
        self.epochs: list[EpochMetrics] = []
        self.best: dict[str, Tensor] = {}
        self._optimizer = torch.optim.SGD(
            self.network.parameters(),
            children.learning_rate,
            momentum=children.momentum,
            nesterov=children.nesterov,
            weight_decay=children.weight_decay,
        )
        self._average: WeightAverage | None = None
        self._train, self._valid = text.train.to(device), text.valid.to(device)
        self._seed, self._children = child.seed, children

    @property
    def is_done(self) -> bool:
        """Whether all epochs are finished."""
        return len(self.epochs) == self._children.epochs

    def run_epoch(self) -> EpochMetrics:
        """Train for one epoch, then look at the validation text.

        Raises:
            DivergedError: The loss, the perplexity or a weight is no finite number.
        """
        epoch, started_s = len(self.epochs) + 1, time.perf_counter()
        if self._average is None and self._first_averaged() == epoch:
            self._average = WeightAverage(self.network)
        train_loss = self._train_epoch(epoch)
        with self._judged_weights():
            valid_loss = text_loss(self.network, self._valid)
            check_finite(epoch, train_loss, valid_loss, self.network)
            if math.isinf(perplexity(valid_loss)):
                raise DivergedError(f"in epoch {epoch} the validation perplexity became infinite")
            metrics = EpochMetrics(
                epoch,
                train_loss,
                valid_loss,
                valid_accuracy=None,
                learning_rate=learning_rate(self._children, (epoch - 1) / self._children.epochs),
                seconds=time.perf_counter() - started_s,
            )
            self.epochs.append(metrics)
            if best_epoch(self.epochs, self._children) is metrics:
                self.best = {name: x.clone() for name, x in self.network.state_dict().items()}
        return metrics

    def checkpoint(self) -> Checkpoint:
        """Return the state after the last finished epoch; valid until the next one begins."""
        return Checkpoint(
            tuple(self.epochs),
            self.network.state_dict(),
            momentum=momentum_of(self.network, self._optimizer),
            best=self.best,
            average={} if self._average is None else self._average.weights,
        )

    def restore(self, checkpoint: Checkpoint) -> None:
        """Go on from a checkpoint that fits the network."""
        self.epochs = list(checkpoint.epochs)
        self.network.load_state_dict(dict(checkpoint.model))
        set_momentum(self.network, self._optimizer, checkpoint.momentum)
        self.best = dict(checkpoint.best)
        first = self._first_averaged()
        if first is not None and first <= len(self.epochs):
            num_steps = sum(
                len(self._pieces(epoch)) for epoch in range(first, len(self.epochs) + 1)
            )
            self._average = WeightAverage(
                self.network, weights=checkpoint.average, num_steps=num_steps
            )

    def _first_averaged(self) -> int | None:
        return first_averaged_epoch(
            [metrics.valid_loss for metrics in self.epochs], self._training.average_after
        )

    def _pieces(self, epoch: int) -> list[Piece]:
        return text_batches(
            self._train,
            batch_size=self._children.batch_size,
            bptt=self._training.bptt,
            random_lengths=self._training.random_bptt,
            seed=epoch_seed(self._seed, epoch, BATCHES),
        )

    def _train_epoch(self, epoch: int) -> float:
        """Return the mean cross-entropy over the words, each as it was before its own step."""
        self.network.train()
        torch.manual_seed(epoch_seed(self._seed, epoch, DROPOUT))
        pieces = self._pieces(epoch)
        state_BH = self.network.initial_state(pieces[0][0].shape[1])
        total_loss, num_rows = torch.zeros((), device=self._train.device), 0
        for number, piece in enumerate(pieces):
            progress = (epoch - 1 + number / len(pieces)) / self._children.epochs
            cross_entropy, state_BH = self._step(piece, state_BH, progress)
            total_loss += len(piece[0]) * cross_entropy
            num_rows += len(piece[0])
        return total_loss.item() / num_rows  # the epoch's one wait for the device

    def _step(self, piece: Piece, state_BH: Tensor, progress: float) -> tuple[Tensor, Tensor]:
        """Make one step of SGD; return the cross-entropy before it, and the state after it."""
        weight = len(piece[0]) / self._training.bptt
        self._optimizer.param_groups[0]["lr"] = weight * learning_rate(self._children, progress)
        loss = self.network.loss(*piece, state_BH)
        self._optimizer.zero_grad(set_to_none=True)
        loss.objective.backward()  # type: ignore[no-untyped-call]
        if self._children.clip_norm is not None:
            nn.utils.clip_grad_norm_(self.network.parameters(), self._children.clip_norm)
        self._optimizer.step()
        if self._average is not None:
            self._average.add_step()
        return loss.cross_entropy.detach(), loss.state_BH

    @contextmanager
    def _judged_weights(self) -> Iterator[None]:
        """Let the network have the averaged weights for a while, where there are any."""
        if self._average is None:
            yield
            return
        with self._average.in_place():
            yield
