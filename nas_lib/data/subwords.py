"""Subwords: how sentences become numbers and back, by sentencepiece.

Byte pairs (Sennrich et al. 2016) of both languages together. Characters are taken as they are
written (none is normalised), but for blanks at the ends and several in a row; one that is too rare
for a subword of its own is spelled in the bytes of UTF-8, so that nothing is unknown.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Final

from nas_lib.errors import CorruptStateError, DataError, MissingExtraError, one_line

if TYPE_CHECKING:
    from types import ModuleType

PAD: Final = 0
"""Fills up sentences."""
UNKNOWN: Final = 1
BEGIN: Final = 2
END: Final = 3

_SETTINGS: Final = {
    "model_type": "bpe",
    "byte_fallback": True,
    "character_coverage": 0.9995,  # of all characters; the rarest others are spelled in bytes
    "normalization_rule_name": "identity",
    "max_sentence_length": 2**20,  # in bytes; longer ones would be passed over
    "num_threads": 1,
    "pad_id": PAD,
    "unk_id": UNKNOWN,
    "bos_id": BEGIN,
    "eos_id": END,
    "minloglevel": 2,
}
_AT_LEAST: Final = re.compile(r"smaller than required_chars\. \d+ vs (\d+)")
_AT_MOST: Final = re.compile(r"too high \(\d+\)\. Please set it to a value <= (\d+)")


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
        self._processor = _sentencepiece().SentencePieceProcessor()
        try:
            is_loaded = bool(data) and self._processor.LoadFromSerializedProto(data)
        except RuntimeError as err:
            raise CorruptStateError(
                f"expected a vocabulary of sentencepiece, got another {len(data):,} bytes"
            ) from err
        if not is_loaded:
            raise CorruptStateError("expected a vocabulary of sentencepiece, got nothing")

    @classmethod
    def trained(cls, sentences: Iterable[str], *, size: int, where: str) -> Subwords:
        """Return a vocabulary of byte pairs, a pure function of its arguments.

        Args:
            sentences: To train on.
            size: How many subwords.
            where: Where the sentences are from, for errors.

        Raises:
            DataError: The sentences have not as many, or have too many characters for so few.
            MissingExtraError: sentencepiece is not installed.
        """
        trainer, written = _sentencepiece().SentencePieceTrainer, io.BytesIO()
        try:
            trainer.train(
                sentence_iterator=iter(sentences),
                model_writer=written,
                vocab_size=size,
                **_SETTINGS,
            )
        except RuntimeError as err:
            raise DataError(f"{where}: {_why_not(str(err), size)}") from err
        return cls(written.getvalue())

    def __len__(self) -> int:
        return int(self._processor.GetPieceSize())

    @property
    def pieces(self) -> tuple[str, ...]:
        """All of them, by their numbers."""
        return tuple(self._processor.IdToPiece(list(range(len(self)))))

    def encode(self, sentences: Sequence[str]) -> list[list[int]]:
        """Return the numbers of each sentence, without beginning and end."""
        found: list[list[int]] = self._processor.Encode(list(sentences), num_threads=1)
        return found

    def decode(self, numbers: Sequence[int]) -> str:
        """Return the sentence of some numbers; those of beginning, end and filling say nothing."""
        return str(self._processor.Decode([int(number) for number in numbers]))


def _sentencepiece() -> ModuleType:
    try:
        import sentencepiece
    except ImportError as err:
        raise MissingExtraError("subwords need sentencepiece", "translation", err) from err
    module: ModuleType = sentencepiece
    return module


def _why_not(message: str, size: int) -> str:
    expected = f"expected text that can be told in {size:,} subwords"
    if found := _AT_LEAST.search(message):
        return (
            f"{expected}, got one whose characters take {int(found[1]):,}, the 256 bytes among "
            "them: set task.vocabulary to more than that"
        )
    if found := _AT_MOST.search(message):
        return (
            f"{expected}, got one that has no more than {int(found[1]):,}: set task.vocabulary to "
            "that or less"
        )
    return f"{expected}, got one that sentencepiece refuses: {one_line(message, 300)}"
