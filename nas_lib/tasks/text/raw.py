"""Text as a reader hands it over: words or characters, already split, not yet numbered."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from nas_lib.errors import DataError, one_line

UNKNOWN = "<unk>"
"""Stands for every word or character that is not in the vocabulary."""
END = "<eos>"
"""Ends a sentence, which is a line or a paragraph."""


@dataclass(frozen=True, eq=False)
class RawText:
    """The words of a data set, or its characters.

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


def check_text(text: RawText, token: str) -> None:
    """Refuse a part with nothing to predict.

    Args:
        text: What was read.
        token: What it is made of: `word` or `character`.

    Raises:
        DataError: It has fewer than two words; or the training text repeats a single one.
    """
    for name in ("train", "valid", "test"):
        num = len(getattr(text, name))
        if num < 2:
            raise DataError(f"{text.source}: expected at least 2 {token}s in {name}, got {num}")
    different = set(text.train) - {END}
    if len(different) < 2:
        found = "".join(f" ('{one_line(each)}')" for each in different)
        raise DataError(
            f"{text.source}: expected at least 2 different {token}s in train, the ends of lines "
            f"not counted, got {len(different)}{found}"
        )
