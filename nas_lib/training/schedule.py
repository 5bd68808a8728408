"""The learning rate over training, and which epoch of it counts."""

from __future__ import annotations

import math
from collections.abc import Sequence

from nas_lib.config import ChildrenConfig
from nas_lib.records import EpochMetrics


def learning_rate(children: ChildrenConfig, progress: float) -> float:
    """Return the learning rate of a step.

    Args:
        children: The schedule and the rate at the start.
        progress: Steps before this one, as a fraction of all steps; cosine would be 0 at 1.
    """
    if children.schedule == "constant":
        return children.learning_rate
    return children.learning_rate * 0.5 * (1 + math.cos(math.pi * progress))


def best_epoch(epochs: Sequence[EpochMetrics], children: ChildrenConfig) -> EpochMetrics | None:
    """Return the epoch that counts, None before the last epochs (Zoph & Le 2017, section 4.1).

    It is the one of the highest validation accuracy among the last epochs of training, the first
    of them where several are equal.
    """
    begin = children.epochs - children.reward.last_epochs
    counted = [metrics for metrics in epochs if metrics.epoch > begin]
    return max(counted, key=lambda metrics: metrics.valid_accuracy, default=None)
