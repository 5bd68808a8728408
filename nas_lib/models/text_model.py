"""TextModel: how well it can tell the words of a text, and which word comes next.

What is said of words holds for characters, where a model was trained on these.

Letters: N words, B columns of R words each, T words of a piece, S numbers of a state, V words of
the vocabulary.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from nas_lib.document import shown
from nas_lib.errors import DataError
from nas_lib.models.info import TextInputs
from nas_lib.models.model import Model
from nas_lib.models.predictions import Predictions
from nas_lib.tasks.text.readers import SPLITTERS
from nas_lib.tasks.text.scoring import SCORINGS, Scoring

_COLUMNS: Final = 10  # as `nas_lib.tasks.text.trainer` reads a text to judge by it
_MOST_LOGITS: Final = 2**26  # of a run, 256 MiB

Words = npt.NDArray[np.int64]


@dataclass(frozen=True)
class TextScore:
    """How well a model can tell the words of a text.

    Attributes:
        perplexity: How many equally likely words would be as hard to tell the next one from.
        num_words: Of the text, with the ends of its sentences.
        num_unknown: Of these, words that are not in the vocabulary.
        value: In the measure of the model: the perplexity of words, of characters the bits.
    """

    perplexity: float
    num_words: int
    num_unknown: int
    value: float


class TextModel(Model):
    """The next word of a text."""

    @property
    def _inputs(self) -> TextInputs:
        assert isinstance(self.info.inputs, TextInputs)
        return self.info.inputs

    @property
    def scoring(self) -> Scoring:
        """What a score of its texts is, and what these are made of."""
        return SCORINGS[self._inputs.level]

    @property
    def columns(self) -> tuple[str, ...]:  # type: ignore[override]
        """What is said of a text."""
        return self.scoring.columns

    @cached_property
    def _index(self) -> dict[str, int]:
        return {word: number for number, word in enumerate(self.labels)}

    def words(self, text: str) -> Words:
        """Return the indices of a text's words, `[N]`, split as the text that it learned from.

        Raises:
            DataError: It is no text.
        """
        if not isinstance(text, str):
            raise DataError(f"expected a text, one at a time, got {shown(text)}")
        unknown = self._inputs.unknown
        found = SPLITTERS[self._inputs.words](text, self._inputs.level)
        return np.fromiter((self._index.get(word, unknown) for word in found), np.int64, len(found))

    def score(self, text: str) -> TextScore:
        """Return how well the model can tell the words of a text, each from those before it.

        A text of ten pieces of `bptt` words or more is read in ten columns side by side, as texts
        are that children are judged by, and fewer than ten of its last words are left out. A
        shorter one is read from its first word to its last.

        Raises:
            DataError: It has fewer than two words.
        """
        words_N = self.words(text)
        if len(words_N) < 2:
            token = self.scoring.token
            raise DataError(f"expected a text of at least 2 {token}s, got {len(words_N)}")
        num_unknown = int((words_N == self._inputs.unknown).sum())
        value = self.scoring.score(self._loss(words_N))
        perplexity = self.scoring.perplexity(value)
        return TextScore(perplexity, len(words_N), num_unknown, value)

    def perplexity(self, text: str) -> float:
        """Return the perplexity of a text, as `score` does."""
        return self.score(text).perplexity

    def predict(self, text: str) -> Predictions:
        """Return how probable each word is as the next one of a text.

        Raises:
            DataError: It has no words.
        """
        words_N = self.words(text)
        if not text.endswith("\n"):
            words_N = words_N[:-1]  # the end of a sentence that goes on
        if not len(words_N):
            raise DataError(f"expected a text of at least 1 {self.scoring.token}, got none")
        (logits_TBV,) = deque(self._logits(words_N[:, np.newaxis]), maxlen=1)  # of the last piece
        odds_V = np.exp(logits_TBV[-1, 0] - logits_TBV[-1, 0].max())
        return Predictions(self.labels, (odds_V / odds_V.sum())[np.newaxis])

    def _loss(self, words_N: Words) -> float:
        """Return the mean cross-entropy per word, in nats."""
        is_long = len(words_N) - 1 >= _COLUMNS * self._inputs.bptt
        num_columns = _COLUMNS if is_long else 1
        num_rows = (len(words_N) - 1) // num_columns
        num = num_rows * num_columns
        inputs_RB = words_N[:num].reshape(num_columns, num_rows).T
        targets_RB = words_N[1 : num + 1].reshape(num_columns, num_rows).T
        at_once = max(1, _MOST_LOGITS // (self._inputs.bptt * len(self.labels)))
        total = 0.0
        for first in range(0, num_columns, at_once):
            which = slice(first, first + at_once)
            total += self._total_loss(inputs_RB[:, which], targets_RB[:, which])
        return total / num

    def _total_loss(self, inputs_RB: Words, targets_RB: Words) -> float:
        total, row = 0.0, 0
        for logits_TBV in self._logits(inputs_RB):
            targets_TB1 = targets_RB[row : row + len(logits_TBV), :, np.newaxis]
            highest_TB1 = logits_TBV.max(axis=2, keepdims=True)
            sums_TB1 = np.exp(logits_TBV - highest_TB1).sum(2, np.float64, keepdims=True)
            logits_TB1 = np.take_along_axis(logits_TBV, targets_TB1, axis=2)
            total += float((np.log(sums_TB1) + highest_TB1 - logits_TB1).sum())
            row += len(logits_TBV)
        return total

    def _logits(self, inputs_RB: Words) -> Iterator[npt.NDArray[Any]]:
        """Yield what comes after each word, `[T, B, V]`, piece by piece.

        The state is zero at first, and carried over from piece to piece.
        """
        bptt, size = self._inputs.bptt, self._inputs.state_size
        state_BS = np.zeros((inputs_RB.shape[1], size), np.float32)
        for start in range(0, len(inputs_RB), bptt):
            words_TB = inputs_RB[start : start + bptt]
            found = self.graph.run({"words": words_TB, "state": state_BS})
            state_BS = found["next_state"]
            yield found["logits"]
