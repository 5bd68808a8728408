"""EpochTrainer: a network, its optimiser and what its epochs have come to, whatever it learns."""

from __future__ import annotations

import math
import signal
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel

from nas_lib.config import ImageChildrenConfig, TextChildrenConfig, TranslationChildrenConfig
from nas_lib.errors import InterruptedSearchError, NasError
from nas_lib.networks import Cost
from nas_lib.records import EpochMetrics
from nas_lib.results.measure import Measure
from nas_lib.training.averages import DecayingAverage
from nas_lib.training.checkpoints import Checkpoint, Checkpoints
from nas_lib.training.optimizers import build_optimizer, remembered, remind
from nas_lib.training.schedule import best_epoch, learning_rate


class DivergedError(NasError, ArithmeticError):
    """The loss or a weight is no finite number any more."""


class Validation(NamedTuple):
    """What a network comes to on validation data: mean loss, and its score."""

    loss: float
    score: float


class EpochTrainer(ABC):
    """Trains one network, epoch by epoch.

    The validation data are looked at after each epoch and change nothing but `best`, unless the
    settings include them in what is learnt: then an epoch's metrics are of examples that it has
    seen, and the last epoch counts. Each epoch's randomness comes from the child's seed and the
    epoch, so a restored trainer goes on exactly as it would have. Dropout draws from torch's global
    generator, which is seeded for that.

    Once weights are averaged, the average is what is judged and kept, while training goes on from
    the weights themselves.

    Attributes:
        network: The network, on the device.
        cost: Its size.
        epochs: Metrics of the finished epochs.
        best: The state dict after the epoch that counts; empty before the last epochs.
    """

    def __init__(
        self,
        network: nn.Module,
        cost: Cost,
        settings: ImageChildrenConfig | TextChildrenConfig | TranslationChildrenConfig,
        *,
        measure: Measure,
        seed: int,
    ) -> None:
        """Begin before the first epoch.

        Args:
            network: With its first weights, on the device.
            cost: Its size.
            settings: How it is trained.
            measure: What scores are.
            seed: The child's own.
        """
        self.cost = cost
        self.epochs: list[EpochMetrics] = []
        self.best: dict[str, Tensor] = {}
        self._network, self._settings = network, settings
        self._measure, self._seed = measure, seed
        self._average: AveragedModel | None = None
        self._optimizer = build_optimizer(network, settings)

    @property
    def network(self) -> nn.Module:
        """The network that is trained."""
        return self._network

    @property
    def judged(self) -> nn.Module:
        """The network that is judged and kept: the same, unless its weights are averaged."""
        return self._network if self._average is None else self._average.module

    @property
    def is_done(self) -> bool:
        """Whether all epochs are finished."""
        return len(self.epochs) == self._settings.epochs

    def run_epoch(self) -> EpochMetrics:
        """Train for one epoch, then look at the validation data.

        Raises:
            DivergedError: The loss, the score or a weight is no finite number.
        """
        epoch, started_s = len(self.epochs) + 1, time.perf_counter()
        if epoch == 1:
            self._begin()
        if self._average is None and self._first_averaged() == epoch:
            self._average = self._new_average()
        self._network.train()
        train_loss = self._train_epoch(epoch)
        valid = self._validate()
        check_finite(epoch, {"training loss": train_loss, "validation loss": valid.loss})
        check_finite(epoch, {self._measure.name: valid.score})
        check_weights(epoch, self.judged)
        metrics = EpochMetrics(
            epoch,
            train_loss,
            valid.loss,
            valid.score,
            learning_rate=learning_rate(self._settings, (epoch - 1) / self._settings.epochs),
            seconds=time.perf_counter() - started_s,
        )
        self.epochs.append(metrics)
        if self.best_epoch() is metrics:
            self.best = {name: x.clone() for name, x in self.judged.state_dict().items()}
        return metrics

    def best_epoch(self) -> EpochMetrics | None:
        """Return the epoch that counts, None before the last epochs."""
        settings = self._settings
        num_last = 1 if settings.include_validation else settings.reward.last_epochs
        return best_epoch(self.epochs, self._measure, after=settings.epochs - num_last)

    def checkpoint(self) -> Checkpoint:
        """Return the state after the last finished epoch; valid until the next one begins."""
        return Checkpoint(
            tuple(self.epochs),
            self._network.state_dict(),
            best=self.best,
            average={} if self._average is None else self._average.module.state_dict(),
            **remembered(self._network, self._optimizer),
        )

    def restore(self, checkpoint: Checkpoint) -> None:
        """Go on from a checkpoint that fits the network."""
        self.epochs = list(checkpoint.epochs)
        self._network.load_state_dict(dict(checkpoint.model))
        remind(self._network, self._optimizer, vars(checkpoint))
        self.best = dict(checkpoint.best)
        first = self._first_averaged()
        if first is None or first > len(self.epochs):
            return
        self._average = self._new_average()
        self._average.module.load_state_dict(dict(checkpoint.average))
        num_steps = sum(map(self._num_steps, range(first, len(self.epochs) + 1)))
        self._average.n_averaged.fill_(num_steps)

    def _begin(self) -> None:
        """Do what is to be done once, before the first epoch."""
        return

    def _first_averaged(self) -> int | None:
        """Return the epoch at whose start averaging begins, None as long as it does not."""
        return 1 if self._settings.average_decay else None

    def _new_average(self) -> AveragedModel:
        """Return an average of the network's weights before its first step."""
        return DecayingAverage(self._network, self._settings.average_decay)

    @abstractmethod
    def _num_steps(self, epoch: int) -> int:
        """Return how many steps an epoch has, counted from 1."""

    @abstractmethod
    def _train_epoch(self, epoch: int) -> float:
        """Train for one epoch, counted from 1.

        Returns:
            The mean loss over all examples, each as it was before its own step.
        """

    @abstractmethod
    def _validate(self) -> Validation:
        """Return what the judged network comes to."""

    def _step(self, objective: Tensor, progress: float, *, weight: float = 1.0) -> None:
        """Make one step.

        Args:
            objective: What is minimised, a scalar with the graph that leads to it.
            progress: Steps before this one, as a fraction of all steps of the training.
            weight: What the learning rate is multiplied by.
        """
        rate = weight * learning_rate(self._settings, progress)
        self._optimizer.param_groups[0]["lr"] = rate
        self._optimizer.zero_grad(set_to_none=True)
        objective.backward()  # type: ignore[no-untyped-call]
        if self._settings.clip_norm is not None:
            nn.utils.clip_grad_norm_(self._network.parameters(), self._settings.clip_norm)
        self._optimizer.step()
        if self._average is not None:
            self._average.update_parameters(self._network)


