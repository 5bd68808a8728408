"""What the epochs of all trainers have in common: randomness that repeats, and finite numbers."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import nn

from nas_lib.errors import NasError

BATCHES, DROPOUT = range(2)
"""Streams of randomness of an epoch."""


class DivergedError(NasError, ArithmeticError):
    """The loss or a weight is no finite number any more."""


def epoch_seed(seed: int, epoch: int, stream: int) -> int:
    """Return the seed of one of an epoch's streams of randomness."""
    numbers = np.random.SeedSequence([seed, epoch]).generate_state(DROPOUT + 1, np.uint64)
    return int(numbers[stream])


def check_finite(epoch: int, train_loss: float, valid_loss: float, network: nn.Module) -> None:
    """Refuse what cannot be trained any further.

    Raises:
        DivergedError: A loss or a weight is no finite number.
    """
    for name, loss in (("training", train_loss), ("validation", valid_loss)):
        if not math.isfinite(loss):
            raise DivergedError(f"in epoch {epoch} the {name} loss became {loss}")
    # BatchNorm and ReLU can hide an infinite weight from the loss
    finite = [torch.isfinite(tensor).all() for tensor in network.state_dict().values()]
    if not torch.stack(finite).all():
        raise DivergedError(f"in epoch {epoch} a weight became infinite or not a number")


def is_out_of_memory(err: BaseException) -> bool:
    """Return whether memory ran out; on a CPU torch has no error class of its own for it."""
    known = isinstance(err, torch.OutOfMemoryError | MemoryError)
    return known or any(text in str(err) for text in ("can't allocate memory", "bad_alloc"))
