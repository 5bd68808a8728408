"""The interface of what shared-weight training works on: a super-network and its data."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from torch import Tensor, nn

from nas_lib.results.measure import Measure
from nas_lib.shared_weights.norm import BatchNormMode

Tokens = Sequence[int]
"""An architecture as its space's tokens."""

WORST_SCORE = 1e9
"""Of an architecture that overflows, where less is better; JSON has no infinity."""


@dataclass(frozen=True, eq=False)
class Batch:
    """One mini-batch of training data, on the device.

    Attributes:
        inputs: Images, standardised and augmented, `[B, C, H, W]`; or words, `[T, B]`.
        targets: Class indices `[B]`; or the next words, `[T, B]`.
        weight: What the learning rate of its step is multiplied by.
    """

    inputs: Tensor
    targets: Tensor
    weight: float = 1.0


class Workload(Protocol):
    """A super-network, its training data, and how its architectures are judged.

    Everything random comes from `seed` and the numbers that the methods are given, so that an epoch
    can be repeated.

    Attributes:
        num_validation_batches: Mini-batches of validation data, of the training batches' size.
        has_batch_norm: Whether `mode` makes a difference.
        measure: What scores are.
    """

    num_validation_batches: int
    has_batch_norm: bool
    measure: Measure

    @property
    def network(self) -> nn.Module:
        """The owner of the shared weights. Its buffers count too: a checkpoint holds both."""
        ...

    def num_batches(self, epoch: int) -> int:
        """Return how many mini-batches an epoch has, counted from 1."""
        ...

    def batches(self, epoch: int) -> Iterator[Batch]:
        """Yield an epoch's mini-batches; a text's state is zero before the first."""
        ...

    def loss(self, batch: Batch, tokens: Tokens) -> tuple[Tensor, Tensor]:
        """Return what is minimised and the mean cross-entropy in it, both scalars in nats.

        The network is left in training mode. A text's state goes on from the batch before.
        """
        ...

    def quick_score(self, tokens: Tokens, *, number: int) -> float:
        """Return an architecture's score on one validation mini-batch, by the configured mode.

        Args:
            tokens: The architecture.
            number: Any number from 0; validation (and refitting) batches are drawn by it.
        """
        ...

    def score(self, tokens: Tokens, *, mode: BatchNormMode) -> float:
        """Return an architecture's score on all validation data."""
        ...


def finite_score(workload: Workload, score: float) -> float:
    """Return the score, or the worst there is for an architecture that overflows."""
    if math.isfinite(score):
        return score
    return 0.0 if workload.measure.higher_is_better else WORST_SCORE
