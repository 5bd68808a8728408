"""Tensors of all words of a piece, and parts of them.

Letters: T words of a piece, B pieces side by side, W values.
"""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor


def words(whole_TBW: Tensor, num_words: int) -> Sequence[Tensor]:
    """Return a view for each word; the same for all where only one is kept."""
    views = whole_TBW.unbind()
    return views if len(views) == num_words else views * num_words


def flat(x_TBW: Tensor) -> Tensor:
    """Return all words of all pieces one below the other, `[T x B, W]`."""
    return x_TBW.flatten(0, 1)
