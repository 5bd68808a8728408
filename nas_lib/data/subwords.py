"""Subwords: how sentences become numbers and back, by sentencepiece."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

PAD: Final = 0
"""Fills up sentences."""
UNKNOWN: Final = 1
BEGIN: Final = 2
END: Final = 3


class Subwords:
    """A vocabulary of subwords, trained on text.

    Attributes:
        data: As sentencepiece stores it.
    """

    def __init__(self, data: bytes) -> None:
        """Take one as it was stored.

        Raises:
            MissingExtraError: sentencepiece is not installed.
            CorruptStateError: It is none.
        """
        self.data = data
        raise NotImplementedError

    @classmethod
    def trained(cls, sentences: Iterable[str], *, size: int) -> Subwords:
        """Return a vocabulary of so many subwords (byte pairs), a pure function of its arguments.

        Raises:
            DataError: The sentences have not as many.
            MissingExtraError: sentencepiece is not installed.
        """
        raise NotImplementedError

    def __len__(self) -> int:
        raise NotImplementedError

    @property
    def pieces(self) -> tuple[str, ...]:
        """All of them, by their numbers."""
        raise NotImplementedError

    def encode(self, sentences: Sequence[str]) -> list[list[int]]:
        """Return the numbers of each sentence, without beginning and end."""
        raise NotImplementedError

    def decode(self, numbers: Sequence[int]) -> str:
        """Return the sentence of some numbers."""
        raise NotImplementedError
