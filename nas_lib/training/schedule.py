"""The learning rate over training, and which epoch of it counts."""

from __future__ import annotations

import math
from collections.abc import Sequence

from nas_lib.config import SgdConfig
from nas_lib.records import EpochMetrics
from nas_lib.results.measure import Measure

_ROUNDING = 1e-6  # in epochs: much more than progress is off, much less than a step


def learning_rate(settings: SgdConfig, progress: float) -> float:
    """Return the learning rate of a step.

    Constant and cosine are as they say. Exponential: once `decay_after` epochs are over, it falls
    by the factor `decay` each time another `decay_every` are; in between it stays. Cosine with
    restarts (Loshchilov & Hutter 2017), from epoch to epoch too: the first cycle has `first_cycle`
    epochs, each next one twice as many, and the last one may be cut short.

    Args:
        settings: The schedule, and its rates.
        progress: Steps before this one, as a fraction of all steps; cosine would be at its end
            with 1.
    """
    if settings.schedule == "constant":
        return settings.learning_rate
    passed = progress * settings.epochs + _ROUNDING  # epochs, and a part of one
    if settings.schedule == "exponential":
        falls = math.floor((passed - settings.decay_after) / settings.decay_every)
        return settings.learning_rate * settings.decay ** max(0, falls)
    if settings.schedule == "cosine_restarts":
        progress = _cycle_progress(math.floor(passed), settings.first_cycle)
    end = settings.min_learning_rate
    return end + (settings.learning_rate - end) * 0.5 * (1 + math.cos(math.pi * progress))


def _cycle_progress(finished: int, cycle: int) -> float:
    """Return how much of its cycle is over after so many epochs, as a fraction in [0, 1)."""
    while finished >= cycle:
        finished, cycle = finished - cycle, 2 * cycle
    return finished / cycle


def best_epoch(
    epochs: Sequence[EpochMetrics], measure: Measure, *, after: int
) -> EpochMetrics | None:
    """Return the epoch that counts, None where there is none (Zoph & Le 2017, section 4.1).

    It is the one of the best score among the last epochs of training, the first of them where
    several are equal.

    Args:
        epochs: The finished ones.
        measure: Which score is better.
        after: The epoch, counted from 1, after which the last ones begin.
    """
    best: EpochMetrics | None = None
    for metrics in epochs:
        if metrics.epoch > after and (best is None or measure.is_better(metrics.score, best.score)):
            best = metrics
    return best