def train(
    trainer: EpochTrainer,
    checkpoints: Checkpoints,
    on_epoch: Callable[[EpochMetrics], None] = lambda _: None,
) -> None:
    """Train to the end, with a checkpoint where one is due.

    Where SIGTERM is blocked, it asks to stop at the end of the epoch, with a checkpoint: the kernel
    remembers it for us.

    Args:
        trainer: New, or restored.
        checkpoints: Where they go.
        on_epoch: Is called after each epoch.

    Raises:
        DivergedError: As `EpochTrainer.run_epoch` does.
        InterruptedSearchError: It was asked to stop.
    """
    while not trainer.is_done:
        metrics = trainer.run_epoch()
        is_asked = not trainer.is_done and _is_asked_to_stop()
        if not trainer.is_done and (is_asked or checkpoints.due()):
            checkpoints.save(trainer.checkpoint())
        on_epoch(metrics)
        if is_asked:
            raise InterruptedSearchError(f"stopped after epoch {metrics.epoch}")


def _is_asked_to_stop() -> bool:
    return hasattr(signal, "sigpending") and signal.SIGTERM in signal.sigpending()  # not on Windows


def check_finite(epoch: int, numbers: Mapping[str, float]) -> None:
    """Refuse what cannot be trained any further.

    Raises:
        DivergedError: One of the numbers, given by their names, is not finite.
    """
    for name, number in numbers.items():
        if not math.isfinite(number):
            raise DivergedError(f"in epoch {epoch} the {name} became {number}")


def check_weights(epoch: int, network: nn.Module) -> None:
    """Refuse a network that cannot be trained any further.

    BatchNorm and ReLU can hide an infinite weight from the loss.

    Raises:
        DivergedError: A weight is not finite.
    """
    finite = [torch.isfinite(tensor).all() for tensor in network.state_dict().values()]
    if not torch.stack(finite).all():
        raise DivergedError(f"in epoch {epoch} a weight became infinite or not a number")


def is_out_of_memory(err: BaseException) -> bool:
    """Return whether memory ran out; on a CPU torch has no error class of its own for it."""
    known = isinstance(err, torch.OutOfMemoryError | MemoryError)
    return known or any(text in str(err) for text in ("can't allocate memory", "bad_alloc"))
