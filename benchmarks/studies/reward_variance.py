"""RewardVariance: how much of what a reward is depends on the batch that it was measured on.

Letters in names: A architectures, N batches.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy.typing as npt


@dataclass(frozen=True)
class RewardVariance:
    """The parts of a reward's variance where each architecture is judged on each batch.

    Estimated as random effects of two factors without repetition, none below 0.

    Attributes:
        architecture: Of architectures' means: what a controller is to learn.
        batch: Of batches' means: what all architectures that share a batch have in common.
        rest: Of what is left.
    """

    architecture: float
    batch: float
    rest: float

    @classmethod
    def of(cls, rewards_AN: npt.NDArray[Any]) -> RewardVariance:
        """Return that of these rewards, of at least two architectures and batches."""
        num_architectures, num_batches = rewards_AN.shape
        means_A1, means_1N = rewards_AN.mean(1, keepdims=True), rewards_AN.mean(0, keepdims=True)
        left_AN = rewards_AN - means_A1 - means_1N + rewards_AN.mean()
        rest = float((left_AN**2).sum() / ((num_architectures - 1) * (num_batches - 1)))
        # a mean of N rewards has an N-th of what is left in its own variance
        return cls(
            architecture=max(0.0, float(means_A1.var(ddof=1)) - rest / num_batches),
            batch=max(0.0, float(means_1N.var(ddof=1)) - rest / num_architectures),
            rest=rest,
        )

    @property
    def shared_noise(self) -> float:
        """The share of the noise that cancels among architectures judged on the same batch."""
        return self.batch / (self.batch + self.rest)
