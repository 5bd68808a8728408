"""The average of a network's weights over the steps of SGD (Polyak & Juditsky 1992).

When it begins is decided as in Merity et al. (2018), section 3: once validation stops to improve.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor, nn


def first_averaged_epoch(valid_losses: Sequence[float], patience: int | None) -> int | None:
    """Return the epoch (from 1) at whose start averaging begins, None as long as it does not.

    Args:
        valid_losses: Of the epochs so far.
        patience: Epochs in a row without a lower loss than before, after which it begins; None for
            never.
    """
    if patience is None:
        return None
    best = 0
    for epoch, loss in enumerate(valid_losses):
        if loss < valid_losses[best]:
            best = epoch
        if epoch - best == patience:
            return epoch + 2  # the epoch after this one, counted from 1
    return None


class WeightAverage:
    """A running mean, and the network that it is taken of.

    Attributes:
        weights: The mean of each parameter by its name.
    """

    def __init__(
        self, network: nn.Module, *, weights: Mapping[str, Tensor] | None = None, num_steps: int = 0
    ) -> None:
        """Begin with no step, or go on after `num_steps` with the mean of these."""
        self._parameters = dict(network.named_parameters())
        self._num_steps = num_steps
        self.weights = {
            name: parameter.detach().clone() for name, parameter in self._parameters.items()
        }
        for name, weight in (weights or {}).items():
            self.weights[name].copy_(weight)

    @torch.no_grad()
    def add_step(self) -> None:
        """Take the network's present weights in."""
        self._num_steps += 1
        for name, parameter in self._parameters.items():
            self.weights[name].lerp_(parameter, 1 / self._num_steps)

    @contextmanager
    @torch.no_grad()
    def in_place(self) -> Iterator[None]:
        """Let the network have the mean as its weights for a while."""
        own = {name: parameter.clone() for name, parameter in self._parameters.items()}
        self._set(self.weights)
        try:
            yield
        finally:
            self._set(own)

    @torch.no_grad()
    def _set(self, weights: Mapping[str, Tensor]) -> None:
        for name, parameter in self._parameters.items():
            parameter.copy_(weights[name])
