"""TranslationModel: sentences of one language, from those of another.

Letters: T subwords of a sentence.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np

from nas_lib.data.subwords import Subwords
from nas_lib.document import shown
from nas_lib.errors import CorruptStateError, DataError, one_line
from nas_lib.models.info import SUBWORDS, TranslationInputs
from nas_lib.models.model import Model
from nas_lib.models.translating import TranslatorNetwork, network_of

_BREAKS: Final = re.compile(r"[\r\n]+")  # which a network may spell in bytes
_HALVES: Final = re.compile(r"[\ud800-\udfff]")  # of characters, as what is no UTF-8 comes in


@dataclass(frozen=True)
class Translation:
    """What a model makes of a sentence.

    Attributes:
        text: The translation, in one line.
        num_subwords: Of the sentence, its end among them; 0 where nothing is to be translated.
        is_longer: Whether it is longer than all sentences of the model's data.
    """

    text: str
    num_subwords: int = 0
    is_longer: bool = False


class TranslationModel(Model):
    """Translations of sentences."""

    columns = ("line", "translation")

    def load(self) -> None:
        """Read the networks and the vocabulary."""
        super().load()
        self.subwords  # noqa: B018

    @cached_property
    def subwords(self) -> Subwords:
        """The vocabulary.

        Raises:
            CorruptStateError: It is damaged.
            MissingExtraError: There is no sentencepiece.
        """
        data = self._stored.read(SUBWORDS)
        try:
            return Subwords(data)
        except CorruptStateError as err:
            where = one_line(self._stored.place_of(SUBWORDS))
            raise CorruptStateError(f"{where} is damaged: {err}") from err

    @property
    def max_length(self) -> int:
        """Subwords of the longest sentence of its data, the end among them."""
        return self._inputs.max_length

    @cached_property
    def _network(self) -> TranslatorNetwork:
        return network_of(self.graphs, self._inputs)

    @property
    def _inputs(self) -> TranslationInputs:
        assert isinstance(self.info.inputs, TranslationInputs)
        return self.info.inputs

    def translate(self, sentence: str) -> Translation:
        """Return the translation of a sentence, by beam search; of a blank one it is empty.

        One that is longer than all sentences of the model's data is translated, too.

        Raises:
            DataError: It is no text.
        """
        if not isinstance(sentence, str) or _HALVES.search(sentence):
            raise DataError(f"expected a sentence, one at a time, got {shown(sentence)}")
        sentence = sentence.strip()
        if not sentence:
            return Translation("")
        (numbers,) = self.subwords.encode([sentence])
        source_T = np.array([*numbers, self._inputs.end], np.int64)
        best = self._network.best(source_T, self._inputs)
        text = _BREAKS.sub(" ", self.subwords.decode(best.words))
        return Translation(text, len(source_T), len(source_T) > self.max_length)
