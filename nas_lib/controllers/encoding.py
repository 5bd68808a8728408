"""Results as numbers that models take: tokens as features, rewards as scores.

Letters in names: N results, C architectures, F features, W tokens of an architecture.
"""

from __future__ import annotations

from statistics import NormalDist

import numpy as np
import numpy.typing as npt

from nas_lib.controllers.memory import NO_TOKEN, Rewards, Tokens
from nas_lib.controllers.mutation import Limits

Features = npt.NDArray[np.float32]

_MOST_COLUMNS = 1000
"""Of a token."""

_NORMAL = NormalDist()


def features(tokens_CW: Tokens, limits_W: Limits) -> Features:
    """Return each token as what it may be, one of 0 and 1 for each value; a bit as it is.

    What a smaller depth lacks is 0 everywhere, and what is too much is left out.
    """
    first = np.where(limits_W == 2, 1, 0)  # of a bit, that it is 1 says all
    return _one_hot(tokens_CW, limits_W, first)


def one_hot(tokens_CW: Tokens, limits_W: Limits) -> Features:
    """Return each token as 0 and 1 for each value: the product of two rows counts what they share.

    What a smaller depth lacks is 0 everywhere, and what is too much is left out.
    """
    return _one_hot(tokens_CW, limits_W, np.zeros_like(limits_W))


def normal_scores(rewards_N: Rewards) -> Rewards:
    """Return the quantiles of a normal distribution that the rewards have the ranks of.

    Most of what tells rewards apart lies among bad ones; what counts is to tell the good apart.
    """
    _, places, counts = np.unique(rewards_N, return_inverse=True, return_counts=True)
    quantiles = (np.cumsum(counts) - counts / 2) / len(rewards_N)  # equal ones share theirs
    scores: Rewards = np.array([_NORMAL.inv_cdf(each) for each in quantiles.tolist()])[places]
    return scores


def _one_hot(tokens_CW: Tokens, limits_W: Limits, first_W: Limits) -> Features:
    """Return a column for each value of each token from its first one on.

    Values of a token that has very many share columns: they are seldom taken for each other.
    """
    if (limits_W > _MOST_COLUMNS).any():
        tokens_CW = np.where(tokens_CW == NO_TOKEN, NO_TOKEN, tokens_CW % _MOST_COLUMNS)
        limits_W = limits_W.clip(max=_MOST_COLUMNS)
    nums_W = limits_W - first_W
    columns = np.repeat(np.arange(len(limits_W)), nums_W)
    values = np.arange(len(columns)) - np.repeat(np.cumsum(nums_W) - nums_W - first_W, nums_W)
    is_value: npt.NDArray[np.bool_] = tokens_CW[:, columns] == values
    return is_value.astype(np.float32)
