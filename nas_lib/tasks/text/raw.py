"""Text as a reader hands it over: words, already split, not yet numbered."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from nas_lib.errors import DataError

UNKNOWN = "<unk>"
"""Stands for every word that is not in the vocabulary."""
END = "<eos>"
"""Ends a sentence."""


@dataclass(frozen=True, eq=False)
class RawText:
    """The words of a data set.

    Attributes:
        source: What was read, for people and errors.
        train: To train on; the vocabulary comes from them.
        valid: For the reward.
        test: For the test.
        notices: A sentence without full stop on each thing that a user would not guess.
    """

    source: str
    train: Sequence[str]
    valid: Sequence[str]
    test: Sequence[str]
    notices: tuple[str, ...] = ()


def check_text(text: RawText) -> None:
    """Refuse a part with nothing to predict.

    Raises:
        DataError: It has fewer than two words.
    """
    for name in ("train", "valid", "test"):
        num_words = len(getattr(text, name))
        if num_words < 2:
            raise DataError(f"{text.source}: expected at least 2 words in {name}, got {num_words}")
