"""Every stream of randomness: a name each, and one way from the search's seed to it.

Nothing is drawn from a generator's state. What is random follows from a seed, a stream's name and
numbers such as replica, round and child, so that a step can be repeated anywhere.
"""

from __future__ import annotations

from enum import IntEnum

import numpy as np


class Stream(IntEnum):
    """What is random, and the numbers that tell one use of it from another.

    The numbers of the streams stand for good: another one is another search.
    """

    # of a search's seed
    SPLIT = 1  # which examples are held out
    CONTROLLER = 2  # a controller's first parameters
    PROPOSE = 3  # replica, round
    CHILD = 4  # replica, round, index: the child's own seed
    WEIGHTS = 5  # the first shared weights
    SHARED_DROPOUT = 6  # epoch
    SHARED_PROPOSE = 7  # epoch: an architecture for each mini-batch
    CONTROLLER_STEP = 8  # step: architectures to judge
    SHARED_BATCHES = 9  # epoch
    VALIDATION_ORDER = 10  # pass over the validation data
    REFIT = 11  # evaluation: training batches for BatchNorm
    REFIT_ALL = 12  # the same, for a score on all validation data
    DERIVE = 13  # samples in the end
    PROBES = 14  # architectures drawn uniformly
    PREVIEW = 15  # architectures that are timed
    SHARED_FLIPS = 16  # which images begin flipped
    CONFIRM = 17  # replica, round, index of the first; which training: a child trained again

    # of a child's own seed
    FIRST_WEIGHTS = 20
    BATCHES = 21  # epoch: order and augmentation
    DROPOUT = 22  # epoch
    FLIPS = 23  # which images begin flipped


def seed_for(seed: int, stream: Stream, *numbers: int) -> int:
    """Return the seed of one use of a stream, in [0, 2^63).

    No two can meet: every part takes two words of the entropy, whatever its size. As one list
    `[seed, 0]` of numpy's would be the same as `[seed]`.

    Args:
        seed: The search's, or a child's; at least 0 and below 2^64.
        stream: What is random.
        numbers: Which use of it: as many for one stream every time, each in [0, 2^64).
    """
    words = [word for part in (stream, seed, *numbers) for word in (part & 0xFFFFFFFF, part >> 32)]
    entropy = np.array(words, dtype=np.uint32)  # a list takes three times as long
    sequence = np.random.SeedSequence(entropy)
    return int(sequence.generate_state(1, np.uint64)[0] >> 1)
