"""One step of Adam on one shard."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from nas_lib.controllers.state import Shard, Vector

# As Kingma & Ba (2015) suggest, and torch's defaults.
_BETA_1 = 0.9
_BETA_2 = 0.999
_EPSILON = 1e-8


def adam_step(
    shard: Shard,
    gradient_N: Vector,
    *,
    learning_rate: float,
    beta_1: float = _BETA_1,
    epsilon: float = _EPSILON,
) -> Shard:
    """Return the shard after one step against the gradient of its slice.

    Every element for itself, in float32: any split into shards gives the same parameters, bit by
    bit.

    Args:
        shard: What the step begins with.
        gradient_N: The gradient, `[N]`.
        learning_rate: The length of a step along a gradient that stays the same.
        beta_1: Decay of the mean gradient.
        epsilon: Is added to the gradient's size before that divides the mean.
    """
    steps = shard.steps + 1
    first_N = beta_1 * shard.first_moment + (1 - beta_1) * gradient_N
    second_N = _BETA_2 * shard.second_moment + (1 - _BETA_2) * gradient_N**2
    # Both means start at zero; the divisors undo the pull towards it.
    mean_N = first_N / (1 - beta_1**steps)
    size_N: Vector = np.sqrt(second_N / (1 - _BETA_2**steps))
    return replace(
        shard,
        parameters=shard.parameters - learning_rate * mean_N / (size_N + epsilon),
        first_moment=first_N,
        second_moment=second_N,
        steps=steps,
    )
