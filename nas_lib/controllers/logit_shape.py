"""How the ENAS policy shapes logits before they are probabilities.

Letters in names: B architectures, O options of a choice, X anchors that a decision sees, P pairs of
a decision and an anchor that it sees.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from nas_lib.config import EnasControllerConfig


@dataclass(frozen=True)
class LogitShape:
    """How logits are kept from growing, and what else is known beforehand."""

    temperature: float
    tanh_constant: float | None
    choice_tanh_constant: float | None
    choice_bias: tuple[float, ...]
    distance_weight: float

    @classmethod
    def of(cls, config: EnasControllerConfig) -> LogitShape:
        constant = config.operation_tanh_constant
        return cls(
            temperature=1.0 if config.temperature is None else config.temperature,
            tanh_constant=config.tanh_constant,
            choice_tanh_constant=config.tanh_constant if constant is None else constant,
            choice_bias=config.operation_bias,
            distance_weight=config.distance_weight,
        )

    def of_choice(self, logits: Tensor) -> Tensor:
        """Shape logits `[..., O]`; the bias is for choices with as many options."""
        logits = self._squash(logits, self.choice_tanh_constant)
        if len(self.choice_bias) != logits.shape[-1]:
            return logits
        return logits + logits.new_tensor(self.choice_bias)

    def of_bits(self, logits: Tensor) -> Tensor:
        """Return the log-odds of bits that are softmaxes over -logit (out) and logit (in)."""
        return 2 * self._squash(logits, self.tanh_constant)

    def of_pointers(self, logits_PB: Tensor, distance_P1: Tensor) -> Tensor:
        """Shape the logits of anchors at these distances."""
        logits_PB = self._squash(logits_PB, self.tanh_constant)
        if not self.distance_weight:
            return logits_PB
        return logits_PB - self.distance_weight * distance_P1**2

    def _squash(self, logits: Tensor, constant: float | None) -> Tensor:
        logits = logits / self.temperature
        return logits if constant is None else constant * logits.tanh()


def distances(num_anchors: int) -> Tensor:
    """Return how far back each of the latest anchors lies, `[X, 1]`: 1 for the newest."""
    return torch.arange(num_anchors, 0, -1)[:, None]
